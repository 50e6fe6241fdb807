// SPDX-License-Identifier: Apache-2.0

//! The library as a program has it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::Resource;
use otlp_arrow_sys as sys;
use sys::{Listener, Service, Signal};

use crate::config::{Config, ConfigBuilder, Values};
#[allow(unused_imports)] // for the documentation
use crate::error::OtlpServerError;
use crate::error::{of_flush, of_start, of_use, OtlpError, OtlpExportError};
use crate::exporters::{LogExporterAdapter, MetricExporterAdapter, SpanExporterAdapter};
use crate::offload::offload;
use crate::pool::{Pool, Pooled};
use crate::walk;

/// How long `flush` waits for the disk.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// OpenTelemetry's files, written by this program.
///
/// Clones are handles of the same library; it ends with
/// [`shutdown`](OtlpLibrary::shutdown), or when the last handle and the last
/// exporter of it is dropped, which writes what is left.
///
/// All functions may be called by any number of threads at once, and their futures
/// run under any executor.  Exporting does its work at once and waits for nothing,
/// unless `ack` is set to `write` or `fsync`; what waits has a thread of its own
/// and goes on when its future is dropped.
///
/// A library belongs to the process that made it.  In a child that was made with
/// `fork`, all of it says [`OtlpServerError::ShutdownError`] (the exporters
/// `AlreadyShutdown`) and touches nothing: no file, no thread and no lock of the
/// parent, which goes on as before.  Dropping it there is allowed.  The child makes a
/// library of its own, with another `output_dir`, and providers of its own, as those
/// of the SDK do not survive a fork either.
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use otlp_arrow_library::OtlpLibrary;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("oa-doc-lib-{}", std::process::id()));
/// let config = OtlpLibrary::with_config_builder()
///     .output_dir(&directory)
///     .build()?;
/// let library = OtlpLibrary::new(config).await?;
/// let provider = SdkTracerProvider::builder()
///     .with_batch_exporter(library.span_exporter())
///     .build();
/// provider.tracer("shop").in_span("order", |_| ());
/// provider.shutdown()?;
/// library.shutdown().await?;
/// # std::fs::remove_dir_all(directory)?;
/// # Ok(())
/// # }
/// # futures_executor::block_on(run()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct OtlpLibrary {
    core: Arc<Core>,
    resource: Arc<Resource>,
}

/// What all handles share.
#[derive(Debug)]
pub(crate) struct Core {
    service: Service,
    config: Config,
    pool: Arc<Pool>,
    /// Whether an export returns before anything is in a file.
    direct: bool,
}

/// Numbers of one signal since the start, in spans, data points or log records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalStats {
    /// What came in.
    pub received: u64,
    /// What of it was left out.
    pub rejected: u64,
    /// What is in files.
    pub stored: u64,
    /// What was taken and could not be stored.
    pub given_up: u64,
    /// What was taken and is on the way to a file.
    pub buffered: u64,
    /// Requests of which nothing was taken.
    pub refused: u64,
}

/// Numbers since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Spans.
    pub traces: SignalStats,
    /// Data points.
    pub metrics: SignalStats,
    /// Log records.
    pub logs: SignalStats,
    /// Of `memory_limit`, in bytes.
    pub memory_used: u64,
}

impl From<sys::raw::oa_signal_stats> for SignalStats {
    fn from(of: sys::raw::oa_signal_stats) -> Self {
        Self {
            received: of.received,
            rejected: of.rejected,
            stored: of.stored,
            given_up: of.given_up,
            buffered: of.buffered,
            refused: of.refused,
        }
    }
}

/// The ports that are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ports {
    /// `protocols.protobuf_port`.
    pub protobuf: Option<u16>,
    /// `protocols.arrow_flight_port`.
    pub arrow_flight: Option<u16>,
    /// `dashboard.port`.
    pub dashboard: Option<u16>,
}

impl OtlpLibrary {
    /// Starts a library: its directory is opened, and what a crash left torn is
    /// repaired.
    ///
    /// # Errors
    /// [`OtlpError::Config`]; [`OtlpError::Io`] when the directory cannot be used or
    /// belongs to another library or service; [`OtlpServerError::BindError`] when a
    /// port is taken.
    pub async fn new(config: Config) -> Result<Self, OtlpError> {
        offload(move || Self::new_blocking(config)).await
    }

    /// [`new`](OtlpLibrary::new) for programs without an executor.
    pub fn new_blocking(config: Config) -> Result<Self, OtlpError> {
        let chosen = config.to_library()?;
        let direct = Values::of(&chosen)?.get("ack") == "memory";
        let service = Service::start(&chosen).map_err(of_start)?;
        Ok(Self {
            core: Arc::new(Core {
                service,
                config,
                pool: Arc::default(),
                direct,
            }),
            resource: Arc::new(Resource::builder_empty().build()),
        })
    }

    /// A configuration, one setting after the other.
    pub fn with_config_builder() -> ConfigBuilder {
        ConfigBuilder::new()
    }

    /// The same library, whose `export_trace`, `export_traces` and `export_logs` say
    /// that what they get comes from RESOURCE.  The SDK gives it to the exporters by
    /// itself.
    #[must_use]
    pub fn with_resource(&self, resource: Resource) -> Self {
        Self {
            core: Arc::clone(&self.core),
            resource: Arc::new(resource),
        }
    }

    /// How it was set up.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// Takes a span.
    ///
    /// # Errors
    /// See [`export_traces`](OtlpLibrary::export_traces).
    pub async fn export_trace(&self, span: SpanData) -> Result<(), OtlpError> {
        self.export_traces(vec![span]).await
    }

    /// Takes spans, all or nothing.
    ///
    /// # Errors
    /// [`OtlpExportError::BufferFull`]: come again.
    /// [`OtlpExportError::SerializationError`]: a span has no id, or it is more than
    /// one batch may be.  [`OtlpServerError::ShutdownError`]: there was a shutdown.
    /// [`OtlpError::Io`]: with `ack` other than `memory`, it may not be safe.
    pub async fn export_traces(&self, spans: Vec<SpanData>) -> Result<(), OtlpError> {
        if spans.is_empty() {
            return Ok(());
        }
        let built = self.core.build_traces(&spans, &self.resource)?;
        self.core.put(built).await
    }

    /// Takes metrics, all or nothing.
    ///
    /// # Errors
    /// See [`export_traces`](OtlpLibrary::export_traces).
    pub async fn export_metrics(&self, metrics: ResourceMetrics) -> Result<(), OtlpError> {
        self.export_metrics_ref(&metrics).await
    }

    /// Takes metrics that stay the caller's.
    ///
    /// # Errors
    /// See [`export_traces`](OtlpLibrary::export_traces).
    pub async fn export_metrics_ref(&self, metrics: &ResourceMetrics) -> Result<(), OtlpError> {
        let built = self.core.build_metrics(metrics)?;
        self.core.put(built).await
    }

    /// Takes log records, all or nothing.
    ///
    /// # Errors
    /// See [`export_traces`](OtlpLibrary::export_traces).
    pub async fn export_logs(&self, batch: LogBatch<'_>) -> Result<(), OtlpError> {
        let built = self.core.build_logs(&batch, &self.resource)?;
        self.core.put(built).await
    }

    /// An exporter for `SdkTracerProvider`.
    pub fn span_exporter_adapter(&self) -> SpanExporterAdapter {
        SpanExporterAdapter::new(Arc::clone(&self.core))
    }

    /// The same.
    pub fn span_exporter(&self) -> SpanExporterAdapter {
        self.span_exporter_adapter()
    }

    /// An exporter for `SdkMeterProvider`.
    pub fn metric_exporter_adapter(&self) -> MetricExporterAdapter {
        MetricExporterAdapter::new(Arc::clone(&self.core))
    }

    /// An exporter for `SdkLoggerProvider`.
    pub fn log_exporter_adapter(&self) -> LogExporterAdapter {
        LogExporterAdapter::new(Arc::clone(&self.core))
    }

    /// Writes to files what has been exported so far, and waits for that.
    ///
    /// # Errors
    /// [`OtlpError::Io`]: the disk refuses, or 30 seconds were not enough.
    /// [`OtlpServerError::ShutdownError`]: there was a shutdown.
    pub async fn flush(&self) -> Result<(), OtlpError> {
        let core = Arc::clone(&self.core);
        offload(move || core.flush(FLUSH_TIMEOUT)).await
    }

    /// [`flush`](OtlpLibrary::flush) for programs without an executor.
    pub fn flush_blocking(&self, timeout: Duration) -> Result<(), OtlpError> {
        self.core.flush(timeout)
    }

    /// Takes no more, writes everything, and ends the files and the threads.
    /// Further calls wait for the first and give what it gave.
    ///
    /// # Errors
    /// [`OtlpError::Io`]: something could not be written.
    pub async fn shutdown(&self) -> Result<(), OtlpError> {
        let core = Arc::clone(&self.core);
        offload(move || core.shutdown(None)).await
    }

    /// [`shutdown`](OtlpLibrary::shutdown) for programs without an executor, waiting
    /// at most TIMEOUT for senders that are connected.
    pub fn shutdown_blocking(&self, timeout: Duration) -> Result<(), OtlpError> {
        self.core.shutdown(Some(timeout))
    }

    /// Numbers since the start, also after a shutdown.
    ///
    /// # Errors
    /// [`OtlpServerError::ShutdownError`] in a process that was forked from the one
    /// that started the library.
    pub fn stats(&self) -> Result<Stats, OtlpError> {
        let stats = self.core.service.stats().map_err(of_use)?;
        let [traces, metrics, logs] = stats.signals.map(Into::into);
        Ok(Stats {
            traces,
            metrics,
            logs,
            memory_used: stats.memory_used,
        })
    }

    /// The ports that are open, with their real numbers.
    pub fn ports(&self) -> Ports {
        let port = |listener| self.core.service.port(listener);
        Ports {
            protobuf: port(Listener::Protobuf),
            arrow_flight: port(Listener::ArrowFlight),
            dashboard: port(Listener::Dashboard),
        }
    }
}

impl Core {
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn build_traces(
        &self,
        spans: &[SpanData],
        resource: &Resource,
    ) -> Result<Pooled, OtlpError> {
        if let Some((place, span)) = walk::without_id(spans) {
            return Err(OtlpExportError::SerializationError(format!(
                "span {place} of {}, {:?}: it has no trace id or no span id; nothing was taken",
                spans.len(),
                span.name
            ))
            .into());
        }
        let mut builder = self.pool.take(Signal::Traces)?;
        walk::traces(&mut builder, spans, resource);
        Ok(builder)
    }

    pub(crate) fn build_metrics(&self, metrics: &ResourceMetrics) -> Result<Pooled, OtlpError> {
        let mut builder = self.pool.take(Signal::Metrics)?;
        walk::metrics(&mut builder, metrics);
        Ok(builder)
    }

    pub(crate) fn build_logs(
        &self,
        batch: &LogBatch<'_>,
        resource: &Resource,
    ) -> Result<Pooled, OtlpError> {
        let mut builder = self.pool.take(Signal::Logs)?;
        walk::logs(&mut builder, batch, resource);
        Ok(builder)
    }

    /// Hands on a request, waiting elsewhere when there is something to wait for.
    async fn put(self: &Arc<Self>, mut built: Pooled) -> Result<(), OtlpError> {
        if self.direct {
            return self.send(&mut built).map_err(of_use)?;
        }
        let core = Arc::clone(self);
        offload(move || core.send(&mut built).map_err(of_use)?).await
    }

    /// The same, coming again for up to PATIENCE while buffers are full.
    pub(crate) async fn put_patiently(
        self: &Arc<Self>,
        mut built: Pooled,
        patience: Duration,
    ) -> Result<(), OtlpError> {
        let deadline = Instant::now() + patience;
        if self.direct {
            match self.send(&mut built) {
                Err(e) if e.status == sys::Status::Busy => {}
                done => return done.map_err(of_use)?,
            }
        }
        let core = Arc::clone(self);
        offload(move || core.send_until(&mut built, deadline)).await
    }

    fn send_until(&self, built: &mut Pooled, deadline: Instant) -> Result<(), OtlpError> {
        loop {
            let error = match self.send(built) {
                Ok(done) => return done,
                Err(error) => error,
            };
            let wait = Duration::from_millis(error.retry_after_ms.clamp(5, 1000).into());
            if error.status != sys::Status::Busy || Instant::now() + wait > deadline {
                return Err(of_use(error));
            }
            thread::sleep(wait);
        }
    }

    /// The inner failure is one that coming again does not change.
    fn send(&self, built: &mut Pooled) -> Result<Result<(), OtlpError>, sys::Error> {
        let result = self.service.export_built(built)?;
        if result.rejected == 0 {
            return Ok(Ok(()));
        }
        Ok(Err(OtlpExportError::SerializationError(format!(
            "{} were taken and {} left out: {}",
            result.accepted, result.rejected, result.reason
        ))
        .into()))
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), OtlpError> {
        self.service.flush(timeout).map_err(of_flush)
    }

    fn shutdown(&self, timeout: Option<Duration>) -> Result<(), OtlpError> {
        self.service.shutdown(timeout).map_err(of_use)
    }
}
