// SPDX-License-Identifier: Apache-2.0

//! An export request in the making.

use std::ptr::{self, NonNull};

use crate::error::{call, Error};
use crate::raw;

/// The kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Items are spans.
    Traces,
    /// Items are data points.
    Metrics,
    /// Items are log records.
    Logs,
}

impl Signal {
    pub(crate) fn raw(self) -> raw::oa_signal {
        match self {
            Self::Traces => raw::OA_TRACES,
            Self::Metrics => raw::OA_METRICS,
            Self::Logs => raw::OA_LOGS,
        }
    }
}

/// An export request in the making.  A call belongs to what was opened last; what
/// cannot hold what is opened next is closed by itself.  The first call that fails
/// makes all that follow do nothing, and [`finish`](Builder::finish) says what it
/// was.
pub struct Builder {
    builder: NonNull<raw::oa_builder>,
}

// SAFETY: an object of its own; one thread has it at a time, as all takes `&mut`.
unsafe impl Send for Builder {}

macro_rules! openers {
    ($($(#[$text:meta])* $name:ident($kind:ty) = $function:ident;)*) => {$(
        $(#[$text])*
        #[inline]
        pub fn $name(&mut self, fields: &$kind) {
            // SAFETY: the object is ours, and the struct says its size and borrows
            // what it points to.
            unsafe { raw::$function(self.builder.as_ptr(), fields) }
        }
    )*};
}

macro_rules! values {
    ($($(#[$text:meta])* $name:ident($($value:ident: $kind:ty)?) = $function:ident;)*) => {$(
        $(#[$text])*
        #[inline]
        pub fn $name(&mut self, key: &str $(, $value: $kind)?) {
            // SAFETY: the object is ours, and what is passed in is copied.
            unsafe { raw::$function(self.builder.as_ptr(), key.into() $(, $value.into())?) }
        }
    )*};
}

impl Builder {
    /// An empty one.
    pub fn new(signal: Signal) -> Result<Self, Error> {
        let mut builder = ptr::null_mut();
        // SAFETY: gives an object on success.
        call(|e| unsafe { raw::oa_builder_new(&mut builder, signal.raw(), e) })?;
        let builder = NonNull::new(builder).expect("an object on success");
        Ok(Self { builder })
    }

    /// Forgets what was built and a failure; keeps the memory.
    pub fn reset(&mut self) {
        // SAFETY: the object is ours.
        unsafe { raw::oa_builder_reset(self.builder.as_ptr()) }
    }

    /// How many spans, data points or log records it has.
    pub fn items(&self) -> usize {
        // SAFETY: the object is ours.
        unsafe { raw::oa_builder_items(self.builder.as_ptr()) }
    }

    /// How many bytes the request has so far.
    pub fn size(&self) -> usize {
        // SAFETY: the object is ours.
        unsafe { raw::oa_builder_size(self.builder.as_ptr()) }
    }

    /// Closes all that is open and gives the request.
    pub fn finish(&mut self) -> Result<&[u8], Error> {
        let (mut bytes, mut len) = (ptr::null(), 0);
        // SAFETY: the object is ours.
        call(|e| unsafe {
            raw::oa_builder_finish(self.builder.as_ptr(), &mut bytes, &mut len, e)
        })?;
        if len == 0 {
            return Ok(&[]);
        }
        // SAFETY: the bytes live until the next call, which needs `&mut`.
        Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), len) })
    }

    /// Opens a resource.
    pub fn resource(&mut self, fields: Option<&raw::oa_resource<'_>>) {
        let fields = fields.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the object is ours; no fields are allowed.
        unsafe { raw::oa_build_resource(self.builder.as_ptr(), fields) }
    }

    /// Opens an instrumentation scope in the resource.
    pub fn scope(&mut self, fields: Option<&raw::oa_scope<'_>>) {
        let fields = fields.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the object is ours; no fields are allowed.
        unsafe { raw::oa_build_scope(self.builder.as_ptr(), fields) }
    }

    values! {
        /// An attribute, or a value where one has no key.
        string(value: &str) = oa_build_string;
        /// The same with an integer.
        int(value: i64) = oa_build_int;
        /// The same with a double.
        double(value: f64) = oa_build_double;
        /// The same with true or false.
        bool(value: bool) = oa_build_bool;
        /// An attribute without a value.
        empty() = oa_build_empty;
        /// Opens an array, whose items are the values up to [`end`](Builder::end).
        array() = oa_build_array;
        /// Opens a map, whose members are the attributes up to
        /// [`end`](Builder::end).
        map() = oa_build_map;
    }

    /// The same as [`string`](Builder::string) with bytes.
    pub fn bytes(&mut self, key: &str, value: &[u8]) {
        // SAFETY: the object is ours, and what is passed in is copied.
        unsafe {
            raw::oa_build_bytes(
                self.builder.as_ptr(),
                key.into(),
                value.as_ptr().cast(),
                value.len(),
            );
        }
    }

    /// Closes what was opened last.
    pub fn end(&mut self) {
        // SAFETY: the object is ours.
        unsafe { raw::oa_build_end(self.builder.as_ptr()) }
    }

    /// Opens an event of the span.
    pub fn event(&mut self, time_unix_nano: u64, name: &str, dropped_attributes_count: u32) {
        // SAFETY: the object is ours, and what is passed in is copied.
        unsafe {
            raw::oa_build_event(
                self.builder.as_ptr(),
                time_unix_nano,
                name.into(),
                dropped_attributes_count,
            );
        }
    }

    /// What follows, with an empty key, is the record's body.
    pub fn body(&mut self) {
        // SAFETY: the object is ours.
        unsafe { raw::oa_build_body(self.builder.as_ptr()) }
    }

    openers! {
        /// Opens a span.
        span(raw::oa_span<'_>) = oa_build_span;
        /// Opens a link of the span.
        link(raw::oa_span_link<'_>) = oa_build_link;
        /// Opens a metric.
        metric(raw::oa_metric<'_>) = oa_build_metric;
        /// Opens a point of a gauge or sum.
        number_point(raw::oa_number_point) = oa_build_number_point;
        /// Opens a point of a histogram.
        histogram_point(raw::oa_histogram_point<'_>) = oa_build_histogram_point;
        /// Opens a point of an exponential histogram.
        exponential_histogram_point(raw::oa_exponential_histogram_point<'_>)
            = oa_build_exponential_histogram_point;
        /// Opens a point of a summary.
        summary_point(raw::oa_summary_point<'_>) = oa_build_summary_point;
        /// Opens an exemplar of the point.
        exemplar(raw::oa_exemplar) = oa_build_exemplar;
        /// Opens a log record.
        log_record(raw::oa_log_record<'_>) = oa_build_log_record;
    }

    pub(crate) fn as_ptr(&mut self) -> *mut raw::oa_builder {
        self.builder.as_ptr()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // SAFETY: ours, and used no more.
        unsafe { raw::oa_builder_free(self.builder.as_ptr()) }
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builder({} items)", self.items())
    }
}
