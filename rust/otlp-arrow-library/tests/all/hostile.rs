// SPDX-License-Identifier: Apache-2.0

//! Values that no program should have: kept as they are, or refused as a whole with
//! the documented error.

use std::time::{Duration, Instant, SystemTime};

use futures_executor::block_on;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use otlp_arrow_library::{MockOtlpService, OtlpError, OtlpExportError, OtlpLibrary, Stats};

use crate::world::{span, stored_requests, Directory, SECOND};

const MIB: usize = 1 << 20;

/// The text of the only error that refuses what cannot be stored.
fn refusal(result: Result<(), OtlpError>) -> String {
    match result {
        Err(OtlpError::Export(OtlpExportError::SerializationError(text))) => text,
        other => panic!("{other:?}"),
    }
}

/// What is there when nothing but one good span was ever taken.
fn check_only_one_is_stored(library: &OtlpLibrary) {
    block_on(library.export_trace(span(99))).unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    let Stats { traces, logs, .. } = library.stats().unwrap();
    assert_eq!((traces.stored, traces.buffered, traces.given_up), (1, 0, 0));
    assert_eq!(logs.stored, 0);
}

fn with_ids(trace_id: TraceId, span_id: SpanId) -> SpanData {
    let state = TraceState::default();
    SpanData {
        span_context: SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state),
        ..span(1)
    }
}

#[test]
fn half_an_id_is_none() {
    let directory = Directory::new();
    let library = directory.library();
    let exporter = library.span_exporter();
    for wrong in [
        with_ids(TraceId::INVALID, SpanId::from(1)),
        with_ids(TraceId::from(1), SpanId::INVALID),
        with_ids(TraceId::INVALID, SpanId::INVALID),
    ] {
        let text = refusal(block_on(library.export_trace(wrong.clone())));
        assert!(
            text.contains("span 0 of 1") && text.contains("id"),
            "{text}"
        );
        match block_on(exporter.export(vec![span(2), wrong])) {
            Err(OTelSdkError::InternalFailure(text)) => {
                assert!(text.contains("span 1 of 2"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    check_only_one_is_stored(&library);
    assert_eq!(stored_requests(&directory).len(), 1);
}

#[test]
fn a_link_or_a_record_without_ids_is_kept() {
    let mock = MockOtlpService::new();
    let mut linked = span(1);
    linked.links.links = vec![Link::new(SpanContext::NONE, Vec::new(), 0)];
    block_on(mock.receive_trace(linked)).unwrap();
    let found = block_on(mock.received_spans()).unwrap();
    assert_eq!(found.len(), 1);
    block_on(mock.stop()).unwrap();

    let directory = Directory::new();
    let library = directory.library();
    let provider = SdkLoggerProvider::builder()
        .with_simple_exporter(library.log_exporter_adapter())
        .build();
    let logger = provider.logger("shop");
    for (trace_id, span_id) in [(0_u128, 0_u64), (7, 0), (0, 7)] {
        let mut record = logger.create_log_record();
        record.set_trace_context(trace_id.into(), span_id.into(), None);
        logger.emit(record);
    }
    library.shutdown_blocking(10 * SECOND).unwrap();
    assert_eq!(library.stats().unwrap().logs.stored, 3);
}

fn with_text(len: usize) -> SpanData {
    SpanData {
        attributes: vec![KeyValue::new("text", "t".repeat(len))],
        ..span(1)
    }
}

#[test]
fn large_texts_are_kept_and_huge_ones_refused() {
    let directory = Directory::new();
    let config = directory
        .config()
        .set("memory_limit", "16MiB")
        .set("protocols.max_request_size", "8MiB")
        .set("ack", "write");
    let library = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap();
    for len in [9 * MIB, 40 * MIB, 200 * MIB] {
        let text = refusal(block_on(library.export_trace(with_text(len))));
        assert!(text.contains("more than one batch may be"), "{text}");
    }
    let batch = vec![span(1), with_text(20 * MIB), span(2)];
    refusal(block_on(library.export_traces(batch)));
    // An exporter does not come again with what will never fit.
    let begin = Instant::now();
    let told = block_on(library.span_exporter().export(vec![with_text(20 * MIB)]));
    assert!(
        matches!(told, Err(OTelSdkError::InternalFailure(_))),
        "{told:?}"
    );
    assert!(begin.elapsed() < 8 * SECOND);
    block_on(library.export_trace(with_text(6 * MIB))).unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    let traces = library.stats().unwrap().traces;
    assert_eq!((traces.stored, traces.received), (1, 1));
    let (requests, whole) = (stored_requests(&directory), "t".repeat(6 * MIB));
    assert!(requests.len() == 1 && requests[0].contains(&whole));
}

#[test]
fn numbers_that_are_none_are_kept() {
    let directory = Directory::new();
    let library = directory.library();
    let mut odd = span(1);
    odd.attributes = vec![
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("least", f64::NEG_INFINITY),
        KeyValue::new("array", Value::Array(vec![f64::NAN, 1.0].into())),
    ];
    block_on(library.export_trace(odd)).unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    let all = stored_requests(&directory).concat();
    for text in [
        r#"{"key":"nan","value":{"doubleValue":"NaN"}}"#,
        r#"{"key":"least","value":{"doubleValue":"-Infinity"}}"#,
        r#"[{"doubleValue":"NaN"},{"doubleValue":1"#,
    ] {
        assert!(all.contains(text), "{text} is not in {all}");
    }
}

#[test]
fn the_sdk_leaves_out_measurements_that_are_no_numbers() {
    let directory = Directory::new();
    let library = directory.library();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(library.metric_exporter_adapter())
        .build();
    let meter = provider.meter("shop");
    let gauge = meter.f64_gauge("gauge").build();
    let histogram = meter.f64_histogram("histogram").build();
    for value in [f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
        gauge.record(value, &[]);
        histogram.record(value, &[]);
    }
    provider.shutdown().unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    assert_eq!(library.stats().unwrap().metrics.stored, 2);
    let all = stored_requests(&directory).concat();
    assert!(!all.contains("NaN") && !all.contains("Infinity"), "{all}");
    assert!(all.contains("2.2250738585072014e-308"), "{all}");
}

#[test]
fn times_that_otlp_cannot_have_are_the_nearest() {
    let directory = Directory::new();
    let library = directory.library();
    let mut odd = span(1);
    odd.start_time = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    odd.end_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    block_on(library.export_trace(odd)).unwrap();
    let mut backwards = span(2);
    backwards.end_time = backwards.start_time - SECOND;
    block_on(library.export_trace(backwards)).unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, 2);
    let all = stored_requests(&directory).concat();
    assert!(all.contains(&format!("\"{}\"", u64::MAX)), "{all}");
}

#[test]
fn texts_with_any_characters_are_kept() {
    let mock = MockOtlpService::new();
    let mut odd = span(1);
    let text = "\0 \u{1} \" \\ \u{7f} \u{feff} \u{10ffff} é\r\n";
    odd.name = text.into();
    odd.attributes = vec![KeyValue::new(text, text), KeyValue::new("", "no key")];
    block_on(mock.receive_trace(odd)).unwrap();
    let found = block_on(mock.received_spans()).unwrap().remove(0);
    assert_eq!(found.name, text);
    assert_eq!(found.attributes[text], AnyValue::from(text));
    assert_eq!(found.attributes[""], AnyValue::from("no key"));
    block_on(mock.stop()).unwrap();
}

#[test]
fn more_spans_than_the_buffer_ever_holds_are_refused() {
    let directory = Directory::new();
    let config = directory.config().max_trace_buffer_size(100);
    let library = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap();
    let text = refusal(block_on(
        library.export_traces((0..101).map(span).collect()),
    ));
    assert!(
        text.contains("100 rows") && text.contains("split it"),
        "{text}"
    );
    check_only_one_is_stored(&library);
}
