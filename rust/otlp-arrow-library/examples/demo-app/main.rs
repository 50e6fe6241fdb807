// SPDX-License-Identifier: Apache-2.0

//! A small shop that sells to customers on several threads: traces, metrics, and log
//! records that know their spans, all into files of the program's own.
//!
//!     cargo run --example demo-app -- [DIRECTORY [--once]]
//!
//! With `--once` a few customers come, otherwise they keep coming for a while.

mod shop;

use std::error::Error;
use std::time::Duration;

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let once = arguments.get(1).is_some_and(|a| a == "--once");
    let config = ConfigBuilder::new()
        .output_dir(arguments.first().map_or("output_dir", String::as_str))
        .write_interval_secs(1)
        .build()?;
    let library = OtlpLibrary::new_blocking(config)?;
    let resource = Resource::builder().with_service_name("demo-app").build();
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
    let (customers, pause) = if once { (20, 0) } else { (1000, 20) };
    shop::Shop::new(&traces, &metrics, &logs).serve(customers, Duration::from_millis(pause));
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
