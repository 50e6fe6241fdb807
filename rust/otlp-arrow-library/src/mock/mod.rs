// SPDX-License-Identifier: Apache-2.0

//! A service for the tests of programs that send telemetry.

mod json;
mod received;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;
use otlp_arrow_sys::requests_json;

use crate::config::ConfigBuilder;
use crate::error::{of_use, OtlpError};
use crate::library::OtlpLibrary;
use crate::offload::offload;

pub use received::{ReceivedLog, ReceivedMetric, ReceivedPoint, ReceivedSpan};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A service for the tests of programs that send telemetry: a real one, on free
/// ports of this machine, with a directory of its own that goes with it.  What
/// comes in can be looked at, decoded.
///
/// Clones are handles of the same service; it ends with [`stop`](Self::stop) or
/// with the last of them.
///
/// ```
/// use otlp_arrow_library::MockOtlpService;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockOtlpService::new();
/// let addresses = mock.start().await?;
/// assert!(addresses.protobuf_addr.starts_with("http://127.0.0.1:"));
/// // ... what is tested sends to `addresses.protobuf_addr` ...
/// mock.assert_traces_received(0).await?;
/// assert!(mock.received_spans().await?.is_empty());
/// mock.stop().await?;
/// # Ok(())
/// # }
/// # futures_executor::block_on(run()).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct MockOtlpService {
    shared: Arc<Shared>,
}

/// Where a [`MockOtlpService`] listens, as URLs.  Both take OTLP over gRPC and HTTP,
/// OTAP and Arrow Flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockServiceAddresses {
    /// The first port.
    pub protobuf_addr: String,
    /// The second port.
    pub arrow_flight_addr: String,
}

#[derive(Debug, Default)]
struct Shared {
    running: Mutex<Option<Arc<Running>>>,
    /// How much there was at the last reset.
    passed: Mutex<Passed>,
    api: [AtomicU64; 2],
}

#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    spans: usize,
    metrics: usize,
    logs: usize,
    requests: [u64; 3],
}

/// What there is altogether.
struct Seen {
    spans: Vec<ReceivedSpan>,
    metrics: Vec<ReceivedMetric>,
    logs: Vec<ReceivedLog>,
    /// Requests over the ports, of traces, metrics and logs.
    requests: [u64; 3],
}

#[derive(Debug)]
struct Running {
    library: OtlpLibrary,
    directory: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // What cannot be written or removed is of no interest any more.
        let _ = self.library.shutdown_blocking(Duration::ZERO);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new directory that only this user can look into.
fn make_directory() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    static MADE: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("otlp-arrow-mock-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
}

impl Running {
    fn start() -> Result<Self, OtlpError> {
        let directory = make_directory()?;
        let config = ConfigBuilder::new()
            .output_dir(&directory)
            .protobuf_enabled(true)
            .protobuf_port(0)
            .arrow_flight_enabled(true)
            .arrow_flight_port(0)
            .dashboard_enabled(true)
            .dashboard_port(0)
            .set("storage.merge", "false")
            .set("log.level", "warn")
            .set("shutdown_timeout", "0")
            .build();
        let started = config
            .map_err(OtlpError::from)
            .and_then(OtlpLibrary::new_blocking);
        match started {
            Ok(library) => Ok(Self { library, directory }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(directory);
                Err(error)
            }
        }
    }

    fn addresses(&self) -> MockServiceAddresses {
        let ports = self.library.ports();
        let url = |port: Option<u16>| format!("http://127.0.0.1:{}", port.unwrap_or_default());
        MockServiceAddresses {
            protobuf_addr: url(ports.protobuf),
            arrow_flight_addr: url(ports.arrow_flight),
        }
    }

    /// How many requests of each signal came in, over the ports or from inside.
    fn requests(&self) -> Result<[u64; 3], OtlpError> {
        let port = self.library.ports().dashboard.unwrap_or_default();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(["traces", "metrics", "logs"].map(|signal| {
            let name = format!("otlp_arrow_requests_total{{signal=\"{signal}\"}} ");
            let value = answer.lines().find_map(|l| l.strip_prefix(&name));
            value.and_then(|v| v.trim().parse().ok()).unwrap_or(0)
        }))
    }
}

impl Shared {
    /// The service, which is started when there is none.
    fn running(&self) -> Result<Arc<Running>, OtlpError> {
        let mut running = locked(&self.running);
        if let Some(running) = &*running {
            return Ok(Arc::clone(running));
        }
        let new = Arc::new(Running::start()?);
        *running = Some(Arc::clone(&new));
        Ok(new)
    }

    fn api_calls(&self) -> [u64; 2] {
        self.api.each_ref().map(|n| n.load(Ordering::Acquire))
    }

    /// All that came since the last reset.
    fn seen(&self) -> Result<Seen, OtlpError> {
        let mut seen = self.all()?;
        let passed = *locked(&self.passed);
        seen.spans.drain(..passed.spans.min(seen.spans.len()));
        seen.metrics.drain(..passed.metrics.min(seen.metrics.len()));
        seen.logs.drain(..passed.logs.min(seen.logs.len()));
        for (count, before) in seen.requests.iter_mut().zip(passed.requests) {
            *count -= before.min(*count);
        }
        Ok(seen)
    }

    fn all(&self) -> Result<Seen, OtlpError> {
        let running = self.running()?;
        running.library.flush_blocking(TIMEOUT)?;
        let stored = running.directory.join("otlp");
        Ok(Seen {
            spans: read(&stored.join("traces"), received::spans)?,
            metrics: read(&stored.join("metrics"), received::metrics)?,
            logs: read(&stored.join("logs"), received::logs)?,
            requests: running.requests()?,
        })
    }

    fn reset(&self) -> Result<(), OtlpError> {
        let all = self.all()?;
        *locked(&self.passed) = Passed {
            spans: all.spans.len(),
            metrics: all.metrics.len(),
            logs: all.logs.len(),
            requests: all.requests,
        };
        self.api.iter().for_each(|n| n.store(0, Ordering::Release));
        Ok(())
    }
}

fn read<T>(
    folder: &Path,
    decode: fn(&serde_json::Value, &mut Vec<T>),
) -> Result<Vec<T>, OtlpError> {
    let mut out = Vec::new();
    if !folder.exists() {
        return Ok(out);
    }
    for text in requests_json(folder).map_err(of_use)? {
        let request = serde_json::from_str(&text).map_err(io::Error::other)?;
        decode(&request, &mut out);
    }
    Ok(out)
}

fn compare(what: &str, expected: usize, found: u64) -> Result<(), String> {
    if u64::try_from(expected) == Ok(found) {
        return Ok(());
    }
    Err(format!("expected {expected} {what}, received {found}"))
}

impl MockOtlpService {
    /// A service that is not started yet.
    pub fn new() -> Self {
        Self::default()
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, OtlpError> + Send + 'static,
    ) -> Result<T, OtlpError> {
        let shared = Arc::clone(&self.shared);
        offload(move || work(&shared)).await
    }

    /// Starts the service, if it does not run, and says where it listens.
    ///
    /// # Errors
    /// Those of [`OtlpLibrary::new`].
    pub async fn start(&self) -> Result<MockServiceAddresses, OtlpError> {
        self.with(|shared| Ok(shared.running()?.addresses())).await
    }

    /// Takes a span without a port.
    ///
    /// # Errors
    /// Those of [`OtlpLibrary::export_traces`].
    pub async fn receive_trace(&self, span: SpanData) -> Result<(), OtlpError> {
        let running = self.with(Shared::running).await?;
        running.library.export_trace(span).await?;
        self.shared.api[0].fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Takes metrics without a port.
    ///
    /// # Errors
    /// Those of [`OtlpLibrary::export_metrics`].
    pub async fn receive_metric(&self, metrics: ResourceMetrics) -> Result<(), OtlpError> {
        let running = self.with(Shared::running).await?;
        running.library.export_metrics(metrics).await?;
        self.shared.api[1].fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Whether as many spans came in as EXPECTED.
    ///
    /// # Errors
    /// A sentence with both numbers.
    pub async fn assert_traces_received(&self, expected: usize) -> Result<(), String> {
        let seen = self.with(Shared::seen).await.map_err(|e| e.to_string())?;
        compare("spans", expected, seen.spans.len() as u64)
    }

    /// Whether as many requests with metrics came in as EXPECTED; what is in them
    /// tells [`received_metrics`](Self::received_metrics).
    ///
    /// # Errors
    /// A sentence with both numbers.
    pub async fn assert_metrics_received(&self, expected: usize) -> Result<(), String> {
        let seen = self.with(Shared::seen).await.map_err(|e| e.to_string())?;
        compare("requests with metrics", expected, seen.requests[1])
    }

    /// How many requests came in over the ports.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when the service does not answer.
    pub async fn grpc_calls_count(&self) -> Result<u64, OtlpError> {
        self.with(|shared| {
            let all: u64 = shared.seen()?.requests.iter().sum();
            let inside: u64 = shared.api_calls().iter().sum();
            Ok(all - inside.min(all))
        })
        .await
    }

    /// How often [`receive_trace`](Self::receive_trace) and
    /// [`receive_metric`](Self::receive_metric) took something.
    pub async fn api_calls_count(&self) -> u64 {
        self.shared.api_calls().iter().sum()
    }

    /// The spans that came in.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when the service's files cannot be read.
    pub async fn received_spans(&self) -> Result<Vec<ReceivedSpan>, OtlpError> {
        Ok(self.with(Shared::seen).await?.spans)
    }

    /// The metrics that came in.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when the service's files cannot be read.
    pub async fn received_metrics(&self) -> Result<Vec<ReceivedMetric>, OtlpError> {
        Ok(self.with(Shared::seen).await?.metrics)
    }

    /// The log records that came in.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when the service's files cannot be read.
    pub async fn received_logs(&self) -> Result<Vec<ReceivedLog>, OtlpError> {
        Ok(self.with(Shared::seen).await?.logs)
    }

    /// Forgets what came in; the ports stay.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when the service's files cannot be read.
    pub async fn reset(&self) -> Result<(), OtlpError> {
        self.with(Shared::reset).await
    }

    /// Ends the service and removes its directory.
    ///
    /// # Errors
    /// [`OtlpError::Io`] when something could not be written.
    pub async fn stop(&self) -> Result<(), OtlpError> {
        self.with(|shared| {
            let running = locked(&shared.running).take();
            *locked(&shared.passed) = Passed::default();
            shared
                .api
                .iter()
                .for_each(|n| n.store(0, Ordering::Release));
            match running {
                None => Ok(()),
                Some(running) => running.library.shutdown_blocking(Duration::ZERO),
            }
        })
        .await
    }
}
