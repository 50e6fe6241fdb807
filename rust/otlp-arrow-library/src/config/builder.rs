// SPDX-License-Identifier: Apache-2.0

//! A configuration, one setting after the other.

use std::path::PathBuf;

use opentelemetry_sdk::metrics::Temporality;

use super::{Config, DashboardConfig, ForwardingConfig, ProtocolConfig};
use crate::error::OtlpConfigError;

/// A configuration, one setting after the other.
///
/// ```
/// use otlp_arrow_library::{ConfigBuilder, OtlpConfigError};
///
/// let config = ConfigBuilder::new()
///     .output_dir("/var/lib/shop/telemetry")
///     .write_interval_secs(1)
///     .set("storage.compression", "lz4")
///     .build()?;
/// assert_eq!(config.write_interval_secs, 1);
///
/// let refused = ConfigBuilder::new().write_interval_secs(0).build();
/// assert!(matches!(refused, Err(OtlpConfigError::InvalidInterval(_))));
/// # Ok::<(), OtlpConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ConfigBuilder {
    config: Config,
}

macro_rules! fields {
    ($($(#[$text:meta])* $name:ident: $kind:ty => $($place:ident).+;)*) => {$(
        $(#[$text])*
        pub fn $name(mut self, value: $kind) -> Self {
            self.config.$($place).+ = value;
            self
        }
    )*};
}

impl ConfigBuilder {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where files are kept.
    pub fn output_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.output_dir = directory.into();
        self
    }

    fields! {
        /// What has been exported is in a file after at most this time.
        write_interval_secs: u64 => write_interval_secs;
        /// How long files of traces are kept; 0: for ever.
        trace_cleanup_interval_secs: u64 => trace_cleanup_interval_secs;
        /// How long files of metrics are kept; 0: for ever.
        metric_cleanup_interval_secs: u64 => metric_cleanup_interval_secs;
        /// Spans in memory at most.
        max_trace_buffer_size: usize => max_trace_buffer_size;
        /// Data points in memory at most.
        max_metric_buffer_size: usize => max_metric_buffer_size;
        /// The ports for telemetry of other programs.
        protocols: ProtocolConfig => protocols;
        /// Whether to listen on the first port.
        protobuf_enabled: bool => protocols.protobuf_enabled;
        /// The first port; 0: any free one.
        protobuf_port: u16 => protocols.protobuf_port;
        /// Whether to listen on the second port.
        arrow_flight_enabled: bool => protocols.arrow_flight_enabled;
        /// The second port; 0: any free one.
        arrow_flight_port: u16 => protocols.arrow_flight_port;
        /// Where to send on what comes in, if anywhere.
        forwarding: Option<ForwardingConfig> => forwarding;
        /// The port for health, metrics and the dashboard.
        dashboard: DashboardConfig => dashboard;
        /// Whether to listen on it.
        dashboard_enabled: bool => dashboard.enabled;
        /// Its number; 0: any free one.
        dashboard_port: u16 => dashboard.port;
        /// What the metric exporter asks the SDK for.
        with_temporality: Temporality => temporality;
    }

    /// Where to send on what comes in.
    pub fn enable_forwarding(self, forwarding: ForwardingConfig) -> Self {
        self.forwarding(Some(forwarding))
    }

    /// A folder with pages in place of the built-in ones.
    pub fn dashboard_static_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.dashboard.static_dir = Some(folder.into());
        self
    }

    /// Any setting by its key in the YAML file.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.settings.set(key, value);
        self
    }

    /// The configuration, when it makes sense.
    pub fn build(self) -> Result<Config, OtlpConfigError> {
        self.config.validate()?;
        Ok(self.config)
    }
}
