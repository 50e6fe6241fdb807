// SPDX-License-Identifier: Apache-2.0

//! Metrics.

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, Exemplar, ExponentialHistogram, Gauge, Histogram, Metric, MetricData,
    ResourceMetrics, Sum,
};
use opentelemetry_sdk::metrics::Temporality;
use otlp_arrow_sys::raw::{self, oa_number};
use otlp_arrow_sys::Builder;

use super::{attributes, nanos};

/// The SDK's numbers.  Sums and bounds of histograms are doubles in OTLP.
pub(super) trait Number: Copy {
    fn number(self) -> oa_number;
    fn double(self) -> f64;
}

impl Number for i64 {
    fn number(self) -> oa_number {
        self.into()
    }
    fn double(self) -> f64 {
        self as f64
    }
}

impl Number for u64 {
    /// OTLP's integers have a sign: a larger one is nearest as a double.
    fn number(self) -> oa_number {
        i64::try_from(self).map_or_else(|_| self.double().into(), Into::into)
    }
    fn double(self) -> f64 {
        self as f64
    }
}

impl Number for f64 {
    fn number(self) -> oa_number {
        self.into()
    }
    fn double(self) -> f64 {
        self
    }
}

/// Builds a request of METRICS.
pub(crate) fn metrics(builder: &mut Builder, metrics: &ResourceMetrics) {
    super::resource(builder, metrics.resource());
    for scope in metrics.scope_metrics() {
        super::scope(builder, scope.scope(), None);
        scope.metrics().for_each(|m| metric(builder, m));
    }
}

fn metric(builder: &mut Builder, metric: &Metric) {
    match metric.data() {
        AggregatedMetrics::F64(data) => points(builder, metric, data),
        AggregatedMetrics::U64(data) => points(builder, metric, data),
        AggregatedMetrics::I64(data) => points(builder, metric, data),
    }
}

fn points<T: Number>(builder: &mut Builder, metric: &Metric, data: &MetricData<T>) {
    let (kind, temporality, is_monotonic) = match data {
        MetricData::Gauge(_) => (raw::OA_GAUGE, None, false),
        MetricData::Sum(s) => (raw::OA_SUM, Some(s.temporality()), s.is_monotonic()),
        MetricData::Histogram(h) => (raw::OA_HISTOGRAM, Some(h.temporality()), false),
        MetricData::ExponentialHistogram(h) => {
            (raw::OA_EXPONENTIAL_HISTOGRAM, Some(h.temporality()), false)
        }
    };
    builder.metric(&raw::oa_metric {
        name: metric.name().into(),
        description: metric.description().into(),
        unit: metric.unit().into(),
        r#type: kind,
        temporality: match temporality {
            None => raw::OA_TEMPORALITY_UNSPECIFIED,
            Some(Temporality::Delta) => raw::OA_DELTA,
            Some(_) => raw::OA_CUMULATIVE,
        },
        is_monotonic: is_monotonic.into(),
        ..Default::default()
    });
    match data {
        MetricData::Gauge(gauge) => gauge_points(builder, gauge),
        MetricData::Sum(sum) => sum_points(builder, sum),
        MetricData::Histogram(histogram) => histogram_points(builder, histogram),
        MetricData::ExponentialHistogram(histogram) => exponential_points(builder, histogram),
    }
}

/// What every point has besides its values.
fn belongings<'a, T: Number + 'a>(
    builder: &mut Builder,
    pairs: impl Iterator<Item = &'a KeyValue>,
    exemplars: impl Iterator<Item = &'a Exemplar<T>>,
) {
    attributes(builder, pairs);
    for exemplar in exemplars {
        builder.exemplar(&raw::oa_exemplar {
            time_unix_nano: nanos(exemplar.time()),
            number: exemplar.value.number(),
            trace_id: *exemplar.trace_id(),
            span_id: *exemplar.span_id(),
            ..Default::default()
        });
        attributes(builder, exemplar.filtered_attributes());
    }
}

fn number_point(
    builder: &mut Builder,
    start: Option<SystemTime>,
    time: SystemTime,
    number: oa_number,
) {
    builder.number_point(&raw::oa_number_point {
        start_time_unix_nano: start.map_or(0, nanos),
        time_unix_nano: nanos(time),
        number,
        ..Default::default()
    });
}

fn gauge_points<T: Number>(builder: &mut Builder, gauge: &Gauge<T>) {
    for point in gauge.data_points() {
        number_point(
            builder,
            gauge.start_time(),
            gauge.time(),
            point.value().number(),
        );
        belongings(builder, point.attributes(), point.exemplars());
    }
}

fn sum_points<T: Number>(builder: &mut Builder, sum: &Sum<T>) {
    for point in sum.data_points() {
        number_point(
            builder,
            Some(sum.start_time()),
            sum.time(),
            point.value().number(),
        );
        belongings(builder, point.attributes(), point.exemplars());
    }
}

/// Which of the two are there, besides the sum.
fn has<T>(min: Option<T>, max: Option<T>) -> u32 {
    let mut has = raw::OA_HAS_SUM;
    if min.is_some() {
        has |= raw::OA_HAS_MIN;
    }
    if max.is_some() {
        has |= raw::OA_HAS_MAX;
    }
    has
}

fn histogram_points<T: Number>(builder: &mut Builder, histogram: &Histogram<T>) {
    let (mut counts, mut bounds) = (Vec::new(), Vec::new());
    for point in histogram.data_points() {
        counts.clear();
        counts.extend(point.bucket_counts());
        bounds.clear();
        bounds.extend(point.bounds());
        builder.histogram_point(&raw::oa_histogram_point {
            start_time_unix_nano: nanos(histogram.start_time()),
            time_unix_nano: nanos(histogram.time()),
            count: point.count(),
            has: has(point.min(), point.max()),
            sum: point.sum().double(),
            min: point.min().map_or(0.0, Number::double),
            max: point.max().map_or(0.0, Number::double),
            bucket_counts: counts.as_slice().into(),
            explicit_bounds: bounds.as_slice().into(),
            ..Default::default()
        });
        belongings(builder, point.attributes(), point.exemplars());
    }
}

fn exponential_points<T: Number>(builder: &mut Builder, histogram: &ExponentialHistogram<T>) {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for point in histogram.data_points() {
        above.clear();
        above.extend(point.positive_bucket().counts());
        below.clear();
        below.extend(point.negative_bucket().counts());
        builder.exponential_histogram_point(&raw::oa_exponential_histogram_point {
            start_time_unix_nano: nanos(histogram.start_time()),
            time_unix_nano: nanos(histogram.time()),
            count: point.count() as u64,
            has: has(point.min(), point.max()),
            sum: point.sum().double(),
            min: point.min().map_or(0.0, Number::double),
            max: point.max().map_or(0.0, Number::double),
            scale: point.scale().into(),
            zero_count: point.zero_count(),
            zero_threshold: point.zero_threshold(),
            positive: raw::oa_buckets {
                offset: point.positive_bucket().offset(),
                counts: above.as_slice().into(),
            },
            negative: raw::oa_buckets {
                offset: point.negative_bucket().offset(),
                counts: below.as_slice().into(),
            },
            ..Default::default()
        });
        belongings(builder, point.attributes(), point.exemplars());
    }
}

#[cfg(test)]
mod tests {
    use otlp_arrow_sys::Signal;

    use super::*;

    /// The request of one gauge with NUMBER.
    fn built(number: oa_number) -> Vec<u8> {
        let mut builder = Builder::new(Signal::Metrics).unwrap();
        builder.resource(None);
        builder.scope(None);
        builder.metric(&raw::oa_metric {
            r#type: raw::OA_GAUGE,
            ..Default::default()
        });
        number_point(&mut builder, None, SystemTime::UNIX_EPOCH, number);
        builder.finish().unwrap().to_vec()
    }

    #[test]
    fn an_integer_that_otlp_cannot_have_becomes_a_double() {
        assert_eq!(built((i64::MAX as u64).number()), built(i64::MAX.number()));
        assert_eq!(built(u64::MAX.number()), built((u64::MAX as f64).number()));
    }
}
