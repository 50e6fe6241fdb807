// SPDX-License-Identifier: Apache-2.0

//! Kinds, states, events, links, limits, contexts of elsewhere.

use std::io;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

const KINDS: [SpanKind; 5] = [
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

fn elsewhere(number: u128, flags: TraceFlags) -> SpanContext {
    let state = TraceState::from_key_value([("shop", "t61rcWkg"), ("rojo", "00f067aa")]);
    SpanContext::new(
        TraceId::from(number << 64 | 0xfeed),
        SpanId::from(0xbeef),
        flags,
        true,
        state.unwrap_or_default(),
    )
}

/// Gives the number of spans.
pub fn tell_spans(provider: &SdkTracerProvider) -> u64 {
    let mut told = 0;
    for scope in super::scopes() {
        let tracer = provider.tracer_with_scope(scope);
        told += kinds(&tracer) + of_elsewhere(&tracer) + full(&tracer) + odd(&tracer);
        told += beyond_limits(&tracer);
    }
    told
}

fn kinds(tracer: &SdkTracer) -> u64 {
    let statuses = [
        Status::Unset,
        Status::Ok,
        Status::error("it broke"),
        Status::error(""),
        Status::error("é\u{1f980}\n".repeat(100)),
    ];
    let mut told = 0;
    for kind in KINDS {
        for status in &statuses {
            let mut span = tracer
                .span_builder(format!("{kind:?}"))
                .with_kind(kind.clone())
                .start(tracer);
            span.set_status(status.clone());
            span.end();
            told += 1;
        }
    }
    told
}

/// Parents in another process, with and without flags that a newer one may set, and
/// their children here.
fn of_elsewhere(tracer: &SdkTracer) -> u64 {
    let flags = [TraceFlags::SAMPLED, TraceFlags::new(0x03)];
    for flags in flags {
        let context = Context::new().with_remote_span_context(elsewhere(7, flags));
        let server = tracer.start_with_context("from elsewhere", &context);
        let inside = Context::current_with_span(server);
        let mut child = tracer.start_with_context("inside", &inside);
        child.end();
        inside.span().end();
    }
    2 * flags.len() as u64
}

fn full(tracer: &SdkTracer) -> u64 {
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_600_000_000_123_456_789);
    let builder: SpanBuilder = tracer
        .span_builder("")
        .with_start_time(start)
        .with_attributes(super::every_type())
        .with_links(vec![
            Link::new(
                elsewhere(8, TraceFlags::SAMPLED),
                vec![KeyValue::new("why", "test")],
                0,
            ),
            Link::new(elsewhere(9, TraceFlags::default()), Vec::new(), 3),
        ]);
    let mut span = builder.start(tracer);
    span.add_link(SpanContext::NONE, vec![KeyValue::new("to", "nothing")]);
    span.add_event("packed", vec![KeyValue::new("n", 1)]);
    span.add_event_with_timestamp("", start + Duration::from_millis(1), Vec::new());
    span.record_error(&io::Error::other("the shelf fell down"));
    span.update_name("renamed é");
    span.end_with_timestamp(start + Duration::from_secs(1));
    1
}

/// Times before OTLP's, an end before the start, nothing but what has to be.
fn odd(tracer: &SdkTracer) -> u64 {
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let mut span = tracer
        .span_builder("early")
        .with_start_time(early)
        .start(tracer);
    span.add_event_with_timestamp("early", early, super::every_type());
    span.add_link(elsewhere(10, TraceFlags::SAMPLED), super::every_type());
    span.end_with_timestamp(early);
    let mut span = tracer.start("backwards");
    span.end_with_timestamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(1));
    2
}

/// More than the provider's limits allow, so that something is dropped.
fn beyond_limits(tracer: &SdkTracer) -> u64 {
    let pairs = |n: i64| {
        (0..n)
            .map(|i| KeyValue::new(format!("k{i}"), i))
            .collect::<Vec<_>>()
    };
    let mut span = tracer.start("too much");
    span.set_attributes(pairs(20));
    for i in 0..7 {
        span.add_event(format!("event {i}"), pairs(5));
        span.add_link(elsewhere(20 + i, TraceFlags::SAMPLED), pairs(4));
    }
    span.end();
    1
}
