// SPDX-License-Identifier: Apache-2.0

//! What the builder takes: the structs of `<otlp_arrow_builder.h>`.

use std::ffi::{c_int, c_uint};

use super::{oa_str, SizeOf, Slice};

/// Fields of a resource.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_resource<'a> {
    /// Its own size.
    pub size: SizeOf<oa_resource<'a>>,
    /// The schema of its attributes.
    pub schema_url: oa_str<'a>,
    /// How many attributes were dropped.
    pub dropped_attributes_count: u32,
}

/// Fields of an instrumentation scope.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_scope<'a> {
    /// Its own size.
    pub size: SizeOf<oa_scope<'a>>,
    /// Its name.
    pub name: oa_str<'a>,
    /// Its version.
    pub version: oa_str<'a>,
    /// The schema of what is in it.
    pub schema_url: oa_str<'a>,
    /// How many attributes were dropped.
    pub dropped_attributes_count: u32,
}

enumeration! {
    /// `SpanKind` of OTLP.
    oa_span_kind {
        /// It is not known.
        OA_SPAN_UNSPECIFIED = 0,
        /// Within an application.
        OA_SPAN_INTERNAL = 1,
        /// Serves a request.
        OA_SPAN_SERVER = 2,
        /// Sends a request.
        OA_SPAN_CLIENT = 3,
        /// Puts a message into a queue.
        OA_SPAN_PRODUCER = 4,
        /// Takes a message from a queue.
        OA_SPAN_CONSUMER = 5,
    }
}

enumeration! {
    /// `StatusCode` of OTLP.
    oa_span_status {
        /// Nobody said.
        OA_STATUS_UNSET = 0,
        /// Said to be well.
        OA_STATUS_OK = 1,
        /// It failed.
        OA_STATUS_ERROR = 2,
    }
}

/// Fields of a span.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_span<'a> {
    /// Its own size.
    pub size: SizeOf<oa_span<'a>>,
    /// The trace that it belongs to.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// Zeros: it has none.
    pub parent_span_id: [u8; 8],
    /// W3C trace state.
    pub trace_state: oa_str<'a>,
    /// `SpanFlags`.
    pub flags: u32,
    /// Its role.
    pub kind: oa_span_kind,
    /// What was done.
    pub name: oa_str<'a>,
    /// When it began.
    pub start_time_unix_nano: u64,
    /// When it ended.
    pub end_time_unix_nano: u64,
    /// How it ended.
    pub status_code: oa_span_status,
    /// A sentence about that.
    pub status_message: oa_str<'a>,
    /// How many attributes were dropped.
    pub dropped_attributes_count: u32,
    /// How many events were dropped.
    pub dropped_events_count: u32,
    /// How many links were dropped.
    pub dropped_links_count: u32,
}

/// Fields of a link.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_span_link<'a> {
    /// Its own size.
    pub size: SizeOf<oa_span_link<'a>>,
    /// The trace of the other span.
    pub trace_id: [u8; 16],
    /// The other span.
    pub span_id: [u8; 8],
    /// W3C trace state.
    pub trace_state: oa_str<'a>,
    /// `SpanFlags`.
    pub flags: u32,
    /// How many attributes were dropped.
    pub dropped_attributes_count: u32,
}

enumeration! {
    /// What a metric's points are.
    oa_metric_type {
        /// A value at a time.
        OA_GAUGE = 1,
        /// A total.
        OA_SUM = 2,
        /// Counts in buckets with given bounds.
        OA_HISTOGRAM = 3,
        /// Counts in buckets whose bounds are powers.
        OA_EXPONENTIAL_HISTOGRAM = 4,
        /// Quantiles.
        OA_SUMMARY = 5,
    }
}

enumeration! {
    /// `AggregationTemporality` of OTLP.
    oa_temporality {
        /// Nobody said.
        OA_TEMPORALITY_UNSPECIFIED = 0,
        /// Since the last report.
        OA_DELTA = 1,
        /// Since the start.
        OA_CUMULATIVE = 2,
    }
}

/// Fields of a metric.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_metric<'a> {
    /// Its own size.
    pub size: SizeOf<oa_metric<'a>>,
    /// Its name.
    pub name: oa_str<'a>,
    /// What it is.
    pub description: oa_str<'a>,
    /// In which unit, as UCUM writes it.
    pub unit: oa_str<'a>,
    /// What its points are.
    pub r#type: oa_metric_type,
    /// Of sums and histograms.
    pub temporality: oa_temporality,
    /// Of sums: whether they never go down.
    pub is_monotonic: c_int,
}

enumeration! {
    /// Which member of [`oa_number`] counts.
    oa_number_type {
        /// None.
        OA_NUMBER_NONE = 0,
        /// The integer.
        OA_INT = 1,
        /// The double.
        OA_DOUBLE = 2,
    }
}

/// The members of an [`oa_number`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union oa_number_value {
    /// With [`OA_INT`].
    pub as_int: i64,
    /// With [`OA_DOUBLE`].
    pub as_double: f64,
}

/// What a point and an exemplar measured.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oa_number {
    pub(super) r#type: oa_number_type,
    pub(super) value: oa_number_value,
}

impl From<i64> for oa_number {
    fn from(number: i64) -> Self {
        Self {
            r#type: OA_INT,
            value: oa_number_value { as_int: number },
        }
    }
}

impl From<f64> for oa_number {
    fn from(number: f64) -> Self {
        Self {
            r#type: OA_DOUBLE,
            value: oa_number_value { as_double: number },
        }
    }
}

impl Default for oa_number {
    fn default() -> Self {
        Self {
            r#type: OA_NUMBER_NONE,
            value: oa_number_value { as_int: 0 },
        }
    }
}

/// The sum is there.
pub const OA_HAS_SUM: c_uint = 1;
/// The smallest value is there.
pub const OA_HAS_MIN: c_uint = 2;
/// The largest value is there.
pub const OA_HAS_MAX: c_uint = 4;

/// A point of a gauge or sum.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_number_point {
    /// Its own size.
    pub size: SizeOf<oa_number_point>,
    /// Since when.
    pub start_time_unix_nano: u64,
    /// When.
    pub time_unix_nano: u64,
    /// The value.
    pub number: oa_number,
    /// `DataPointFlags`.
    pub flags: u32,
}

/// A point of a histogram.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_histogram_point<'a> {
    /// Its own size.
    pub size: SizeOf<oa_histogram_point<'a>>,
    /// Since when.
    pub start_time_unix_nano: u64,
    /// When.
    pub time_unix_nano: u64,
    /// How many values.
    pub count: u64,
    /// [`OA_HAS_SUM`] and others.
    pub has: c_uint,
    /// The sum of the values.
    pub sum: f64,
    /// The smallest one.
    pub min: f64,
    /// The largest one.
    pub max: f64,
    /// How many values are in each bucket.
    pub bucket_counts: Slice<'a, u64>,
    /// The bounds between the buckets.
    pub explicit_bounds: Slice<'a, f64>,
    /// `DataPointFlags`.
    pub flags: u32,
}

/// Buckets of an exponential histogram.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_buckets<'a> {
    /// The first bucket's place.
    pub offset: i32,
    /// How many values are in each bucket.
    pub counts: Slice<'a, u64>,
}

/// A point of an exponential histogram.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_exponential_histogram_point<'a> {
    /// Its own size.
    pub size: SizeOf<oa_exponential_histogram_point<'a>>,
    /// Since when.
    pub start_time_unix_nano: u64,
    /// When.
    pub time_unix_nano: u64,
    /// How many values.
    pub count: u64,
    /// [`OA_HAS_SUM`] and others.
    pub has: c_uint,
    /// The sum of the values.
    pub sum: f64,
    /// The smallest one.
    pub min: f64,
    /// The largest one.
    pub max: f64,
    /// How fine the buckets are.
    pub scale: i32,
    /// How many values are in the zero region.
    pub zero_count: u64,
    /// The width of the zero region.
    pub zero_threshold: f64,
    /// Of values above it.
    pub positive: oa_buckets<'a>,
    /// Of values below it.
    pub negative: oa_buckets<'a>,
    /// `DataPointFlags`.
    pub flags: u32,
}

/// A quantile of a summary.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct oa_quantile {
    /// From 0 to 1.
    pub quantile: f64,
    /// The value there.
    pub value: f64,
}

/// A point of a summary.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_summary_point<'a> {
    /// Its own size.
    pub size: SizeOf<oa_summary_point<'a>>,
    /// Since when.
    pub start_time_unix_nano: u64,
    /// When.
    pub time_unix_nano: u64,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The quantiles that are known.
    pub quantiles: Slice<'a, oa_quantile>,
    /// `DataPointFlags`.
    pub flags: u32,
}

/// An example of a measurement.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_exemplar {
    /// Its own size.
    pub size: SizeOf<oa_exemplar>,
    /// When it was made.
    pub time_unix_nano: u64,
    /// What it gave.
    pub number: oa_number,
    /// Zeros: it was made outside of a trace.
    pub trace_id: [u8; 16],
    /// Zeros: it was made outside of a span.
    pub span_id: [u8; 8],
}

/// Fields of a log record.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_log_record<'a> {
    /// Its own size.
    pub size: SizeOf<oa_log_record<'a>>,
    /// When it happened.
    pub time_unix_nano: u64,
    /// When it was seen.
    pub observed_time_unix_nano: u64,
    /// 0 to 24.
    pub severity_number: i32,
    /// What the program calls the severity.
    pub severity_text: oa_str<'a>,
    /// The name of an event.
    pub event_name: oa_str<'a>,
    /// Zeros: it belongs to no trace.
    pub trace_id: [u8; 16],
    /// Zeros: it belongs to no span.
    pub span_id: [u8; 8],
    /// `LogRecordFlags`.
    pub flags: u32,
    /// How many attributes were dropped.
    pub dropped_attributes_count: u32,
}
