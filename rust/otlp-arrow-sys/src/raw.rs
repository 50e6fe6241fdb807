// SPDX-License-Identifier: Apache-2.0

//! The declarations of `<otlp_arrow.h>`, under the names that they have there.
//!
//! The structs that the builder takes hold borrowed texts and arrays with their
//! lifetimes, and their pointers and sizes cannot be set from outside, so that
//! [`Builder`](crate::Builder) can take them as they are.  A test of this crate
//! has a C compiler compare every struct, constant and function with the header.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr;

/// An enumeration of C, any number of which may come from there: a name of the
/// type, and its constants.
macro_rules! enumeration {
    ($(#[$about:meta])* $kind:ident { $($(#[$text:meta])* $name:ident = $value:literal,)* }) => {
        $(#[$about])*
        pub type $kind = c_uint;
        $($(#[$text])*
        pub const $name: $kind = $value;)*
    };
}

mod items;

pub use items::*;

/// The size of the struct that it stands in, which it cannot but be.
#[repr(transparent)]
pub struct SizeOf<T>(usize, PhantomData<fn() -> T>);

impl<T> Default for SizeOf<T> {
    fn default() -> Self {
        Self(size_of::<T>(), PhantomData)
    }
}

impl<T> Clone for SizeOf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SizeOf<T> {}

/// A borrowed array: where it is, and how many items it has.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice<'a, T> {
    data: *const T,
    len: usize,
    of: PhantomData<&'a [T]>,
}

impl<'a, T> From<&'a [T]> for Slice<'a, T> {
    fn from(items: &'a [T]) -> Self {
        Self {
            data: items.as_ptr(),
            len: items.len(),
            of: PhantomData,
        }
    }
}

impl<T> Default for Slice<'_, T> {
    fn default() -> Self {
        Self {
            data: ptr::null(),
            len: 0,
            of: PhantomData,
        }
    }
}

/// 0 or negative: how a call went.
pub type oa_status = c_int;
/// The call did what it says.
pub const OA_OK: oa_status = 0;
/// No memory.
pub const OA_ERR_NOMEM: oa_status = -1;
/// The input ends inside a value.
pub const OA_ERR_TRUNCATED: oa_status = -2;
/// The input can never become valid.
pub const OA_ERR_MALFORMED: oa_status = -3;
/// A configured bound would be passed.
pub const OA_ERR_LIMIT: oa_status = -4;
/// Nothing is wrong: try again later.
pub const OA_ERR_BUSY: oa_status = -5;
/// The operating system refused.
pub const OA_ERR_IO: oa_status = -6;
/// What the user asked for makes no sense.
pub const OA_ERR_CONFIG: oa_status = -7;
/// Valid, but not understood here.
pub const OA_ERR_UNSUPPORTED: oa_status = -8;
/// A file or name that is not there.
pub const OA_ERR_NOT_FOUND: oa_status = -9;
/// No more items; not a failure.
pub const OA_END: oa_status = -10;
/// The object was shut down, or is of the process that forked this one.
pub const OA_ERR_CLOSED: oa_status = -11;

/// Bytes of the text of an [`oa_error`].
pub const OA_ERROR_TEXT_SIZE: usize = 256;

/// Filled by a call that fails.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oa_error {
    /// What kind of failure it was.
    pub code: oa_status,
    /// A sentence about it, terminated.
    pub text: [c_char; OA_ERROR_TEXT_SIZE],
}

impl Default for oa_error {
    fn default() -> Self {
        Self {
            code: OA_OK,
            text: [0; OA_ERROR_TEXT_SIZE],
        }
    }
}

enumeration! {
    /// The kinds of telemetry.
    oa_signal {
        /// Items are spans.
        OA_TRACES = 0,
        /// Items are data points.
        OA_METRICS = 1,
        /// Items are log records.
        OA_LOGS = 2,
    }
}

/// A borrowed text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oa_str<'a> {
    data: *const c_char,
    len: usize,
    of: PhantomData<&'a str>,
}

impl<'a> From<&'a str> for oa_str<'a> {
    fn from(text: &'a str) -> Self {
        Self {
            data: text.as_ptr().cast(),
            len: text.len(),
            of: PhantomData,
        }
    }
}

impl Default for oa_str<'_> {
    fn default() -> Self {
        Self {
            data: ptr::null(),
            len: 0,
            of: PhantomData,
        }
    }
}

enumeration! {
    /// How the bytes of a request are to be understood.
    oa_form {
        /// An `Export...ServiceRequest` as protobuf.
        OA_FORM_PROTOBUF = 0,
        /// The same as OTLP/JSON.
        OA_FORM_JSON = 1,
    }
}

/// What became of a request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oa_export_result {
    /// Items that are taken.
    pub accepted: u64,
    /// Items that were left out.
    pub rejected: u64,
    /// Texts that were not UTF-8.
    pub repaired: u64,
    /// With [`OA_ERR_BUSY`]: when to come again.
    pub retry_after_ms: u32,
    /// Why the first item was left out, terminated.
    pub reason: [c_char; 192],
}

impl Default for oa_export_result {
    fn default() -> Self {
        Self {
            accepted: 0,
            rejected: 0,
            repaired: 0,
            retry_after_ms: 0,
            reason: [0; 192],
        }
    }
}

/// Numbers of one signal since the start.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct oa_signal_stats {
    /// Accepted and rejected.
    pub received: u64,
    /// Left out.
    pub rejected: u64,
    /// In files.
    pub stored: u64,
    /// Accepted and not stored.
    pub given_up: u64,
    /// Accepted, and on the way to a file.
    pub buffered: u64,
    /// Requests of which nothing was taken.
    pub refused: u64,
}

/// What became of the stored rows of one signal, with an exporter.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct oa_forward_signal_stats {
    /// Delivered.
    pub forwarded: u64,
    /// Refused for good, too old, or gone from the disk.
    pub passed_over: u64,
    /// To be delivered.
    pub waiting: u64,
}

/// Numbers of a service.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct oa_service_stats {
    /// Its own size.
    pub size: SizeOf<oa_service_stats>,
    /// By [`oa_signal`].
    pub signals: [oa_signal_stats; 3],
    /// Memory of what is on the way to a file.
    pub bytes_buffered: u64,
    /// Of `memory_limit`.
    pub memory_used: u64,
    /// By [`oa_signal`].
    pub forwards: [oa_forward_signal_stats; 3],
}

enumeration! {
    /// One of the ports.
    oa_listener {
        /// `protocols.protobuf_port`.
        OA_LISTENER_PROTOBUF = 0,
        /// `protocols.arrow_flight_port`.
        OA_LISTENER_ARROW_FLIGHT = 1,
        /// `dashboard.port`: health and metrics.
        OA_LISTENER_DASHBOARD = 2,
    }
}

/// `struct ArrowArrayStream` of the Arrow C Stream Interface.
#[repr(C)]
#[derive(Debug)]
pub struct ArrowArrayStream {
    /// Gives the schema.
    pub get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut c_void) -> c_int>,
    /// Gives the next batch.
    pub get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut c_void) -> c_int>,
    /// Says what went wrong.
    pub get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    /// Ends it.
    pub release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    /// The maker's own.
    pub private_data: *mut c_void,
}

/// Which rows of what is stored.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oa_stored_options {
    /// Its own size.
    pub size: SizeOf<oa_stored_options>,
    /// The first time.
    pub from_ns: u64,
    /// The first time that is too late; 0: no end.
    pub to_ns: u64,
}

macro_rules! opaque {
    ($($(#[$text:meta])* $name:ident)*) => {$(
        $(#[$text])*
        #[repr(C)]
        pub struct $name {
            bytes: [u8; 0],
            pinned: PhantomData<(*mut u8, std::marker::PhantomPinned)>,
        }
    )*};
}

opaque! {
    /// A set of keys with values.
    oa_config
    /// A running service.
    oa_service
    /// An export request in the making.
    oa_builder
    /// The files of a directory.
    oa_file_list
    /// One file.
    oa_reader
}

/// Receives a text in pieces.
pub type oa_text_sink = Option<
    unsafe extern "C" fn(context: *mut c_void, text: *const c_char, len: usize) -> oa_status,
>;
/// Receives requests.
pub type oa_reader_sink = Option<
    unsafe extern "C" fn(context: *mut c_void, message: *const c_void, len: usize) -> oa_status,
>;

#[allow(missing_docs)] // <otlp_arrow.h> has the documentation
extern "C" {
    pub fn oa_version() -> *const c_char;
    pub fn oa_status_text(status: oa_status) -> *const c_char;

    pub fn oa_config_new(out: *mut *mut oa_config, error: *mut oa_error) -> oa_status;
    pub fn oa_config_new_embedded(out: *mut *mut oa_config, error: *mut oa_error) -> oa_status;
    pub fn oa_config_free(config: *mut oa_config);
    pub fn oa_config_load_file(
        config: *mut oa_config,
        path: *const c_char,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_config_load_env(config: *mut oa_config, error: *mut oa_error) -> oa_status;
    pub fn oa_config_set(
        config: *mut oa_config,
        key: *const c_char,
        value: *const c_char,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_config_check(config: *const oa_config, error: *mut oa_error) -> oa_status;
    pub fn oa_config_print(
        config: *const oa_config,
        sink: oa_text_sink,
        context: *mut c_void,
    ) -> oa_status;

    pub fn oa_service_start(
        out: *mut *mut oa_service,
        config: *const oa_config,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_service_port(service: *const oa_service, listener: oa_listener) -> u16;
    pub fn oa_service_flush(
        service: *mut oa_service,
        timeout_ms: u32,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_service_stop(service: *mut oa_service, error: *mut oa_error) -> oa_status;
    pub fn oa_service_shutdown(
        service: *mut oa_service,
        timeout_ms: u32,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_service_get_stats(
        service: *mut oa_service,
        stats: *mut oa_service_stats,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_service_export(
        service: *mut oa_service,
        signal: oa_signal,
        form: oa_form,
        bytes: *const c_void,
        len: usize,
        result: *mut oa_export_result,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_service_export_built(
        service: *mut oa_service,
        builder: *mut oa_builder,
        result: *mut oa_export_result,
        error: *mut oa_error,
    ) -> oa_status;

    pub fn oa_builder_new(
        out: *mut *mut oa_builder,
        signal: oa_signal,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_builder_free(builder: *mut oa_builder);
    pub fn oa_builder_reset(builder: *mut oa_builder);
    pub fn oa_builder_items(builder: *const oa_builder) -> usize;
    pub fn oa_builder_size(builder: *const oa_builder) -> usize;
    pub fn oa_builder_finish(
        builder: *mut oa_builder,
        bytes: *mut *const c_void,
        len: *mut usize,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_build_resource(builder: *mut oa_builder, resource: *const oa_resource);
    pub fn oa_build_scope(builder: *mut oa_builder, scope: *const oa_scope);
    pub fn oa_build_string(builder: *mut oa_builder, key: oa_str, value: oa_str);
    pub fn oa_build_bytes(builder: *mut oa_builder, key: oa_str, value: *const c_void, len: usize);
    pub fn oa_build_int(builder: *mut oa_builder, key: oa_str, value: i64);
    pub fn oa_build_double(builder: *mut oa_builder, key: oa_str, value: f64);
    pub fn oa_build_bool(builder: *mut oa_builder, key: oa_str, value: c_int);
    pub fn oa_build_empty(builder: *mut oa_builder, key: oa_str);
    pub fn oa_build_array(builder: *mut oa_builder, key: oa_str);
    pub fn oa_build_map(builder: *mut oa_builder, key: oa_str);
    pub fn oa_build_end(builder: *mut oa_builder);
    pub fn oa_build_span(builder: *mut oa_builder, span: *const oa_span);
    pub fn oa_build_event(
        builder: *mut oa_builder,
        time_unix_nano: u64,
        name: oa_str,
        dropped_attributes_count: u32,
    );
    pub fn oa_build_link(builder: *mut oa_builder, link: *const oa_span_link);
    pub fn oa_build_metric(builder: *mut oa_builder, metric: *const oa_metric);
    pub fn oa_build_number_point(builder: *mut oa_builder, point: *const oa_number_point);
    pub fn oa_build_histogram_point(builder: *mut oa_builder, point: *const oa_histogram_point);
    pub fn oa_build_exponential_histogram_point(
        builder: *mut oa_builder,
        point: *const oa_exponential_histogram_point,
    );
    pub fn oa_build_summary_point(builder: *mut oa_builder, point: *const oa_summary_point);
    pub fn oa_build_exemplar(builder: *mut oa_builder, exemplar: *const oa_exemplar);
    pub fn oa_build_log_record(builder: *mut oa_builder, record: *const oa_log_record);
    pub fn oa_build_body(builder: *mut oa_builder);

    pub fn oa_file_list_new(
        out: *mut *mut oa_file_list,
        path: *const c_char,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_file_list_count(list: *const oa_file_list) -> usize;
    pub fn oa_file_list_path(list: *const oa_file_list, i: usize) -> *const c_char;
    pub fn oa_file_list_free(list: *mut oa_file_list);
    pub fn oa_reader_open(
        out: *mut *mut oa_reader,
        path: *const c_char,
        error: *mut oa_error,
    ) -> oa_status;
    pub fn oa_reader_close(reader: *mut oa_reader);
    pub fn oa_reader_next(reader: *mut oa_reader, error: *mut oa_error) -> oa_status;
    pub fn oa_reader_requests_json(
        reader: *mut oa_reader,
        sink: oa_reader_sink,
        context: *mut c_void,
        error: *mut oa_error,
    ) -> oa_status;

    pub fn oa_stored_open(
        stream: *mut ArrowArrayStream,
        path: *const c_char,
        signal: oa_signal,
        options: *const oa_stored_options,
        error: *mut oa_error,
    ) -> oa_status;
}

#[cfg(test)]
mod tests;
