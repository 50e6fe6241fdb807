// SPDX-License-Identifier: Apache-2.0

//! A small shop that sells to customers on several threads: traces over two
//! "services", metrics, and log records that know their spans, all into files of the
//! program's own.
//!
//!     cargo run --example demo-app -- [DIRECTORY [--once]]
//!
//! With `--once` a few customers come, otherwise they keep coming for a while.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

const SHELVES: [&str; 4] = ["books", "cups", "lamps", "ropes"];

struct Shop {
    tracer: SdkTracer,
    logger: SdkLogger,
    orders: Counter<u64>,
    duration: Histogram<f64>,
}

impl Shop {
    /// One order: a server's span, the payment's inside it, a record, two metrics.
    fn order(&self, number: usize) {
        let begin = Instant::now();
        let shelf = KeyValue::new("shop.shelf", SHELVES[number % SHELVES.len()]);
        let span = self
            .tracer
            .span_builder("POST /order")
            .with_kind(SpanKind::Server)
            .with_attributes([shelf.clone(), KeyValue::new("shop.order", number as i64)])
            .start(&self.tracer);
        let _inside = Context::current_with_span(span).attach();
        let context = Context::current();
        let paid = self.pay(number);
        self.log(number, paid);
        if paid {
            context.span().add_event("packed", vec![shelf.clone()]);
        } else {
            context.span().set_status(Status::error("not paid"));
        }
        context.span().end();
        self.orders
            .add(1, &[shelf.clone(), KeyValue::new("shop.paid", paid)]);
        self.duration
            .record(begin.elapsed().as_secs_f64(), &[shelf]);
    }

    fn pay(&self, number: usize) -> bool {
        let mut span = self
            .tracer
            .span_builder("pay")
            .with_kind(SpanKind::Client)
            .start(&self.tracer);
        let paid = number % 7 != 0;
        if !paid {
            span.record_error(&std::io::Error::other("the card is expired"));
            span.set_status(Status::error("refused"));
        }
        span.end();
        paid
    }

    fn log(&self, number: usize, paid: bool) {
        let mut record = self.logger.create_log_record();
        let (severity, text) = if paid {
            (Severity::Info, "sold")
        } else {
            (Severity::Error, "not sold")
        };
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.set_body(text.into());
        record.add_attribute("shop.order", number as i64);
        self.logger.emit(record);
    }
}

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
    let meter = metrics.meter("shop");
    let shop = Shop {
        tracer: traces.tracer("shop"),
        logger: logs.logger("shop"),
        orders: meter.u64_counter("shop.orders").build(),
        duration: meter.f64_histogram("shop.duration").with_unit("s").build(),
    };
    let (customers, pause) = if once { (20, 0) } else { (1000, 20) };
    thread::scope(|scope| {
        for first in 0..4 {
            let shop = &shop;
            scope.spawn(move || {
                for number in (first..customers).step_by(4) {
                    shop.order(number);
                    thread::sleep(Duration::from_millis(pause));
                }
            });
        }
    });
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
