// SPDX-License-Identifier: Apache-2.0

//! Any number of threads may do anything at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Barrier;
use std::thread;

use futures_executor::block_on;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SdkTracerProvider;
use otlp_arrow_library::{OtlpError, OtlpExportError, OtlpLibrary, OtlpServerError};

use crate::world::{span, Directory, SECOND};

const THREADS: u64 = 16;

fn check<T: Clone + Send + Sync + 'static>(_: &T) {}

/// What an export gave, as the number of spans that were taken.
fn taken(result: Result<(), OtlpError>, count: u64, ended: &AtomicBool) -> u64 {
    match result {
        Ok(()) => count,
        Err(OtlpError::Server(OtlpServerError::ShutdownError(_))) => {
            ended.store(true, Ordering::Release);
            0
        }
        Err(OtlpError::Export(OtlpExportError::BufferFull)) => 0,
        Err(other) => panic!("{other:?}"),
    }
}

fn work(library: &OtlpLibrary, number: u64, ended: &AtomicBool) -> u64 {
    let mut sum = 0;
    for round in 0..400 {
        let first = number * 1_000_000 + round * 10;
        let spans = (first..first + 10).map(span).collect();
        sum += taken(block_on(library.export_traces(spans)), 10, ended);
        let metrics = block_on(library.export_metrics_ref(&ResourceMetrics::default()));
        taken(metrics, 0, ended);
        if round % 40 == number {
            taken(library.flush_blocking(10 * SECOND), 0, ended);
        }
        if ended.load(Ordering::Acquire) {
            break;
        }
    }
    sum
}

#[test]
fn what_16_threads_export_while_others_flush_and_end_is_stored_once() {
    let directory = Directory::new();
    let library = directory.library();
    check(&library);
    let (sum, ended, go) = (AtomicU64::new(0), AtomicBool::new(false), Barrier::new(17));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (library, sum, ended, go) = (library.clone(), &sum, &ended, &go);
            scope.spawn(move || {
                go.wait();
                sum.fetch_add(work(&library, number, ended), Ordering::AcqRel);
                if number % 4 == 0 {
                    library.shutdown_blocking(SECOND).unwrap();
                }
            });
        }
        go.wait();
        thread::sleep(SECOND / 20);
        block_on(library.shutdown()).unwrap();
    });
    let (sum, stats) = (sum.into_inner(), library.stats().unwrap().traces);
    assert!(sum > 0);
    assert_eq!((stats.stored, stats.buffered, stats.given_up), (sum, 0, 0));
}

#[test]
fn providers_on_many_threads_lose_nothing() {
    let directory = Directory::new();
    let library = directory.library();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let exporter = library.span_exporter();
            scope.spawn(move || {
                let provider = SdkTracerProvider::builder()
                    .with_batch_exporter(exporter)
                    .build();
                let tracer = provider.tracer("threads");
                for _ in 0..500 {
                    tracer.in_span("work", |_| ());
                }
                provider.shutdown().unwrap();
            });
        }
    });
    library.shutdown_blocking(SECOND).unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, THREADS * 500);
}
