// SPDX-License-Identifier: Apache-2.0

//! What the SDK has arrives, looked at through the mock service; that every field
//! is what the SDK's own exporter sends is compared elsewhere, in the files.

use futures_executor::block_on;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, Value};
use opentelemetry_sdk::logs::{LogBatch, SdkLoggerProvider};
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{MockOtlpService, OtlpLibrary};

use crate::world::{span, Directory, SECOND};

#[test]
fn attributes_of_every_type_are_kept() {
    let mock = MockOtlpService::new();
    let mut sent = span(1);
    sent.span_kind = SpanKind::Producer;
    sent.status = Status::error("no more");
    sent.attributes = vec![
        KeyValue::new("b", true),
        KeyValue::new("i", i64::MIN),
        KeyValue::new("f", f64::NEG_INFINITY),
        KeyValue::new("s", "é"),
        KeyValue::new("bs", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("is", Value::Array(Array::I64(vec![1, -2]))),
        KeyValue::new("fs", Value::Array(Array::F64(vec![0.5]))),
        KeyValue::new("ss", Value::Array(Array::String(vec!["a".into()]))),
        KeyValue::new("none", Value::Array(Array::I64(Vec::new()))),
    ];
    block_on(mock.receive_trace(sent)).unwrap();
    let found = block_on(mock.received_spans()).unwrap().remove(0);
    let list = |items: Vec<AnyValue>| AnyValue::ListAny(Box::new(items));
    assert_eq!(
        (found.kind, found.status_code, found.status_message.as_str()),
        (4, 2, "no more")
    );
    assert_eq!(found.attributes["b"], true.into());
    assert_eq!(found.attributes["i"], AnyValue::Int(i64::MIN));
    assert_eq!(found.attributes["f"], f64::NEG_INFINITY.into());
    assert_eq!(found.attributes["s"], "é".into());
    assert_eq!(
        found.attributes["bs"],
        list(vec![true.into(), false.into()])
    );
    assert_eq!(
        found.attributes["is"],
        list(vec![1_i64.into(), (-2_i64).into()])
    );
    assert_eq!(found.attributes["fs"], list(vec![0.5.into()]));
    assert_eq!(found.attributes["ss"], list(vec!["a".into()]));
    assert_eq!(found.attributes["none"], list(Vec::new()));
    assert_eq!(found.start_time_unix_nano, 1_700_000_000_000_000_001);
    assert_eq!(found.end_time_unix_nano, 1_700_000_000_000_005_001);
}

#[test]
fn logs_are_exported_without_a_provider_too() {
    let directory = Directory::new();
    let resource = Resource::builder_empty().with_service_name("till").build();
    let library = directory.library().with_resource(resource);
    let provider = SdkLoggerProvider::builder().build();
    let logger = provider.logger("shop");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Fatal4);
    record.set_body(AnyValue::Map(Box::new(
        [(Key::from("k"), AnyValue::Bytes(Box::new(vec![0, 255])))].into(),
    )));
    let scope = opentelemetry::InstrumentationScope::builder("direct").build();
    block_on(library.export_logs(LogBatch::new(&[(&record, &scope)]))).unwrap();
    library.shutdown_blocking(SECOND).unwrap();
    assert_eq!(library.stats().unwrap().logs.stored, 1);
}

/// More than any list of values may be nested.
fn nested(depth: u32) -> AnyValue {
    (0..depth).fold(AnyValue::Int(1), |inner, _| {
        AnyValue::ListAny(Box::new(vec![inner]))
    })
}

#[test]
fn values_nested_too_deeply_cost_no_record() {
    let directory = Directory::new();
    let library: OtlpLibrary = directory.library();
    let provider = SdkLoggerProvider::builder().build();
    let logger = provider.logger("shop");
    let scope = opentelemetry::InstrumentationScope::builder("direct").build();
    for depth in [60, 80, 500] {
        let mut record = logger.create_log_record();
        record.set_body(nested(depth));
        block_on(library.export_logs(LogBatch::new(&[(&record, &scope)]))).unwrap();
    }
    library.shutdown_blocking(SECOND).unwrap();
    let stats = library.stats().unwrap().logs;
    assert_eq!((stats.stored, stats.rejected), (3, 0));
}
