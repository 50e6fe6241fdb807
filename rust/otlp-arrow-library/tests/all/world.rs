// SPDX-License-Identifier: Apache-2.0

//! Directories and telemetry for the tests.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

/// A directory that goes when it is dropped.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("otlp-arrow-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A configuration that keeps its files here.
    pub fn config(&self) -> ConfigBuilder {
        ConfigBuilder::new()
            .output_dir(&self.0)
            .set("log.level", "error")
    }

    pub fn library(&self) -> OtlpLibrary {
        OtlpLibrary::new_blocking(self.config().build().unwrap()).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub const SECOND: Duration = Duration::from_secs(1);

pub fn span(number: u64) -> SpanData {
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000 + number);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from((0x1234_u128 << 64) | (u128::from(number) + 1)),
            SpanId::from(number + 1),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: format!("span {number}").into(),
        start_time: start,
        end_time: start + Duration::from_micros(5),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("tests").build(),
    }
}

pub fn without_id(number: u64) -> SpanData {
    SpanData {
        span_context: SpanContext::empty_context(),
        ..span(number)
    }
}

/// What is in the files of DIRECTORY, each request as OTLP/JSON.
pub fn stored_requests(directory: &Directory) -> Vec<String> {
    otlp_arrow_sys::requests_json(directory.path()).unwrap()
}
