// SPDX-License-Identifier: Apache-2.0

//! A small web shop whose telemetry goes into Arrow files twice: in process, and
//! with the SDK's own exporter over the wire to a running service.
//!
//!     otlp-arrow-demo DIRECTORY http://HOST:PORT [CUSTOMERS]
//!
//! The shop itself is that of the library's example `demo-app`; here is what a
//! program does to have both kinds of exporters.

#[path = "../../../../rust/otlp-arrow-library/examples/demo-app/shop.rs"]
mod shop;

use std::error::Error;
use std::time::Duration;

use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

type Failure = Box<dyn Error>;

fn resource() -> Resource {
    Resource::builder().with_service_name("rust-shop").build()
}

fn traces(library: &OtlpLibrary, service: &str) -> Result<SdkTracerProvider, Failure> {
    let over_grpc = SpanExporter::builder().with_tonic().with_endpoint(service);
    Ok(SdkTracerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(library.span_exporter())
        .with_batch_exporter(over_grpc.build()?)
        .build())
}

/// One report at the end, so that both ways have as many.
fn reader<E: PushMetricExporter>(exporter: E) -> PeriodicReader<E> {
    PeriodicReader::builder(exporter)
        .with_interval(Duration::from_secs(24 * 60 * 60))
        .build()
}

fn metrics(library: &OtlpLibrary, service: &str) -> Result<SdkMeterProvider, Failure> {
    let over_grpc = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(service);
    Ok(SdkMeterProvider::builder()
        .with_resource(resource())
        .with_reader(reader(library.metric_exporter_adapter()))
        .with_reader(reader(over_grpc.build()?))
        .build())
}

fn logs(library: &OtlpLibrary, service: &str) -> Result<SdkLoggerProvider, Failure> {
    let over_grpc = LogExporter::builder().with_tonic().with_endpoint(service);
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(library.log_exporter_adapter())
        .with_batch_exporter(over_grpc.build()?)
        .build())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, service, rest @ ..] = arguments.as_slice() else {
        return Err("usage: otlp-arrow-demo DIRECTORY http://HOST:PORT [CUSTOMERS]".into());
    };
    let customers = rest.first().map_or(Ok(300), |number| number.parse())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let library = OtlpLibrary::new_blocking(ConfigBuilder::new().output_dir(directory).build()?)?;
    let (traces, metrics, logs) = (
        traces(&library, service)?,
        metrics(&library, service)?,
        logs(&library, service)?,
    );
    // The queues of the SDK have room for 2,048 items and lose what is more.
    let pause = Duration::from_millis(2);
    shop::Shop::new(&traces, &metrics, &logs).serve(customers, pause);
    traces.shutdown()?;
    metrics.shutdown()?;
    logs.shutdown()?;
    library.shutdown_blocking(Duration::from_secs(10))?;
    Ok(())
}
