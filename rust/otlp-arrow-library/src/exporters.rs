// SPDX-License-Identifier: Apache-2.0

//! The exporters that the SDK's providers take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sdk::Resource;

use crate::error::{for_sdk, OtlpError};
use crate::library::Core;
use crate::pool::Pooled;

/// How long an exporter comes again while buffers are full, as the SDK throws away
/// what it could not export; the default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a flush waits for the disk, as a shutdown of the SDK does.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What the three exporters have in common.
#[derive(Debug)]
struct Inner {
    core: Arc<Core>,
    ended: AtomicBool,
}

impl Inner {
    fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            ended: AtomicBool::new(false),
        }
    }

    async fn export(&self, built: Result<Pooled, OtlpError>) -> OTelSdkResult {
        let sent = async { self.core.put_patiently(built?, PATIENCE).await };
        sent.await.map_err(for_sdk)
    }

    fn check(&self) -> OTelSdkResult {
        if self.ended.load(Ordering::Acquire) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.core.flush(timeout).map_err(for_sdk)
    }

    /// Ends the exporter, not the library: others may use it still.
    fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        if self.ended.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.flush(timeout)
    }
}

/// Exports spans; made by [`OtlpLibrary::span_exporter`].  Its shutdown writes what
/// it has exported, and leaves the library as it is.
///
/// [`OtlpLibrary::span_exporter`]: crate::OtlpLibrary::span_exporter
#[derive(Debug)]
pub struct SpanExporterAdapter {
    inner: Inner,
    resource: Resource,
}

impl SpanExporterAdapter {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            inner: Inner::new(core),
            resource: Resource::builder_empty().build(),
        }
    }
}

impl SpanExporter for SpanExporterAdapter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.inner.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let built = self.inner.core.build_traces(&batch, &self.resource);
        drop(batch);
        self.inner.export(built).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.check()?;
        self.inner.flush(FLUSH_TIMEOUT)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

/// Exports metrics; made by [`OtlpLibrary::metric_exporter_adapter`].  Its shutdown
/// writes what it has exported, and leaves the library as it is.
///
/// [`OtlpLibrary::metric_exporter_adapter`]: crate::OtlpLibrary::metric_exporter_adapter
#[derive(Debug)]
pub struct MetricExporterAdapter {
    inner: Inner,
    temporality: Temporality,
}

impl MetricExporterAdapter {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let temporality = core.config().temporality;
        Self {
            inner: Inner::new(core),
            temporality,
        }
    }

    /// Asks the SDK for TEMPORALITY in place of what the configuration says.
    #[must_use]
    pub fn with_temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }
}

impl PushMetricExporter for MetricExporterAdapter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.inner.check()?;
        let built = self.inner.core.build_metrics(metrics);
        self.inner.export(built).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.check()?;
        self.inner.flush(FLUSH_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

/// Exports log records; made by [`OtlpLibrary::log_exporter_adapter`].  Its shutdown
/// writes what it has exported, and leaves the library as it is.
///
/// [`OtlpLibrary::log_exporter_adapter`]: crate::OtlpLibrary::log_exporter_adapter
#[derive(Debug)]
pub struct LogExporterAdapter {
    inner: Inner,
    resource: Resource,
}

impl LogExporterAdapter {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            inner: Inner::new(core),
            resource: Resource::builder_empty().build(),
        }
    }
}

impl LogExporter for LogExporterAdapter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.inner.check()?;
        let built = self.inner.core.build_logs(&batch, &self.resource);
        self.inner.export(built).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}
