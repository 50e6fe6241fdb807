// SPDX-License-Identifier: Apache-2.0

//! What one export of 512 spans with 8 attributes costs: exports the same spans
//! over and over, and prints the CPU time of the whole process and of the calling
//! thread, in microseconds an export.
//!
//!     cost library DIRECTORY ROUNDS    into files of its own
//!     cost otlp ENDPOINT ROUNDS        with the SDK's exporter, over gRPC
//!     cost nothing - ROUNDS            only makes the spans, which the others do too

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use opentelemetry_sdk::Resource;
use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};

const SPANS: u64 = 512;
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];

fn attributes(number: u64) -> Vec<KeyValue> {
    let method = METHODS[number as usize % METHODS.len()];
    vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.response.status_code", 200 + (number % 5) as i64),
        KeyValue::new("url.path", format!("/shelf/{}", number % 50)),
        KeyValue::new("server.address", "shop.example"),
        KeyValue::new("server.port", 443),
        KeyValue::new("network.protocol.version", "2"),
        KeyValue::new("shop.discount", number as f64 / 7.0),
        KeyValue::new("shop.member", number.is_multiple_of(2)),
    ]
}

fn batch(round: u64, now: SystemTime, scope: &InstrumentationScope) -> Vec<SpanData> {
    let span = |number: u64| SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(round + 1) << 64 | u128::from(number / 8 + 1)),
            SpanId::from(round << 32 | (number + 1)),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(if number.is_multiple_of(8) { 0 } else { number }),
        parent_span_is_remote: false,
        span_kind: SpanKind::Server,
        name: METHODS[number as usize % METHODS.len()].into(),
        start_time: now + Duration::from_micros(number),
        end_time: now + Duration::from_micros(number * 3 + 20),
        attributes: attributes(number),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope.clone(),
    };
    (0..SPANS).map(span).collect()
}

/// CPU seconds of the process, or of this thread, as the kernel counts them.
fn cpu(file: &str) -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string(file)?;
    let first = text.split_whitespace().next().ok_or("empty")?;
    Ok(first.parse::<f64>()? / 1e9)
}

/// Nanoseconds of all threads, those that have ended too little to matter.
fn cpu_of_process() -> Result<f64, Box<dyn Error>> {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let file = task?.path().join("schedstat");
        sum += cpu(&file.to_string_lossy()).unwrap_or(0.0);
    }
    Ok(sum)
}

fn measure<E: SpanExporter>(
    exporter: Option<E>,
    rounds: u64,
    export: impl Fn(&E, Vec<SpanData>) -> Result<(), Box<dyn Error>>,
    settle: impl FnOnce() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let scope = InstrumentationScope::builder("cost")
        .with_version("1")
        .build();
    let now = SystemTime::now();
    let run = |from: u64, count: u64| -> Result<(), Box<dyn Error>> {
        for round in from..from + count {
            let spans = batch(round, now, &scope);
            match &exporter {
                Some(exporter) => export(exporter, spans)?,
                None => drop(std::hint::black_box(spans)),
            }
        }
        Ok(())
    };
    run(0, rounds / 10 + 1)?; // connects, allocates, finds its sizes
    let (process, thread) = (cpu_of_process()?, cpu("/proc/thread-self/schedstat")?);
    let begin = Instant::now();
    run(rounds, rounds)?;
    let wall = begin.elapsed().as_secs_f64();
    let thread = cpu("/proc/thread-self/schedstat")? - thread;
    settle()?;
    let process = cpu_of_process()? - process;
    let each = |seconds: f64| seconds * 1e6 / rounds as f64;
    println!(
        "{{\"process_us\": {:.1}, \"thread_us\": {:.1}, \"wall_us\": {:.1}}}",
        each(process),
        each(thread),
        each(wall)
    );
    Ok(())
}

fn library(directory: &str, rounds: u64) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let config = ConfigBuilder::new()
        .output_dir(directory)
        .write_interval_secs(1)
        .max_trace_buffer_size(1 << 20)
        .build()?;
    let library = OtlpLibrary::new_blocking(config)?;
    let mut exporter = library.span_exporter();
    exporter.set_resource(&Resource::builder().with_service_name("cost").build());
    measure(
        Some(exporter),
        rounds,
        |exporter, spans| Ok(runtime.block_on(exporter.export(spans))?),
        || Ok(library.flush_blocking(Duration::from_secs(30))?),
    )?;
    library.shutdown_blocking(Duration::from_secs(10))?;
    let stored = library.stats()?.traces.stored;
    let sent = SPANS * (rounds + rounds / 10 + 1);
    if stored != sent {
        return Err(format!("{stored} of {sent} spans are stored").into());
    }
    Ok(())
}

fn otlp(endpoint: &str, rounds: u64) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let _inside = runtime.enter();
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()?;
    exporter.set_resource(&Resource::builder().with_service_name("cost").build());
    measure(
        Some(exporter),
        rounds,
        |exporter, spans| Ok(runtime.block_on(exporter.export(spans))?),
        || Ok(()),
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, place, rounds] = &arguments[..] else {
        return Err("usage: cost library|otlp|nothing PLACE ROUNDS".into());
    };
    let rounds = rounds.parse()?;
    match kind.as_str() {
        "library" => library(place, rounds),
        "otlp" => otlp(place, rounds),
        "nothing" => measure(
            None::<opentelemetry_otlp::SpanExporter>,
            rounds,
            |_, _| Ok(()),
            || Ok(()),
        ),
        other => Err(format!("no such kind: {other}").into()),
    }
}
