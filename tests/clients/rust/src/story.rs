// SPDX-License-Identifier: Apache-2.0

//! What every client tells.

use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::logs::SdkLogger;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracer;

use crate::Providers;

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("otlp-arrow.client")
        .with_version("1.2")
        .with_schema_url("https://schema.example/1")
        .with_attributes([KeyValue::new("in", "scope")])
        .build()
}

pub fn send_orders(providers: &Providers, count: u32) {
    let tracer = providers.traces.tracer_with_scope(scope());
    let logger = providers.logs.logger_with_scope(scope());
    let meter = providers.metrics.meter_with_scope(scope());
    let orders = meter
        .u64_counter("orders")
        .with_unit("1")
        .with_description("orders taken")
        .build();
    for i in 0..i64::from(count) {
        let span = tracer
            .span_builder("order")
            .with_kind(SpanKind::Server)
            .with_attributes(every_type(i))
            .start(&tracer);
        let _active = Context::current_with_span(span).attach();
        let context = Context::current();
        let order = context.span();
        order.add_event("packed", vec![KeyValue::new("n", i)]);
        let shelf = if i % 2 == 0 { "a" } else { "b" };
        orders.add(1, &[KeyValue::new("shelf", shelf)]);
        pay(&tracer, &context);
        emit(&logger, i);
        order.end();
    }
}

fn every_type(i: i64) -> Vec<KeyValue> {
    let texts = vec![StringValue::from("a"), StringValue::from("b")];
    vec![
        KeyValue::new("index", i),
        KeyValue::new("text", "é"),
        KeyValue::new("large", i64::MIN),
        KeyValue::new("double", 2.5),
        KeyValue::new("yes", true),
        KeyValue::new("texts", Value::Array(Array::String(texts))),
        KeyValue::new("numbers", Value::Array(Array::I64(vec![1, -2]))),
    ]
}

fn pay(tracer: &SdkTracer, order: &Context) {
    let why = vec![KeyValue::new("why", "test")];
    let mut pay = tracer
        .span_builder("pay")
        .with_kind(SpanKind::Client)
        .with_links(vec![Link::new(order.span().span_context().clone(), why, 0)])
        .start_with_context(tracer, order);
    pay.set_status(Status::error("it broke"));
    pay.end();
}

fn emit(logger: &SdkLogger, i: i64) {
    let mut record = logger.create_log_record();
    record.set_timestamp(SystemTime::now());
    record.set_severity_number(Severity::Warn);
    record.set_severity_text("WARN");
    record.set_body(AnyValue::from(format!("stock é is {i}")));
    record.add_attribute("shelf", "A7");
    record.add_attribute("left", i);
    logger.emit(record);
}

/// Gives the number of data points, those of "orders" included.
pub fn send_points(provider: &SdkMeterProvider) -> u32 {
    let meter = provider.meter_with_scope(scope());
    meter.i64_up_down_counter("stock").build().add(-7, &[]);
    let duration = meter.f64_histogram("duration").with_unit("s").build();
    let size = meter.f64_histogram("size").build();
    for value in [0.5, 7.0, 20_000.0] {
        duration.record(value, &[]);
        size.record(value, &[]);
    }
    size.record(0.0, &[]);
    meter
        .f64_gauge("temperature")
        .build()
        .record(2.25, &[KeyValue::new("where", "here")]);
    meter
        .u64_observable_counter("observed.counter")
        .with_callback(|o| o.observe(11, &[]))
        .build();
    meter
        .i64_observable_up_down_counter("observed.updown")
        .with_callback(|o| o.observe(-12, &[]))
        .build();
    meter
        .f64_observable_gauge("observed.gauge")
        .with_callback(|o| o.observe(1.5, &[]))
        .build();
    9
}
