// SPDX-License-Identifier: Apache-2.0

//! The C library otlp-arrow for Rust: its declarations in [`raw`], and over them
//! handles that are safe to use.
//!
//! Programs want the crate `otlp-arrow-library`, which knows the SDK of
//! OpenTelemetry; it is made of the handles here and has no unsafe code.
//!
//! ```
//! use otlp_arrow_sys::{Builder, Config, Service, Signal};
//!
//! # fn main() -> Result<(), otlp_arrow_sys::Error> {
//! # let directory = std::env::temp_dir().join(format!("oa-sys-doc-{}", std::process::id()));
//! let mut config = Config::new_embedded()?;
//! config.set("output_dir", &directory.to_string_lossy())?;
//! let service = Service::start(&config)?;
//! let mut builder = Builder::new(Signal::Logs)?;
//! builder.resource(None);
//! builder.scope(None);
//! builder.log_record(&Default::default());
//! let result = service.export_built(&mut builder)?;
//! assert_eq!((result.accepted, result.rejected), (1, 0));
//! service.shutdown(None)?;
//! # drop(service);
//! # std::fs::remove_dir_all(directory).ok();
//! # Ok(())
//! # }
//! ```

mod builder;
mod config;
mod error;
pub mod raw;
mod service;
mod stored;

pub use builder::{Builder, Signal};
pub use config::Config;
pub use error::{Error, Status};
pub use service::{Exported, Form, Listener, Service};
pub use stored::{open_stored, requests_json, StoredStream};

/// The version of the C library.
pub fn version() -> &'static str {
    // SAFETY: a static text without end.
    let text = unsafe { std::ffi::CStr::from_ptr(raw::oa_version()) };
    text.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crate_has_the_version_of_the_library() {
        assert_eq!(super::version(), env!("CARGO_PKG_VERSION"));
    }
}
