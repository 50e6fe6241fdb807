// SPDX-License-Identifier: Apache-2.0

//! A process that was forked has no library of its own, until it makes one.
//!
//! A program by itself: a fork takes along one thread and all locks, so nothing
//! else may run meanwhile that the child would wait for.

use std::any::Any;
use std::fs;
use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use futures_executor::block_on;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanEvents, SpanExporter, SpanLinks};
use otlp_arrow_library::{ConfigBuilder, OtlpError, OtlpLibrary, OtlpServerError};

const SECOND: Duration = Duration::from_secs(1);
const CHILDREN: u64 = 20;

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otlp-arrow-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn library_in(path: &Path) -> OtlpLibrary {
    let config = ConfigBuilder::new()
        .output_dir(path)
        .set("log.level", "error");
    OtlpLibrary::new_blocking(config.build().unwrap()).unwrap()
}

fn span(number: u64) -> SpanData {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(0x1234),
            SpanId::from(number + 1),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time: start,
        end_time: start + SECOND,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("fork").build(),
    }
}

/// Says why the child panicked, past what keeps the output of tests back.
fn tell(panic: &(dyn Any + Send)) -> i32 {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    let _ = writeln!(io::stderr(), "child: {}", text.unwrap_or("it panicked"));
    1
}

/// A child that does WORK and ends; a panic of it is an exit code.
fn forked(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child allocates and starts threads, which glibc allows; it waits
    // for no lock but its own, and ends without what the parent would do at its end.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            let done = catch_unwind(AssertUnwindSafe(work));
            let code = done.map_or_else(|panic| tell(&*panic), |()| 0);
            // SAFETY: ends this process, and takes nothing.
            unsafe { libc::_exit(code) }
        }
        child => child,
    }
}

/// Waits for a child to end well; one that hangs is ended after a while.
fn wait_for(child: libc::pid_t) {
    for _ in 0..6000 {
        let mut status = 0;
        // SAFETY: fills the number during the call.
        let found = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if found == child {
            assert!(libc::WIFEXITED(status), "the child died: {status}");
            assert_eq!(libc::WEXITSTATUS(status), 0, "see what the child said");
            return;
        }
        assert_eq!(found, 0);
        thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: a child of ours, that nobody has waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    panic!("the child hangs");
}

fn is_refused(result: Result<impl std::fmt::Debug, OtlpError>) {
    match result {
        Err(OtlpError::Server(OtlpServerError::ShutdownError(text))) => {
            assert!(
                text.contains("forked") && text.contains("output_dir"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

fn is_over(result: Result<(), OTelSdkError>) {
    assert!(
        matches!(result, Err(OTelSdkError::AlreadyShutdown)),
        "{result:?}"
    );
}

/// What every call in a child gives.
fn refuse_all(library: &OtlpLibrary) {
    is_refused(block_on(library.export_trace(span(1))));
    is_refused(block_on(library.export_metrics(ResourceMetrics::default())));
    is_refused(library.flush_blocking(SECOND));
    is_refused(library.shutdown_blocking(SECOND));
    is_refused(block_on(library.flush()));
    is_refused(block_on(library.shutdown()));
    is_refused(library.stats());
    let (spans, metrics) = (library.span_exporter(), library.metric_exporter_adapter());
    is_over(block_on(spans.export(vec![span(2)])));
    is_over(spans.force_flush());
    is_over(spans.shutdown());
    is_over(block_on(metrics.export(&ResourceMetrics::default())));
    is_over(metrics.shutdown());
}

/// A library of the child's own, with providers of its own.
fn live_alone(directory: &Path) {
    let library = library_in(directory);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(library.span_exporter())
        .build();
    for _ in 0..100 {
        provider.tracer("child").in_span("work", |_| ());
    }
    provider.shutdown().unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, 100);
}

/// How many spans are in the files of DIRECTORY.
fn spans_in(directory: &Path) -> u64 {
    let requests = otlp_arrow_sys::requests_json(&directory.join("otlp/traces")).unwrap();
    requests
        .iter()
        .map(|text| text.matches("\"spanId\"").count() as u64)
        .sum()
}

/// One after the other, as a fork of one test would take along the other's locks.
#[test]
fn a_forked_process_is_refused_and_lives_alone() {
    a_child_is_refused_and_makes_its_own();
    children_of_a_busy_process_do_not_hang();
}

fn a_child_is_refused_and_makes_its_own() {
    let directory = Directory::new("fork");
    let (ours, theirs) = (directory.0.join("parent"), directory.0.join("child"));
    let library = library_in(&ours);
    block_on(library.export_trace(span(1))).unwrap();
    let child = forked(|| {
        refuse_all(&library);
        live_alone(&theirs);
        refuse_all(&library);
        drop(library.clone());
        // As a program would that knows nothing of this: the last handle goes.
        // SAFETY: a bitwise copy of what this process never drops again, as it
        // ends without that.
        drop(unsafe { std::ptr::read(&library) });
    });
    wait_for(child);
    block_on(library.export_trace(span(2))).unwrap();
    library.shutdown_blocking(10 * SECOND).unwrap();
    let stats = library.stats().unwrap().traces;
    assert_eq!((stats.stored, stats.given_up, stats.refused), (2, 0, 0));
    assert_eq!((spans_in(&ours), spans_in(&theirs)), (2, 100));
}

/// Ends the threads, also when a child has failed.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn children_of_a_busy_process_do_not_hang() {
    let directory = Directory::new("fork-busy");
    let ours = directory.0.join("parent");
    let library = library_in(&ours);
    let (taken, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (library, taken, done) = (library.clone(), &taken, &done);
            scope.spawn(move || {
                for number in 0.. {
                    if done.load(Ordering::Acquire) {
                        break;
                    }
                    let spans = vec![span(thread), span(number)];
                    match block_on(library.export_traces(spans)) {
                        Ok(()) => taken.fetch_add(2, Ordering::AcqRel),
                        Err(OtlpError::Export(_)) => 0, // come again
                        Err(other) => panic!("{other:?}"),
                    };
                }
            });
        }
        let _ended = Ended(&done);
        for number in 0..CHILDREN {
            let theirs = directory.0.join(format!("child-{number}"));
            wait_for(forked(|| {
                refuse_all(&library);
                live_alone(&theirs);
            }));
            assert_eq!(spans_in(&theirs), 100);
        }
    });
    library.shutdown_blocking(10 * SECOND).unwrap();
    let (taken, stats) = (taken.into_inner(), library.stats().unwrap().traces);
    assert!(taken > 0);
    assert_eq!(
        (stats.stored, stats.buffered, stats.given_up),
        (taken, 0, 0)
    );
    assert_eq!(spans_in(&ours), taken);
}
