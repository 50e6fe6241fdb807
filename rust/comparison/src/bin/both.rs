// SPDX-License-Identifier: Apache-2.0

//! Tells one story twice: to otlp-arrow-library, with its files in DIRECTORY, and
//! over the SDK's own OTLP exporter, as the environment says.  Each span, metric
//! and record is the same object for both, so both have to give the same rows.
//!
//!     both DIRECTORY cumulative|delta|lowmemory

#[path = "../story/mod.rs"]
mod story;

use std::error::Error;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanLimits};
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, MetricExporterAdapter, OtlpLibrary};

/// Gives the same metrics to two exporters.
struct Tee(MetricExporterAdapter, MetricExporter);

impl PushMetricExporter for Tee {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        PushMetricExporter::export(&self.0, metrics).await?;
        PushMetricExporter::export(&self.1, metrics).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()?;
        self.1.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)?;
        self.1.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        assert_eq!(self.0.temporality(), self.1.temporality());
        self.0.temporality()
    }
}

fn resource() -> Resource {
    Resource::builder()
        .with_service_name("shop")
        .with_attributes(story::every_type())
        .with_schema_url(
            [
                KeyValue::new("service.namespace", "test"),
                KeyValue::new("service.instance.id", "i-1"),
                KeyValue::new("shelves", 12),
                KeyValue::new("open", true),
                KeyValue::new("height", 2.5),
            ],
            "https://schema.example/resource",
        )
        .build()
}

fn traces(library: &OtlpLibrary) -> Result<SdkTracerProvider, Box<dyn Error>> {
    Ok(SdkTracerProvider::builder()
        .with_resource(resource())
        .with_span_limits(SpanLimits {
            max_events_per_span: 4,
            max_attributes_per_span: 16,
            max_links_per_span: 3,
            max_attributes_per_event: 2,
            max_attributes_per_link: 2,
        })
        .with_batch_exporter(library.span_exporter())
        .with_batch_exporter(SpanExporter::builder().with_tonic().build()?)
        .build())
}

fn logs(library: &OtlpLibrary) -> Result<SdkLoggerProvider, Box<dyn Error>> {
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(library.log_exporter_adapter())
        .with_batch_exporter(LogExporter::builder().with_tonic().build()?)
        .build())
}

fn metrics(
    library: &OtlpLibrary,
    temporality: Temporality,
) -> Result<SdkMeterProvider, Box<dyn Error>> {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_temporality(temporality)
        .build()?;
    Ok(SdkMeterProvider::builder()
        .with_resource(resource())
        .with_periodic_exporter(Tee(library.metric_exporter_adapter(), exporter))
        .with_view(story::view)
        .build())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: both DIRECTORY TEMPORALITY")?;
    let temporality = match arguments.next().as_deref() {
        Some("cumulative") => Temporality::Cumulative,
        Some("delta") => Temporality::Delta,
        Some("lowmemory") => Temporality::LowMemory,
        other => return Err(format!("no such temporality: {other:?}").into()),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let config = ConfigBuilder::new()
        .output_dir(directory)
        .with_temporality(temporality)
        .build()?;
    let library = OtlpLibrary::new_blocking(config)?;
    let (traces, metrics, logs) = (
        traces(&library)?,
        metrics(&library, temporality)?,
        logs(&library)?,
    );
    let spans = story::tell_spans(&traces);
    let records = story::tell_records(&logs, &traces);
    story::tell_points(&metrics);
    metrics.force_flush()?;
    story::tell_points(&metrics);
    traces.shutdown()?;
    metrics.shutdown()?;
    logs.shutdown()?;
    library.shutdown_blocking(Duration::from_secs(10))?;
    let stored = library.stats()?;
    assert_eq!(
        stored.traces.stored,
        spans + 1,
        "and the one around records"
    );
    assert_eq!(stored.logs.stored, records);
    println!("{{\"spans\": {}, \"logs\": {records}}}", spans + 1);
    Ok(())
}
