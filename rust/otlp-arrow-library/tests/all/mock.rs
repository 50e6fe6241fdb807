// SPDX-License-Identifier: Apache-2.0

//! The service for the tests of programs.

use std::io::{Read, Write};
use std::net::TcpStream;

use futures_executor::block_on;
use opentelemetry::logs::AnyValue;
use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use otlp_arrow_library::MockOtlpService;

use crate::world::span;

/// Sends TEXT as OTLP/JSON over HTTP and gives the status line.
fn post(address: &str, path: &str, text: &str) -> String {
    let host = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

const TRACES: &str = r#"{"resourceSpans": [{"resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeSpans": [{"spans": [
    {"traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0001020304050607",
     "name": "order", "kind": 2, "startTimeUnixNano": "5", "endTimeUnixNano": "7",
     "status": {"code": 2, "message": "it broke"},
     "attributes": [{"key": "n", "value": {"intValue": "3"}}]}]}]}]}"#;
const METRICS: &str = r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [
    {"name": "stock", "unit": "1", "sum": {"aggregationTemporality": 2, "dataPoints": [
    {"asInt": "-7", "timeUnixNano": "9"}]}}]}]}]}"#;
const LOGS: &str = r#"{"resourceLogs": [{"scopeLogs": [{"scope": {"name": "till"},
    "logRecords": [{"body": {"stringValue": "empty"}, "severityNumber": 13}]}]}]}"#;

#[test]
fn what_comes_over_both_ports_is_decoded() {
    let mock = MockOtlpService::new();
    let addresses = block_on(mock.start()).unwrap();
    assert_ne!(addresses.protobuf_addr, addresses.arrow_flight_addr);
    assert_eq!(block_on(mock.start()).unwrap(), addresses);
    assert!(post(&addresses.protobuf_addr, "/v1/traces", TRACES).contains("200"));
    assert!(post(&addresses.arrow_flight_addr, "/v1/metrics", METRICS).contains("200"));
    assert!(post(&addresses.protobuf_addr, "/v1/logs", LOGS).contains("200"));

    let spans = block_on(mock.received_spans()).unwrap();
    assert_eq!(spans.len(), 1);
    let found = &spans[0];
    assert_eq!((found.name.as_str(), found.kind), ("order", 2));
    assert_eq!(
        (found.status_code, found.status_message.as_str()),
        (2, "it broke")
    );
    assert_eq!(found.span_id, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(found.resource["service.name"], AnyValue::from("shop"));
    assert_eq!(found.attributes["n"], AnyValue::Int(3));
    assert_eq!(found.parent_span_id, None);
    let metrics = block_on(mock.received_metrics()).unwrap();
    assert_eq!(
        (metrics[0].name.as_str(), metrics[0].kind.as_str()),
        ("stock", "sum")
    );
    assert_eq!(metrics[0].points[0].as_int, Some(-7));
    let logs = block_on(mock.received_logs()).unwrap();
    assert_eq!(logs[0].body, Some(AnyValue::from("empty")));
    assert_eq!(
        (logs[0].scope_name.as_str(), logs[0].severity_number),
        ("till", 13)
    );

    block_on(mock.assert_traces_received(1)).unwrap();
    block_on(mock.assert_metrics_received(1)).unwrap();
    let wrong = block_on(mock.assert_traces_received(2)).unwrap_err();
    assert_eq!(wrong, "expected 2 spans, received 1");
    assert_eq!(block_on(mock.grpc_calls_count()).unwrap(), 3);
    assert_eq!(block_on(mock.api_calls_count()), 0);
    block_on(mock.stop()).unwrap();
}

#[test]
fn what_is_handed_over_counts_as_such_and_a_reset_forgets() {
    let mock = MockOtlpService::default();
    let mut sent = span(1);
    sent.attributes.push(KeyValue::new("n", 1));
    block_on(mock.receive_trace(sent)).unwrap();
    block_on(mock.receive_metric(ResourceMetrics::default())).unwrap();
    let addresses = block_on(mock.start()).unwrap();
    assert!(post(&addresses.protobuf_addr, "/v1/traces", TRACES).contains("200"));
    block_on(mock.assert_traces_received(2)).unwrap();
    block_on(mock.assert_metrics_received(1)).unwrap();
    assert_eq!(block_on(mock.api_calls_count()), 2);
    assert_eq!(block_on(mock.grpc_calls_count()).unwrap(), 1);

    block_on(mock.reset()).unwrap();
    block_on(mock.assert_traces_received(0)).unwrap();
    block_on(mock.assert_metrics_received(0)).unwrap();
    assert_eq!(block_on(mock.api_calls_count()), 0);
    assert_eq!(block_on(mock.grpc_calls_count()).unwrap(), 0);
    assert_eq!(block_on(mock.start()).unwrap(), addresses);
    block_on(mock.receive_trace(span(2))).unwrap();
    assert_eq!(block_on(mock.received_spans()).unwrap()[0].name, "span 2");
}

#[test]
fn a_service_that_was_stopped_is_gone_with_its_files() {
    let mock = MockOtlpService::new();
    let first = block_on(mock.start()).unwrap();
    block_on(mock.receive_trace(span(1))).unwrap();
    block_on(mock.stop()).unwrap();
    block_on(mock.stop()).unwrap();
    let host = first.protobuf_addr.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(host).is_err());
    block_on(mock.assert_traces_received(0)).unwrap();
}
