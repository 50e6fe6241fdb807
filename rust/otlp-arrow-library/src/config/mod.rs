// SPDX-License-Identifier: Apache-2.0

//! How the library is to be set up.

mod apply;
mod builder;
mod loader;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use opentelemetry_sdk::metrics::Temporality;

pub(crate) use apply::Values;
pub use builder::ConfigBuilder;
pub use loader::ConfigLoader;

use crate::error::OtlpConfigError;

/// How the library is to be set up: the settings that programs mostly have, by
/// name, and in [`settings`](Config::settings) all others.
///
/// Every setting has the meaning, the bounds and, but for the ports, the default
/// that it has in the service: nothing listens unless it is switched on.
///
/// ```
/// use otlp_arrow_library::Config;
///
/// let config = Config {
///     output_dir: "/var/lib/shop/telemetry".into(),
///     write_interval_secs: 1,
///     ..Config::default()
/// };
/// assert!(config.validate().is_ok());
/// assert!(!config.protocols.protobuf_enabled);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where files are kept; one library or service owns it.
    pub output_dir: PathBuf,
    /// What has been exported is in a file after at most this time.
    pub write_interval_secs: u64,
    /// How long files of traces are kept; 0: for ever.
    pub trace_cleanup_interval_secs: u64,
    /// How long files of metrics are kept; 0: for ever.
    pub metric_cleanup_interval_secs: u64,
    /// Spans in memory at most.
    pub max_trace_buffer_size: usize,
    /// Data points in memory at most.
    pub max_metric_buffer_size: usize,
    /// The ports for telemetry of other programs.
    pub protocols: ProtocolConfig,
    /// Where to send on what comes in.
    pub forwarding: Option<ForwardingConfig>,
    /// The port for health, metrics and the dashboard.
    pub dashboard: DashboardConfig,
    /// What the metric exporter asks the SDK for.
    pub temporality: Temporality,
    /// Everything else.
    pub settings: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            output_dir: PathBuf::from("./output_dir"),
            write_interval_secs: 5,
            trace_cleanup_interval_secs: 86_400,
            metric_cleanup_interval_secs: 86_400,
            max_trace_buffer_size: 262_144,
            max_metric_buffer_size: 262_144,
            protocols: ProtocolConfig::default(),
            forwarding: None,
            dashboard: DashboardConfig::default(),
            temporality: Temporality::Cumulative,
            settings: Settings::default(),
        }
    }
}

impl Config {
    /// Whether a library could be set up like this, as far as that can be said
    /// without trying.
    pub fn validate(&self) -> Result<(), OtlpConfigError> {
        self.to_library().map(drop)
    }
}

/// The settings that have no field of their own, by the keys of the YAML file, and
/// where others come from.
///
/// What is set here or in a field counts more than the environment, that more than
/// the file, and that more than the defaults.  Printed with `{:?}`, it shows keys
/// and no values, as some are secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    file: Option<PathBuf>,
    environment: bool,
    values: Vec<(String, String)>,
}

impl Settings {
    /// Sets KEY, such as `storage.compression`, to VALUE as it would stand in the
    /// file.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.values.push((key.into(), value.into()));
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.values.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("Settings")
            .field("file", &self.file)
            .field("environment", &self.environment)
            .field("keys", &keys)
            .finish()
    }
}

/// The ports for telemetry of other programs.  Both take OTLP over gRPC and HTTP,
/// OTAP and Arrow Flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolConfig {
    /// Whether to listen on the first port.
    pub protobuf_enabled: bool,
    /// The first port; 0: any free one.
    pub protobuf_port: u16,
    /// Whether to listen on the second port.
    pub arrow_flight_enabled: bool,
    /// The second port; 0: any free one.
    pub arrow_flight_port: u16,
}

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            protobuf_enabled: false,
            protobuf_port: 4317,
            arrow_flight_enabled: false,
            arrow_flight_port: 4318,
        }
    }
}

/// The port for health, metrics and the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DashboardConfig {
    /// Whether to listen on it.
    pub enabled: bool,
    /// Its number; 0: any free one.
    pub port: u16,
    /// Where it can be reached.
    pub bind_address: String,
    /// A folder with pages in place of the built-in ones.
    pub static_dir: Option<PathBuf>,
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            port: 8080,
            bind_address: "127.0.0.1".to_owned(),
            static_dir: None,
        }
    }
}

/// Where to send on what comes in.
///
/// The library of this version does not forward: enabled, it is refused with an
/// [`OtlpConfigError`] that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardingConfig {
    /// Whether to do it.
    pub enabled: bool,
    /// `http://` or `https://`, required when enabled.
    pub endpoint_url: Option<String>,
    /// How to send.
    pub protocol: ForwardingProtocol,
    /// How to prove who sends.
    pub authentication: Option<AuthConfig>,
}

/// How to send on what comes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingProtocol {
    /// OTLP over gRPC.
    #[default]
    Protobuf,
    /// Arrow Flight.
    ArrowFlight,
    /// OTLP over HTTP.
    HttpProtobuf,
    /// OpenTelemetry Protocol with Apache Arrow.
    Otap,
}

/// How to prove who sends.  Printed with `{:?}`, it shows no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// `api_key`, `bearer_token` or `basic`.
    pub auth_type: String,
    /// `key` and `header_name`; `token`; `username` and `password`.
    pub credentials: HashMap<String, String>,
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("auth_type", &self.auth_type)
            .finish_non_exhaustive()
    }
}
