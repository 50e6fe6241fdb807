// SPDX-License-Identifier: Apache-2.0

//! Severities, bodies, attributes, times, names.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{SpanId, TraceContextExt, TraceFlags, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, Key};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

use Severity::{
    Debug, Debug2, Debug3, Debug4, Error, Error2, Error3, Error4, Fatal, Fatal2, Fatal3, Fatal4,
    Info, Info2, Info3, Info4, Trace, Trace2, Trace3, Trace4, Warn, Warn2, Warn3, Warn4,
};

const SEVERITIES: [Severity; 24] = [
    Trace, Trace2, Trace3, Trace4, Debug, Debug2, Debug3, Debug4, Info, Info2, Info3, Info4, Warn,
    Warn2, Warn3, Warn4, Error, Error2, Error3, Error4, Fatal, Fatal2, Fatal3, Fatal4,
];

fn list(values: Vec<AnyValue>) -> AnyValue {
    AnyValue::ListAny(Box::new(values))
}

/// Of one member, as the order of several is not defined.
fn map(key: &'static str, value: AnyValue) -> AnyValue {
    AnyValue::Map(Box::new(HashMap::from([(Key::from(key), value)])))
}

fn values() -> Vec<AnyValue> {
    let nested = (0..40).fold(AnyValue::Int(1), |inner, i| {
        if i % 2 == 0 {
            list(vec![inner, AnyValue::Boolean(true)])
        } else {
            map("in", inner)
        }
    });
    vec![
        "stock é is low".into(),
        "".into(),
        AnyValue::Int(i64::MIN),
        AnyValue::Double(-0.5),
        AnyValue::Double(f64::NAN),
        AnyValue::Boolean(false),
        AnyValue::Bytes(Box::new(vec![0, 255, 128])),
        AnyValue::Bytes(Box::default()),
        list(Vec::new()),
        list(vec!["a".into(), 1_i64.into(), 0.5.into(), true.into()]),
        map("k", map("k", AnyValue::Bytes(Box::new(vec![1])))),
        nested,
    ]
}

/// Gives the number of records.
pub fn tell_records(provider: &SdkLoggerProvider, traces: &SdkTracerProvider) -> u64 {
    let mut told = 0;
    for scope in super::scopes() {
        let logger = provider.logger_with_scope(scope);
        told += severities(&logger) + bodies(&logger) + others(&logger);
    }
    let tracer = traces.tracer("records");
    let span = tracer.start("around");
    let context = Context::current_with_span(span);
    let _inside = context.clone().attach();
    told += severities(&provider.logger("inside"));
    context.span().end();
    told
}

fn severities(logger: &SdkLogger) -> u64 {
    for severity in SEVERITIES {
        let mut record = logger.create_log_record();
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        logger.emit(record);
    }
    SEVERITIES.len() as u64
}

fn bodies(logger: &SdkLogger) -> u64 {
    let all = values();
    for (i, value) in all.iter().enumerate() {
        let mut record = logger.create_log_record();
        record.set_body(value.clone());
        record.add_attribute("number", i as i64);
        record.add_attribute("same", value.clone());
        logger.emit(record);
    }
    all.len() as u64
}

fn others(logger: &SdkLogger) -> u64 {
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_600_000_000_123_456_789);
    let mut record = logger.create_log_record();
    record.set_event_name("order.placed");
    record.set_target("shop::till");
    record.set_timestamp(time);
    record.set_observed_timestamp(time + Duration::from_secs(1));
    for i in 0..9 {
        record.add_attribute(format!("k{i}"), i);
    }
    logger.emit(record);
    let mut record = logger.create_log_record();
    record.set_target("shop::door");
    record.set_trace_context(TraceId::from(77), SpanId::from(78), None);
    logger.emit(record);
    let mut record = logger.create_log_record();
    record.set_trace_context(
        TraceId::from(79),
        SpanId::from(80),
        Some(TraceFlags::SAMPLED),
    );
    logger.emit(record);
    3 + odd(logger)
}

/// Times before OTLP's, and a severity of which there is only a text.
fn odd(logger: &SdkLogger) -> u64 {
    let mut record = logger.create_log_record();
    record.set_timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    record.set_observed_timestamp(SystemTime::UNIX_EPOCH);
    record.set_severity_text("as it likes");
    logger.emit(record);
    1
}
