// SPDX-License-Identifier: Apache-2.0

//! Between the fields here and the keys of the C library, which alone knows what
//! is allowed.
//!
//! A field is handed on when it differs from what the file, the environment and
//! the defaults say, so that a configuration that was loaded and not changed means
//! exactly what the service would understand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use otlp_arrow_sys as sys;

use super::{AuthConfig, Config, ForwardingConfig, ForwardingProtocol};
use crate::error::OtlpConfigError;

/// The values of a configuration by their keys, as they are printed.
pub(crate) struct Values(HashMap<String, String>);

impl Values {
    pub(crate) fn of(config: &sys::Config) -> Result<Self, OtlpConfigError> {
        let text = config.print().map_err(|e| refusal("", e))?;
        Ok(Self(parse(&text)))
    }

    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    fn seconds(&self, key: &str) -> u64 {
        seconds(self.get(key)).unwrap_or_default()
    }

    fn number<T: std::str::FromStr + Default>(&self, key: &str) -> T {
        self.get(key).parse().unwrap_or_default()
    }
}

/// Reads the YAML that the C library prints: two spaces a level, one value a line,
/// a comment behind it.
fn parse(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut path: Vec<&str> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let Some((name, rest)) = bare.split_once(':') else {
            continue;
        };
        path.truncate((line.len() - bare.len()) / 2);
        path.push(name);
        let value = rest.trim_start();
        if !value.is_empty() {
            found.insert(path.join("."), scalar(value));
        }
    }
    found
}

/// A value without its quotes and its comment.
fn scalar(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find("  #").unwrap_or(text.len());
        return text[..end].trim_end().to_owned();
    };
    let mut out = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(digits @ ('x' | 'u' | 'U')) => {
                    let count = match digits {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let hex: String = rest.by_ref().take(count).collect();
                    let code = u32::from_str_radix(&hex, 16).ok();
                    out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

/// A duration in whole seconds, rounded down.
fn seconds(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" | "s" => Some(number),
        "ms" => Some(number / 1000),
        "us" | "ns" => Some(0),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        "d" => number.checked_mul(86_400),
        _ => None,
    }
}

fn refusal(key: &str, error: sys::Error) -> OtlpConfigError {
    let text = error.text;
    match key {
        "output_dir" => OtlpConfigError::InvalidOutputDir(text),
        "forwarding.endpoint_url" if !text.contains("not available in this version") => {
            OtlpConfigError::InvalidUrl(text)
        }
        key if key.ends_with("interval_secs") => OtlpConfigError::InvalidInterval(text),
        _ => OtlpConfigError::ValidationFailed(text),
    }
}

fn set(config: &mut sys::Config, key: &str, value: &str) -> Result<(), OtlpConfigError> {
    config.set(key, value).map_err(|e| refusal(key, e))
}

fn path_text(path: &Path) -> Result<&str, OtlpConfigError> {
    path.to_str().ok_or_else(|| {
        OtlpConfigError::InvalidOutputDir(format!("{} is not UTF-8", path.display()))
    })
}

impl Config {
    /// With the values of the file, the environment and the defaults.
    pub(super) fn loaded(
        file: Option<PathBuf>,
        environment: bool,
    ) -> Result<Self, OtlpConfigError> {
        let mut config = Self::default();
        config.settings.file = file;
        config.settings.environment = environment;
        let base = config.base()?;
        config.take(&Values::of(&base)?);
        Ok(config)
    }

    /// The values that need no setting.
    fn base(&self) -> Result<sys::Config, OtlpConfigError> {
        let mut base = sys::Config::new_embedded().map_err(|e| refusal("", e))?;
        if let Some(file) = &self.settings.file {
            base.load_file(file).map_err(|e| refusal("", e))?;
        }
        if self.settings.environment {
            base.load_env().map_err(|e| refusal("", e))?;
        }
        Ok(base)
    }

    fn take(&mut self, values: &Values) {
        self.output_dir = PathBuf::from(values.get("output_dir"));
        self.write_interval_secs = values.seconds("write_interval_secs");
        self.trace_cleanup_interval_secs = values.seconds("trace_cleanup_interval_secs");
        self.metric_cleanup_interval_secs = values.seconds("metric_cleanup_interval_secs");
        self.max_trace_buffer_size = values.number("max_trace_buffer_size");
        self.max_metric_buffer_size = values.number("max_metric_buffer_size");
        self.protocols.protobuf_enabled = values.get("protocols.protobuf_enabled") == "true";
        self.protocols.protobuf_port = values.number("protocols.protobuf_port");
        self.protocols.arrow_flight_enabled =
            values.get("protocols.arrow_flight_enabled") == "true";
        self.protocols.arrow_flight_port = values.number("protocols.arrow_flight_port");
        self.dashboard.enabled = values.get("dashboard.enabled") == "true";
        self.dashboard.port = values.number("dashboard.port");
        values
            .get("dashboard.bind_address")
            .clone_into(&mut self.dashboard.bind_address);
    }

    /// As the C library has it.
    pub(crate) fn to_library(&self) -> Result<sys::Config, OtlpConfigError> {
        let mut config = self.base()?;
        let mut base = Self::default();
        base.take(&Values::of(&config)?);
        self.set_fields(&base, &mut config)?;
        if let Some(forwarding) = &self.forwarding {
            forwarding.set(&mut config)?;
        }
        for (key, value) in &self.settings.values {
            set(&mut config, key, value)?;
        }
        config.check().map_err(|e| refusal("", e))?;
        Ok(config)
    }

    fn set_fields(&self, base: &Self, config: &mut sys::Config) -> Result<(), OtlpConfigError> {
        if self.output_dir != base.output_dir {
            set(config, "output_dir", path_text(&self.output_dir)?)?;
        }
        if self.dashboard.bind_address != base.dashboard.bind_address {
            set(
                config,
                "dashboard.bind_address",
                &self.dashboard.bind_address,
            )?;
        }
        if let Some(folder) = &self.dashboard.static_dir {
            set(config, "dashboard.static_dir", path_text(folder)?)?;
        }
        for ((key, value), (_, before)) in self.scalars().into_iter().zip(base.scalars()) {
            if value != before {
                set(config, key, &value)?;
            }
        }
        Ok(())
    }

    fn scalars(&self) -> [(&'static str, String); 11] {
        let protocols = &self.protocols;
        [
            ("write_interval_secs", self.write_interval_secs.to_string()),
            (
                "trace_cleanup_interval_secs",
                self.trace_cleanup_interval_secs.to_string(),
            ),
            (
                "metric_cleanup_interval_secs",
                self.metric_cleanup_interval_secs.to_string(),
            ),
            (
                "max_trace_buffer_size",
                self.max_trace_buffer_size.to_string(),
            ),
            (
                "max_metric_buffer_size",
                self.max_metric_buffer_size.to_string(),
            ),
            (
                "protocols.protobuf_enabled",
                protocols.protobuf_enabled.to_string(),
            ),
            (
                "protocols.protobuf_port",
                protocols.protobuf_port.to_string(),
            ),
            (
                "protocols.arrow_flight_enabled",
                protocols.arrow_flight_enabled.to_string(),
            ),
            (
                "protocols.arrow_flight_port",
                protocols.arrow_flight_port.to_string(),
            ),
            ("dashboard.enabled", self.dashboard.enabled.to_string()),
            ("dashboard.port", self.dashboard.port.to_string()),
        ]
    }
}

impl ForwardingConfig {
    /// Everything is checked before the library says whether it can forward.
    fn set(&self, config: &mut sys::Config) -> Result<(), OtlpConfigError> {
        if !self.enabled {
            return Ok(());
        }
        let url = self.endpoint_url.as_deref().unwrap_or_default();
        if url.is_empty() {
            return Err(OtlpConfigError::MissingRequiredField(
                "forwarding.endpoint_url: is required when forwarding is enabled".to_owned(),
            ));
        }
        let host = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        if host.is_none_or(|h| h.is_empty() || h.starts_with(['/', ':'])) {
            return Err(OtlpConfigError::InvalidUrl(format!(
                "forwarding.endpoint_url: {url:?} is no http:// or https:// URL with a host"
            )));
        }
        if let Some(authentication) = &self.authentication {
            authentication.check()?;
        }
        set(config, "forwarding.enabled", "true")?;
        set(config, "forwarding.endpoint_url", url)?;
        set(config, "forwarding.protocol", self.protocol.name())?;
        if let Some(authentication) = &self.authentication {
            authentication.set(config)?;
        }
        Ok(())
    }
}

impl ForwardingProtocol {
    fn name(self) -> &'static str {
        match self {
            Self::Protobuf => "protobuf",
            Self::ArrowFlight => "arrow_flight",
            Self::HttpProtobuf => "http_protobuf",
            Self::Otap => "otap",
        }
    }
}

impl AuthConfig {
    fn check(&self) -> Result<(), OtlpConfigError> {
        let needed: &[&str] = match self.auth_type.as_str() {
            "none" => &[],
            "api_key" => &["key"],
            "bearer_token" => &["token"],
            "basic" => &["username", "password"],
            other => {
                return Err(OtlpConfigError::ValidationFailed(format!(
                    "forwarding.authentication.auth_type: {other:?} is none of none, api_key, \
                     bearer_token, basic"
                )))
            }
        };
        match needed
            .iter()
            .find(|key| !self.credentials.contains_key(**key))
        {
            None => Ok(()),
            Some(key) => Err(OtlpConfigError::MissingRequiredField(format!(
                "forwarding.authentication.credentials.{key}: is required for {}",
                self.auth_type
            ))),
        }
    }

    fn set(&self, config: &mut sys::Config) -> Result<(), OtlpConfigError> {
        const PREFIX: &str = "forwarding.authentication";
        set(config, &format!("{PREFIX}.auth_type"), &self.auth_type)?;
        for (key, value) in &self.credentials {
            set(config, &format!("{PREFIX}.credentials.{key}"), value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_here_are_those_of_the_c_library() {
        assert_eq!(Config::loaded(None, false).unwrap(), Config::default());
    }

    #[test]
    fn durations_are_read_in_every_unit() {
        let found = ["5s", "500ms", "2m", "24h", "7", "3d"].map(seconds);
        assert_eq!(found, [5, 0, 120, 86_400, 7, 259_200].map(Some));
        assert_eq!(seconds("often"), None);
    }

    #[test]
    fn printed_values_are_read_with_their_quotes_undone() {
        let values = parse(
            "a: \"x # \\\"y\\\" \\u00e9\"  # file\nb:\n  c: 12  # default\n  d: [1]\ne: 5s\n",
        );
        assert_eq!(values["a"], "x # \"y\" é");
        assert_eq!((values["b.c"].as_str(), values["e"].as_str()), ("12", "5s"));
        assert_eq!(values["b.d"], "[1]");
    }
}
