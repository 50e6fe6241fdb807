// SPDX-License-Identifier: Apache-2.0

//! A program that keeps its own telemetry: the SDK's three providers with the
//! library's exporters, and no service beside it.
//!
//!     cargo run --example embedded -- [DIRECTORY]

use std::error::Error;
use std::time::Duration;

use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1);
    let config = ConfigBuilder::new()
        .output_dir(directory.as_deref().unwrap_or("output_dir"))
        .build()?;
    let library = OtlpLibrary::new_blocking(config)?;
    let resource = Resource::builder().with_service_name("embedded").build();

    let traces = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(library.span_exporter())
        .build();
    let metrics = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_periodic_exporter(library.metric_exporter_adapter())
        .build();
    let logs = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(library.log_exporter_adapter())
        .build();

    let tracer = traces.tracer("embedded");
    let mut span = tracer
        .span_builder("order")
        .with_kind(SpanKind::Server)
        .with_attributes([KeyValue::new("shelf", "A7")])
        .start(&tracer);
    span.set_status(Status::error("sold out"));
    span.end();

    let meter = metrics.meter("embedded");
    let orders = meter.u64_counter("orders").with_unit("1").build();
    orders.add(1, &[KeyValue::new("shelf", "A7")]);

    let logger = logs.logger("embedded");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn);
    record.set_body("the shelf is empty".into());
    logger.emit(record);

    // Providers first, which hand over what they have; then the library, which
    // writes it.
    traces.shutdown()?;
    metrics.shutdown()?;
    logs.shutdown()?;
    library.shutdown_blocking(Duration::from_secs(10))?;
    let stats = library.stats()?;
    println!(
        "{{\"traces\": {}, \"metrics\": {}, \"logs\": {}}}",
        stats.traces.stored, stats.metrics.stored, stats.logs.stored
    );
    Ok(())
}
