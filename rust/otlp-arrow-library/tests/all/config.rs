// SPDX-License-Identifier: Apache-2.0

//! Settings mean what they mean in the service.

use std::collections::HashMap;

use otlp_arrow_library::{
    AuthConfig, Config, ConfigBuilder, ConfigLoader, ForwardingConfig, OtlpConfigError,
};

use crate::world::Directory;

fn refusal(builder: ConfigBuilder) -> OtlpConfigError {
    builder.build().unwrap_err()
}

#[test]
fn a_value_out_of_bounds_names_its_key() {
    let error = refusal(ConfigBuilder::new().write_interval_secs(3601));
    assert!(matches!(&error, OtlpConfigError::InvalidInterval(t) if t.contains("write_interval")));
    let error = refusal(ConfigBuilder::new().trace_cleanup_interval_secs(1));
    assert!(matches!(&error, OtlpConfigError::InvalidInterval(t) if t.contains("trace_cleanup")));
    let error = refusal(ConfigBuilder::new().output_dir(""));
    assert!(
        matches!(error, OtlpConfigError::InvalidOutputDir(_)),
        "{error:?}"
    );
    let error = refusal(ConfigBuilder::new().output_dir("a\0b"));
    assert!(
        matches!(error, OtlpConfigError::InvalidOutputDir(_)),
        "{error:?}"
    );
    let error = refusal(ConfigBuilder::new().max_trace_buffer_size(0));
    assert!(
        matches!(error, OtlpConfigError::ValidationFailed(_)),
        "{error:?}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_probably_meant() {
    let error = refusal(ConfigBuilder::new().set("storage.compressions", "lz4"));
    assert!(error.to_string().contains("storage.compression"), "{error}");
}

#[test]
fn ports_that_are_the_same_are_refused() {
    let same = ConfigBuilder::new()
        .protobuf_enabled(true)
        .protobuf_port(5000)
        .arrow_flight_enabled(true)
        .arrow_flight_port(5000);
    assert!(matches!(
        refusal(same),
        OtlpConfigError::ValidationFailed(_)
    ));
}

#[test]
fn forwarding_is_checked_and_then_refused_by_the_library() {
    let with = |url: Option<&str>, auth: Option<AuthConfig>| {
        refusal(ConfigBuilder::new().enable_forwarding(ForwardingConfig {
            enabled: true,
            endpoint_url: url.map(str::to_owned),
            authentication: auth,
            ..ForwardingConfig::default()
        }))
    };
    assert!(matches!(
        with(None, None),
        OtlpConfigError::MissingRequiredField(_)
    ));
    for url in ["collector:4317", "ftp://collector", "http://", "https:///x"] {
        let error = with(Some(url), None);
        assert!(
            matches!(error, OtlpConfigError::InvalidUrl(_)),
            "{url}: {error:?}"
        );
    }
    let auth = |kind: &str| AuthConfig {
        auth_type: kind.to_owned(),
        credentials: HashMap::from([("username".to_owned(), "shop".to_owned())]),
    };
    let url = "https://collector.example:4317";
    let error = with(Some(url), Some(auth("basic")));
    assert!(matches!(&error, OtlpConfigError::MissingRequiredField(t) if t.contains("password")));
    let error = with(Some(url), Some(auth("magic")));
    assert!(
        matches!(error, OtlpConfigError::ValidationFailed(_)),
        "{error:?}"
    );
    // A fine URL that has nowhere to go is no bad URL.
    let error = refusal(ConfigBuilder::new().set("forwarding.endpoint_url", url));
    assert!(
        matches!(&error, OtlpConfigError::ValidationFailed(t) if t.contains("not available")),
        "{error:?}"
    );
    let off = ForwardingConfig::default();
    assert!(ConfigBuilder::new().enable_forwarding(off).build().is_ok());
}

#[test]
fn no_secret_is_printed() {
    let config = ConfigBuilder::new()
        .set("protocols.authentication.auth_type", "bearer_token")
        .set("protocols.authentication.credentials.token", "hush-hush")
        .forwarding(Some(ForwardingConfig {
            authentication: Some(AuthConfig {
                auth_type: "bearer_token".to_owned(),
                credentials: HashMap::from([("token".to_owned(), "hush-hush".to_owned())]),
            }),
            ..ForwardingConfig::default()
        }))
        .build()
        .unwrap();
    let printed = format!("{config:?}");
    assert!(printed.contains("credentials.token"), "{printed}");
    assert!(!printed.contains("hush-hush"), "{printed}");
}

#[test]
fn a_file_says_what_the_program_does_not() {
    let directory = Directory::new();
    let file = directory.path().join("config.yaml");
    let text = "output_dir: /tmp/from \"the\" file\nwrite_interval_secs: 500ms\nack: write\n\
                protocols:\n  protobuf_enabled: true\n  protobuf_port: 4417\n";
    std::fs::write(&file, text).unwrap();
    let mut config = ConfigLoader::from_yaml(&file).unwrap();
    assert_eq!(config.output_dir.to_str(), Some("/tmp/from \"the\" file"));
    assert_eq!(config.protocols.protobuf_port, 4417);
    assert!(config.protocols.protobuf_enabled && !config.protocols.arrow_flight_enabled);
    assert!(config.validate().is_ok(), "an interval of no whole seconds");
    config.write_interval_secs = 0;
    config.protocols.protobuf_port = 4418;
    let loaded = ConfigLoader::load(Some(config)).unwrap();
    assert_eq!(loaded.protocols.protobuf_port, 4418);
}

#[test]
fn a_wrong_file_is_refused_with_the_place() {
    let directory = Directory::new();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, "ack: memory\nwrite_interval_secs: soon\n").unwrap();
    let error = ConfigLoader::from_yaml(&file).unwrap_err().to_string();
    assert!(error.contains("config.yaml:2"), "{error}");
    assert!(ConfigLoader::from_yaml(directory.path().join("none")).is_err());
}

#[test]
fn nothing_listens_unless_it_is_asked_to() {
    let directory = Directory::new();
    let library = directory.library();
    assert_eq!(library.ports(), Default::default());
    assert_eq!(library.config().protocols, Config::default().protocols);
    drop(library);
    let config = directory.config().protobuf_enabled(true).protobuf_port(0);
    let library = otlp_arrow_library::OtlpLibrary::new_blocking(config.build().unwrap()).unwrap();
    let ports = library.ports();
    assert!(
        ports.protobuf.is_some() && ports.arrow_flight.is_none(),
        "{ports:?}"
    );
}
