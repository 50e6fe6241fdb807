// SPDX-License-Identifier: Apache-2.0

//! The OpenTelemetry SDK of Rust as a sender for the tests; ../../README.md
//! says what is sent.  Protocol, endpoint, compression and resource are the
//! SDK's own to read from the environment.

mod story;

use std::error::Error;

use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::SdkTracerProvider;

pub struct Providers {
    pub traces: SdkTracerProvider,
    pub metrics: SdkMeterProvider,
    pub logs: SdkLoggerProvider,
}

fn exponential(instrument: &Instrument) -> Option<Stream> {
    if instrument.name() != "size" {
        return None;
    }
    Stream::builder()
        .with_aggregation(Aggregation::Base2ExponentialHistogram {
            max_size: 160,
            max_scale: 20,
            record_min_max: true,
        })
        .build()
        .ok()
}

impl Providers {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            traces: SdkTracerProvider::builder()
                .with_batch_exporter(SpanExporter::builder().build()?)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_periodic_exporter(MetricExporter::builder().build()?)
                .with_view(exponential)
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_batch_exporter(LogExporter::builder().build()?)
                .build(),
        })
    }

    fn finish(&self) -> Result<(), Box<dyn Error>> {
        self.traces.force_flush()?;
        self.logs.force_flush()?;
        self.traces.shutdown()?;
        self.metrics.shutdown()?; // which exports: no flush, or it would twice
        self.logs.shutdown()?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u32 = std::env::args()
        .nth(1)
        .ok_or("usage: client COUNT")?
        .parse()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let providers = Providers::new()?;
    story::send_orders(&providers, count);
    let points = story::send_points(&providers.metrics);
    providers.finish()?;
    println!(
        "{{\"spans\": {}, \"points\": {points}, \"logs\": {count}}}",
        2 * count
    );
    Ok(())
}
