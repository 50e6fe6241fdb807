// SPDX-License-Identifier: Apache-2.0

//! What goes wrong is told with the documented error, and nothing is half stored.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use futures_executor::block_on;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanExporter;
use otlp_arrow_library::{OtlpError, OtlpExportError, OtlpLibrary, OtlpServerError};

use crate::world::{span, without_id, Directory, SECOND};

fn is_shut_down<T: std::fmt::Debug>(result: Result<T, OtlpError>) -> bool {
    matches!(
        result,
        Err(OtlpError::Server(OtlpServerError::ShutdownError(_)))
    )
}

#[test]
fn use_after_a_shutdown_is_told_so() {
    let directory = Directory::new();
    let library = directory.library();
    let mut exporter = library.span_exporter();
    exporter.set_resource(&opentelemetry_sdk::Resource::builder_empty().build());
    block_on(library.export_trace(span(1))).unwrap();
    block_on(library.shutdown()).unwrap();
    assert!(is_shut_down(block_on(library.export_trace(span(2)))));
    assert!(is_shut_down(block_on(
        library.export_metrics(ResourceMetrics::default())
    )));
    assert!(is_shut_down(block_on(library.flush())));
    let told = block_on(exporter.export(vec![span(3)]));
    assert!(matches!(told, Err(OTelSdkError::AlreadyShutdown)));
    assert_eq!(library.stats().unwrap().traces.stored, 1);
}

#[test]
fn a_second_shutdown_gives_what_the_first_gave() {
    let directory = Directory::new();
    let library = directory.library();
    block_on(library.shutdown()).unwrap();
    block_on(library.shutdown()).unwrap();
    library.shutdown_blocking(SECOND).unwrap();
}

#[test]
fn a_flush_while_the_library_ends_is_done_or_told() {
    for _ in 0..10 {
        let directory = Directory::new();
        let library = directory.library();
        block_on(library.export_traces((0..100).map(span).collect())).unwrap();
        let go = Barrier::new(9);
        thread::scope(|scope| {
            for number in 0..8 {
                let (library, go) = (&library, &go);
                scope.spawn(move || {
                    go.wait();
                    let told = match number % 4 {
                        0 => block_on(library.flush()),
                        1 => library.flush_blocking(10 * SECOND),
                        2 => library.shutdown_blocking(10 * SECOND),
                        _ => block_on(library.shutdown()),
                    };
                    assert!(told.is_ok() || number % 4 < 2 && is_shut_down(told));
                });
            }
            go.wait();
        });
        assert!(is_shut_down(library.flush_blocking(SECOND)));
        let stats = library.stats().unwrap().traces;
        assert_eq!((stats.stored, stats.given_up), (100, 0));
    }
}

#[test]
fn an_exporter_that_was_shut_down_leaves_the_others_alone() {
    let directory = Directory::new();
    let library = directory.library();
    let (spans, metrics) = (library.span_exporter(), library.metric_exporter_adapter());
    block_on(spans.export(vec![span(1)])).unwrap();
    spans.shutdown().unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, 1);
    assert!(matches!(
        spans.shutdown(),
        Err(OTelSdkError::AlreadyShutdown)
    ));
    let late = block_on(spans.export(vec![span(2)]));
    assert!(matches!(late, Err(OTelSdkError::AlreadyShutdown)));
    assert!(matches!(
        spans.force_flush(),
        Err(OTelSdkError::AlreadyShutdown)
    ));
    metrics.force_flush().unwrap();
    block_on(library.export_trace(span(3))).unwrap();
    library.shutdown_blocking(SECOND).unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, 2);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_io_error() {
    let directory = Directory::new();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let config = directory.config().output_dir(file.join("below"));
    let error = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap_err();
    assert!(matches!(error, OtlpError::Io(_)), "{error:?}");
    assert!(error.to_string().contains("Not a directory"), "{error}");
}

/// A directory that even root cannot write to, where there is no other.
fn not_writable(directory: &Directory) -> PathBuf {
    let path = directory.path().join("read-only");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(path.join("probe"), "").is_ok() {
        return PathBuf::from("/proc");
    }
    path
}

#[test]
fn a_directory_that_cannot_be_written_is_an_io_error_that_names_it() {
    let directory = Directory::new();
    let path = not_writable(&directory).join("below");
    let config = directory.config().output_dir(&path).build().unwrap();
    let error = block_on(OtlpLibrary::new(config)).unwrap_err();
    assert!(matches!(error, OtlpError::Io(_)), "{error:?}");
    assert!(
        error.to_string().contains(&*path.to_string_lossy()),
        "{error}"
    );
    assert!(!path.exists());
}

#[test]
fn a_directory_has_one_library() {
    let directory = Directory::new();
    let first = directory.library();
    let config = directory.config().build().unwrap();
    let error = block_on(OtlpLibrary::new(config)).unwrap_err();
    assert!(matches!(error, OtlpError::Io(_)), "{error:?}");
    block_on(first.export_trace(span(1))).unwrap();
    drop(first);
    let second = directory.library();
    block_on(second.export_trace(span(2))).unwrap();
    second.shutdown_blocking(SECOND).unwrap();
}

#[test]
fn a_port_that_is_taken_is_a_bind_error() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = directory
        .config()
        .protobuf_enabled(true)
        .protobuf_port(taken.local_addr().unwrap().port());
    let error = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap_err();
    assert!(
        matches!(error, OtlpError::Server(OtlpServerError::BindError(_))),
        "{error:?}"
    );
}

#[test]
fn a_full_buffer_is_told_and_takes_nothing() {
    let directory = Directory::new();
    let config = directory
        .config()
        .max_trace_buffer_size(100)
        .write_interval_secs(3600)
        .set("storage.batch_rows", "1000000");
    let library = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap();
    let mut taken = 0;
    let error = loop {
        let spans: Vec<_> = (0..40).map(|i| span(taken + i)).collect();
        match block_on(library.export_traces(spans)) {
            Ok(()) => taken += 40,
            Err(error) => break error,
        }
        assert!(taken <= 100_000, "it never became full");
    };
    assert!(
        matches!(error, OtlpError::Export(OtlpExportError::BufferFull)),
        "{error:?}"
    );
    library.flush_blocking(10 * SECOND).unwrap();
    let stats = library.stats().unwrap().traces;
    assert_eq!(
        (stats.stored, stats.received, stats.buffered),
        (taken, taken, 0)
    );
    assert!(stats.refused >= 1);
    block_on(library.export_trace(span(taken))).unwrap();
}

#[test]
fn an_exporter_waits_for_room_in_the_buffer() {
    let directory = Directory::new();
    let config = directory
        .config()
        .max_trace_buffer_size(100)
        .write_interval_secs(1);
    let library = OtlpLibrary::new_blocking(config.build().unwrap()).unwrap();
    let exporter = library.span_exporter();
    for round in 0..10 {
        let spans = (0..60).map(|i| span(60 * round + i)).collect();
        block_on(exporter.export(spans)).unwrap();
    }
    exporter.shutdown().unwrap();
    assert_eq!(library.stats().unwrap().traces.stored, 600);
}

#[test]
fn a_span_without_an_id_is_named_and_nothing_of_the_batch_is_taken() {
    let directory = Directory::new();
    let library = directory.library();
    let batch = vec![span(1), without_id(2), span(3)];
    let error = block_on(library.export_traces(batch)).unwrap_err();
    assert!(
        matches!(
            error,
            OtlpError::Export(OtlpExportError::SerializationError(_))
        ),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("span 1 of 3") && text.contains("span 2"),
        "{text}"
    );
    library.shutdown_blocking(SECOND).unwrap();
    assert_eq!(library.stats().unwrap().traces.received, 0);
}

#[test]
fn an_export_that_waits_for_the_disk_is_on_it() {
    for ack in ["write", "fsync"] {
        let directory = Directory::new();
        let config = directory.config().set("ack", ack).build().unwrap();
        let library = OtlpLibrary::new_blocking(config).unwrap();
        block_on(library.export_traces((0..10).map(span).collect())).unwrap();
        assert_eq!(library.stats().unwrap().traces.stored, 10, "{ack}");
    }
}

#[test]
fn an_idle_library_ends_at_once() {
    let directory = Directory::new();
    let library = directory.library();
    let begin = Instant::now();
    drop(library);
    assert!(begin.elapsed() < 5 * SECOND);
}
