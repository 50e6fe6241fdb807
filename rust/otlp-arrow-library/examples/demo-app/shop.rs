// SPDX-License-Identifier: Apache-2.0

//! A small web shop, which knows no more of its telemetry than the API of
//! OpenTelemetry: where it goes is the program's affair.

use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::{Counter, Histogram, MeterProvider, UpDownCounter};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

const SHELVES: [&str; 4] = ["books", "cups", "lamps", "ropes"];
const TILLS: usize = 4;

pub struct Shop {
    tracer: SdkTracer,
    logger: SdkLogger,
    orders: Counter<u64>,
    inside: UpDownCounter<i64>,
    duration: Histogram<f64>,
}

impl Shop {
    pub fn new(
        traces: &SdkTracerProvider,
        metrics: &SdkMeterProvider,
        logs: &SdkLoggerProvider,
    ) -> Self {
        let meter = metrics.meter("shop");
        meter
            .u64_observable_gauge("shop.tills")
            .with_callback(|gauge| gauge.observe(TILLS as u64, &[]))
            .build();
        Self {
            tracer: traces.tracer("shop"),
            logger: logs.logger("shop"),
            orders: meter.u64_counter("shop.orders").build(),
            inside: meter.i64_up_down_counter("shop.customers").build(),
            duration: meter.f64_histogram("shop.duration").with_unit("s").build(),
        }
    }

    /// Sells to CUSTOMERS, at several tills at once, each with a PAUSE after every
    /// order.
    pub fn serve(&self, customers: usize, pause: Duration) {
        thread::scope(|scope| {
            for till in 0..TILLS {
                scope.spawn(move || {
                    for number in (till..customers).step_by(TILLS) {
                        self.order(number);
                        thread::sleep(pause);
                    }
                });
            }
        });
    }

    /// One order: a server's span, the payment's inside it, a record, metrics.
    fn order(&self, number: usize) {
        let begin = Instant::now();
        let shelf = KeyValue::new("shop.shelf", SHELVES[number % SHELVES.len()]);
        self.inside.add(1, &[]);
        let span = self
            .tracer
            .span_builder("POST /order")
            .with_kind(SpanKind::Server)
            .with_attributes([shelf.clone(), KeyValue::new("shop.order", number as i64)])
            .start(&self.tracer);
        let context = Context::current_with_span(span);
        // Spans and records from here on belong to it.
        let _inside = context.clone().attach();
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
        self.inside.add(-1, &[]);
    }

    fn pay(&self, number: usize) -> bool {
        let mut span = self
            .tracer
            .span_builder("pay")
            .with_kind(SpanKind::Client)
            .start(&self.tracer);
        let paid = number % 7 < 6;
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
