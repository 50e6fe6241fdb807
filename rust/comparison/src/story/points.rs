// SPDX-License-Identifier: Apache-2.0

//! Every instrument, and views over them.

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};

/// Other names, other buckets, other attributes, and nothing at all.
pub fn view(instrument: &Instrument) -> Option<Stream> {
    let stream = Stream::builder();
    let stream = match instrument.name() {
        "size" | "size.whole" => stream.with_aggregation(Aggregation::Base2ExponentialHistogram {
            max_size: 20,
            max_scale: 20,
            record_min_max: instrument.name() == "size",
        }),
        "weight" => stream.with_aggregation(Aggregation::ExplicitBucketHistogram {
            boundaries: vec![-1.0, 0.0, 1.5],
            record_min_max: false,
        }),
        "old.name" => stream
            .with_name("new.name")
            .with_unit("{thing}")
            .with_description("described elsewhere"),
        "few.attributes" => stream.with_allowed_attribute_keys([Key::from("shelf")]),
        "crowded" => stream.with_cardinality_limit(3),
        "unseen" => stream.with_aggregation(Aggregation::Drop),
        "as.sum" => stream.with_aggregation(Aggregation::Sum),
        "as.last" => stream.with_aggregation(Aggregation::LastValue),
        _ => return None,
    };
    stream.build().ok()
}

pub fn tell_points(provider: &SdkMeterProvider) {
    for scope in super::scopes() {
        let meter = provider.meter_with_scope(scope);
        counters(&meter);
        gauges(&meter);
        histograms(&meter);
        viewed(&meter);
        observed(&meter);
    }
}

fn shelf(name: &'static str) -> [KeyValue; 1] {
    [KeyValue::new("shelf", name)]
}

fn counters(meter: &Meter) {
    let orders = meter
        .u64_counter("orders")
        .with_unit("1")
        .with_description("orders taken é")
        .build();
    orders.add(1, &shelf("a"));
    // Two rounds of it are the largest number that OTLP has.
    orders.add(i64::MAX as u64 / 2, &shelf("b"));
    orders.add(3, &super::every_type());
    orders.add(0, &[]);
    meter
        .f64_counter("turnover")
        .with_unit("EUR")
        .build()
        .add(0.1, &[]);
    meter
        .i64_up_down_counter("stock")
        .build()
        .add(-7, &shelf("a"));
    meter.f64_up_down_counter("balance").build().add(-0.5, &[]);
}

fn gauges(meter: &Meter) {
    meter.u64_gauge("visitors").build().record(3, &[]);
    meter.i64_gauge("floor").build().record(-2, &shelf("a"));
    let temperature = meter.f64_gauge("temperature").with_unit("Cel").build();
    temperature.record(2.25, &shelf("a"));
    temperature.record(f64::INFINITY, &shelf("b"));
}

fn histograms(meter: &Meter) {
    let duration = meter.f64_histogram("duration").with_unit("s").build();
    let bytes = meter.u64_histogram("bytes").with_unit("By").build();
    let own = meter
        .f64_histogram("own.bounds")
        .with_boundaries(vec![0.1, 0.2])
        .build();
    for value in [0.5, 7.0, 20_000.0, -1.0, 0.0] {
        duration.record(value, &shelf("a"));
        own.record(value, &[]);
    }
    bytes.record(0, &[]);
    bytes.record(1 << 40, &[]);
    meter
        .f64_histogram("no.bounds")
        .with_boundaries(Vec::new())
        .build()
        .record(1.0, &[]);
}

fn viewed(meter: &Meter) {
    let size = meter.f64_histogram("size").build();
    for value in [0.0, 1e-9, 0.5, 7.0, 20_000.0, -3.0, -1e9] {
        size.record(value, &shelf("a"));
    }
    size.record(0.0, &shelf("only zero"));
    let whole = meter.u64_histogram("size.whole").build();
    (0..50).for_each(|i| whole.record(i * i * i, &[]));
    meter.f64_histogram("weight").build().record(0.7, &[]);
    meter.u64_counter("old.name").build().add(4, &[]);
    let few = meter.u64_counter("few.attributes").build();
    few.add(1, &[KeyValue::new("shelf", "a"), KeyValue::new("till", 1)]);
    few.add(1, &[KeyValue::new("shelf", "a"), KeyValue::new("till", 2)]);
    let crowded = meter.u64_counter("crowded").build();
    (0..9).for_each(|i| crowded.add(1, &[KeyValue::new("guest", i)]));
    meter.u64_counter("unseen").build().add(1, &[]);
    meter.f64_histogram("as.sum").build().record(5.5, &[]);
    meter.u64_counter("as.last").build().add(6, &[]);
}

fn observed(meter: &Meter) {
    meter
        .u64_observable_counter("observed.counter")
        .with_callback(|o| o.observe(11, &shelf("a")))
        .build();
    meter
        .f64_observable_counter("observed.turnover")
        .with_callback(|o| o.observe(1.25, &[]))
        .build();
    meter
        .i64_observable_up_down_counter("observed.updown")
        .with_callback(|o| o.observe(-12, &[]))
        .build();
    meter
        .f64_observable_up_down_counter("observed.balance")
        .with_callback(|o| o.observe(-0.25, &[]))
        .build();
    meter
        .u64_observable_gauge("observed.visitors")
        .with_callback(|o| o.observe(5, &[]))
        .build();
    meter
        .i64_observable_gauge("observed.floor")
        .with_callback(|o| o.observe(-1, &[]))
        .build();
    meter
        .f64_observable_gauge("observed.gauge")
        .with_callback(|o| o.observe(1.5, &shelf("b")))
        .build();
}
