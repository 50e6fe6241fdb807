// SPDX-License-Identifier: Apache-2.0

//! OpenTelemetry exporters that write Arrow files from within the program, without
//! a service beside it.
//!
//! [`OtlpLibrary`] owns a directory.  The exporters that it makes go into the
//! providers of `opentelemetry_sdk`; what they get is in Arrow IPC files a few
//! seconds later, with every field that the SDK has, for any tool that reads Arrow.
//! Where asked to, it also listens on the ports of the service.
//!
//! ```
//! use opentelemetry::logs::{LogRecord, Logger, LoggerProvider};
//! use opentelemetry::metrics::MeterProvider;
//! use opentelemetry_sdk::logs::SdkLoggerProvider;
//! use opentelemetry_sdk::metrics::SdkMeterProvider;
//! use opentelemetry_sdk::Resource;
//! use otlp_arrow_library::{ConfigBuilder, OtlpLibrary};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::env::temp_dir().join(format!("oa-doc-root-{}", std::process::id()));
//! let config = ConfigBuilder::new().output_dir(&directory).build()?;
//! let library = OtlpLibrary::new_blocking(config)?;
//! let resource = Resource::builder().with_service_name("shop").build();
//!
//! let metrics = SdkMeterProvider::builder()
//!     .with_resource(resource.clone())
//!     .with_periodic_exporter(library.metric_exporter_adapter())
//!     .build();
//! metrics.meter("shop").u64_counter("orders").build().add(1, &[]);
//!
//! let logs = SdkLoggerProvider::builder()
//!     .with_resource(resource)
//!     .with_batch_exporter(library.log_exporter_adapter())
//!     .build();
//! let logger = logs.logger("shop");
//! let mut record = logger.create_log_record();
//! record.set_body("an order came in".into());
//! logger.emit(record);
//!
//! metrics.shutdown()?;
//! logs.shutdown()?;
//! library.shutdown_blocking(Duration::from_secs(5))?;
//! assert_eq!(library.stats()?.logs.stored, 1);
//! # std::fs::remove_dir_all(directory)?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod config;
mod error;
mod exporters;
mod library;
#[cfg(feature = "mock")]
mod mock;
mod offload;
mod pool;
mod walk;

pub use config::{
    AuthConfig, Config, ConfigBuilder, ConfigLoader, DashboardConfig, ForwardingConfig,
    ForwardingProtocol, ProtocolConfig, Settings,
};
pub use error::{OtlpConfigError, OtlpError, OtlpExportError, OtlpServerError};
pub use exporters::{LogExporterAdapter, MetricExporterAdapter, SpanExporterAdapter};
pub use library::{OtlpLibrary, Ports, SignalStats, Stats};
#[cfg(feature = "mock")]
pub use mock::{
    MockOtlpService, MockServiceAddresses, ReceivedLog, ReceivedMetric, ReceivedPoint, ReceivedSpan,
};

/// The version of the C library inside.
pub fn library_version() -> &'static str {
    otlp_arrow_sys::version()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
