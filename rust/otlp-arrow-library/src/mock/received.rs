// SPDX-License-Identifier: Apache-2.0

//! What came in, decoded.

use std::collections::BTreeMap;

use opentelemetry::logs::AnyValue;
use serde_json::Value;

use super::json::{
    any, as_double, attributes, counts, double, id, list, maybe_signed, signed, text, unsigned,
};

/// A span.  The names and meanings are OTLP's; attributes without a value are left
/// out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReceivedSpan {
    /// The attributes of its resource.
    pub resource: BTreeMap<String, AnyValue>,
    /// The name of its scope.
    pub scope_name: String,
    /// The version of its scope.
    pub scope_version: String,
    /// The trace that it belongs to.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// None for a root.
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C trace state.
    pub trace_state: String,
    /// What was done.
    pub name: String,
    /// `SpanKind` of OTLP.
    pub kind: u64,
    /// When it began.
    pub start_time_unix_nano: u64,
    /// When it ended.
    pub end_time_unix_nano: u64,
    /// Its attributes.
    pub attributes: BTreeMap<String, AnyValue>,
    /// Names and attributes of its events.
    pub events: Vec<(String, BTreeMap<String, AnyValue>)>,
    /// Trace and span ids of its links.
    pub links: Vec<([u8; 16], [u8; 8])>,
    /// `StatusCode` of OTLP: 0 unset, 1 ok, 2 error.
    pub status_code: u64,
    /// A sentence about that.
    pub status_message: String,
}

/// A metric with its data points.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReceivedMetric {
    /// The attributes of its resource.
    pub resource: BTreeMap<String, AnyValue>,
    /// The name of its scope.
    pub scope_name: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// In which unit.
    pub unit: String,
    /// `gauge`, `sum`, `histogram`, `exponentialHistogram` or `summary`.
    pub kind: String,
    /// `AggregationTemporality` of OTLP: 0 none, 1 delta, 2 cumulative.
    pub temporality: u64,
    /// Of sums: whether they never go down.
    pub is_monotonic: bool,
    /// Its points.
    pub points: Vec<ReceivedPoint>,
}

/// A data point; what its kind does not have is none or empty.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ReceivedPoint {
    /// Its attributes.
    pub attributes: BTreeMap<String, AnyValue>,
    /// Since when.
    pub start_time_unix_nano: u64,
    /// When.
    pub time_unix_nano: u64,
    /// The value of a gauge or sum, when it is an integer.
    pub as_int: Option<i64>,
    /// The value of a gauge or sum, when it is a double.
    pub as_double: Option<f64>,
    /// How many values are in it.
    pub count: u64,
    /// Their sum.
    pub sum: Option<f64>,
    /// The smallest one.
    pub min: Option<f64>,
    /// The largest one.
    pub max: Option<f64>,
    /// How many are between which bounds.
    pub bucket_counts: Vec<u64>,
    /// The bounds.
    pub explicit_bounds: Vec<f64>,
}

/// A log record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReceivedLog {
    /// The attributes of its resource.
    pub resource: BTreeMap<String, AnyValue>,
    /// The name of its scope.
    pub scope_name: String,
    /// When it happened.
    pub time_unix_nano: u64,
    /// When it was seen.
    pub observed_time_unix_nano: u64,
    /// 0 to 24.
    pub severity_number: i64,
    /// What the program calls the severity.
    pub severity_text: String,
    /// The name of an event.
    pub event_name: String,
    /// What it says.
    pub body: Option<AnyValue>,
    /// Its attributes.
    pub attributes: BTreeMap<String, AnyValue>,
    /// The trace that it belongs to.
    pub trace_id: Option<[u8; 16]>,
    /// The span that it belongs to.
    pub span_id: Option<[u8; 8]>,
}

/// The names of the lists in a request, and what to do with each innermost item, its
/// scope and its resource's attributes.
fn walk(
    request: &Value,
    names: [&str; 3],
    mut each: impl FnMut(&Value, &Value, &BTreeMap<String, AnyValue>),
) {
    for of_resource in list(request, names[0]) {
        let resource = attributes(&of_resource["resource"]);
        for of_scope in list(of_resource, names[1]) {
            for item in list(of_scope, names[2]) {
                each(item, &of_scope["scope"], &resource);
            }
        }
    }
}

pub(super) fn spans(request: &Value, out: &mut Vec<ReceivedSpan>) {
    let names = ["resourceSpans", "scopeSpans", "spans"];
    walk(request, names, |span, scope, resource| {
        out.push(ReceivedSpan {
            resource: resource.clone(),
            scope_name: text(scope, "name"),
            scope_version: text(scope, "version"),
            trace_id: id(span, "traceId").unwrap_or_default(),
            span_id: id(span, "spanId").unwrap_or_default(),
            parent_span_id: id(span, "parentSpanId"),
            trace_state: text(span, "traceState"),
            name: text(span, "name"),
            kind: unsigned(span, "kind"),
            start_time_unix_nano: unsigned(span, "startTimeUnixNano"),
            end_time_unix_nano: unsigned(span, "endTimeUnixNano"),
            attributes: attributes(span),
            events: list(span, "events")
                .iter()
                .map(|event| (text(event, "name"), attributes(event)))
                .collect(),
            links: list(span, "links")
                .iter()
                .filter_map(|link| Some((id(link, "traceId")?, id(link, "spanId")?)))
                .collect(),
            status_code: unsigned(&span["status"], "code"),
            status_message: text(&span["status"], "message"),
        });
    });
}

const KINDS: [&str; 5] = [
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "summary",
];

pub(super) fn metrics(request: &Value, out: &mut Vec<ReceivedMetric>) {
    let names = ["resourceMetrics", "scopeMetrics", "metrics"];
    walk(request, names, |metric, scope, resource| {
        let kind = KINDS.into_iter().find(|kind| metric.get(kind).is_some());
        let kind = kind.unwrap_or_default();
        let data = &metric[kind];
        out.push(ReceivedMetric {
            resource: resource.clone(),
            scope_name: text(scope, "name"),
            name: text(metric, "name"),
            description: text(metric, "description"),
            unit: text(metric, "unit"),
            kind: kind.to_owned(),
            temporality: unsigned(data, "aggregationTemporality"),
            is_monotonic: data["isMonotonic"].as_bool().unwrap_or_default(),
            points: list(data, "dataPoints").iter().map(point).collect(),
        });
    });
}

fn point(point: &Value) -> ReceivedPoint {
    ReceivedPoint {
        attributes: attributes(point),
        start_time_unix_nano: unsigned(point, "startTimeUnixNano"),
        time_unix_nano: unsigned(point, "timeUnixNano"),
        as_int: maybe_signed(point, "asInt"),
        as_double: double(point, "asDouble"),
        count: unsigned(point, "count"),
        sum: double(point, "sum"),
        min: double(point, "min"),
        max: double(point, "max"),
        bucket_counts: counts(point, "bucketCounts"),
        explicit_bounds: list(point, "explicitBounds")
            .iter()
            .filter_map(as_double)
            .collect(),
    }
}

pub(super) fn logs(request: &Value, out: &mut Vec<ReceivedLog>) {
    let names = ["resourceLogs", "scopeLogs", "logRecords"];
    walk(request, names, |record, scope, resource| {
        out.push(ReceivedLog {
            resource: resource.clone(),
            scope_name: text(scope, "name"),
            time_unix_nano: unsigned(record, "timeUnixNano"),
            observed_time_unix_nano: unsigned(record, "observedTimeUnixNano"),
            severity_number: signed(record, "severityNumber"),
            severity_text: text(record, "severityText"),
            event_name: text(record, "eventName"),
            body: any(&record["body"]),
            attributes: attributes(record),
            trace_id: id(record, "traceId"),
            span_id: id(record, "spanId"),
        });
    });
}
