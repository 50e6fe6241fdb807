// SPDX-License-Identifier: Apache-2.0

//! A configuration from a file and the environment.

use std::path::Path;

use super::Config;
use crate::error::OtlpConfigError;

/// A configuration from a file and the environment.  A variable `OTLP_...` counts
/// more than the file; what the program sets afterwards counts more than both.
/// Files and variables are read again when a library is made of it.
///
/// ```
/// use otlp_arrow_library::ConfigLoader;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = std::env::temp_dir().join(format!("oa-doc-{}.yaml", std::process::id()));
/// std::fs::write(&file, "write_interval_secs: 2\nstorage:\n  compression: lz4\n")?;
/// let mut config = ConfigLoader::from_yaml(&file)?;
/// assert_eq!(config.write_interval_secs, 2);
/// config.output_dir = "elsewhere".into();
/// # std::fs::remove_file(file)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ConfigLoader;

impl ConfigLoader {
    /// The YAML file of the service, and the environment.
    pub fn from_yaml(path: impl AsRef<Path>) -> Result<Config, OtlpConfigError> {
        Config::loaded(Some(path.as_ref().to_owned()), true)
    }

    /// The environment.
    pub fn from_env() -> Result<Config, OtlpConfigError> {
        Config::loaded(None, true)
    }

    /// What is PROVIDED; where it says nothing, the environment.
    pub fn load(provided: Option<Config>) -> Result<Config, OtlpConfigError> {
        let Some(mut config) = provided else {
            return Self::from_env();
        };
        let chosen = config.clone();
        let before = Config::loaded(config.settings.file.clone(), config.settings.environment)?;
        config = Config::loaded(config.settings.file, true)?;
        config.keep_changes(&before, chosen);
        config.validate()?;
        Ok(config)
    }
}

impl Config {
    /// Takes from CHOSEN what is not as it was BEFORE.
    fn keep_changes(&mut self, before: &Self, chosen: Self) {
        macro_rules! keep {
            ($($($field:ident).+),*) => {$(
                if chosen.$($field).+ != before.$($field).+ {
                    self.$($field).+ = chosen.$($field).+;
                }
            )*};
        }
        keep!(
            output_dir,
            write_interval_secs,
            trace_cleanup_interval_secs,
            metric_cleanup_interval_secs,
            max_trace_buffer_size,
            max_metric_buffer_size,
            protocols.protobuf_enabled,
            protocols.protobuf_port,
            protocols.arrow_flight_enabled,
            protocols.arrow_flight_port,
            dashboard.enabled,
            dashboard.port,
            dashboard.bind_address,
            dashboard.static_dir,
            forwarding,
            temporality
        );
        self.settings.values = chosen.settings.values;
    }
}
