// SPDX-License-Identifier: Apache-2.0

//! What can go wrong.

use std::fmt;
use std::io;

use opentelemetry_sdk::error::OTelSdkError;
use otlp_arrow_sys as sys;

/// What can go wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum OtlpError {
    /// The configuration makes no sense.
    Config(OtlpConfigError),
    /// Telemetry could not be taken.
    Export(OtlpExportError),
    /// The operating system refused: a directory that cannot be written or belongs
    /// to another library or service, a disk that is full.
    Io(io::Error),
    /// A port is taken, or the library was shut down.
    Server(OtlpServerError),
}

/// A configuration that makes no sense; the text has the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpConfigError {
    /// `output_dir`.
    InvalidOutputDir(String),
    /// One of the intervals.
    InvalidInterval(String),
    /// A value that has to be there.
    MissingRequiredField(String),
    /// `forwarding.endpoint_url`.
    InvalidUrl(String),
    /// Anything else: an unknown key, a value out of bounds, values that do not fit
    /// together, a feature that is not in this version.
    ValidationFailed(String),
}

/// Telemetry that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpExportError {
    /// Buffers are full, or the disk refuses.  Nothing was taken; come again.
    BufferFull,
    /// It cannot be expressed in OTLP, such as a span without an id, or it is more
    /// than one batch may be.  Nothing was taken, or the text says how much was.
    SerializationError(String),
    /// What could not be sent on.
    ForwardingError(String),
    /// What could not be made Arrow columns of.
    ArrowConversionError(String),
    /// Old files that could not be removed.
    CleanupError(String),
    /// What could not be converted to another format.
    FormatConversionError(String),
}

/// A port is taken, or the library was shut down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpServerError {
    /// A port cannot be listened on.
    BindError(String),
    /// The service inside could not start.
    StartupError(String),
    /// The library was shut down, or belongs to the process that forked this one.
    ShutdownError(String),
}

impl fmt::Display for OtlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(e) => write!(f, "configuration: {e}"),
            Self::Export(e) => write!(f, "export: {e}"),
            Self::Io(e) => write!(f, "I/O: {e}"),
            Self::Server(e) => write!(f, "service: {e}"),
        }
    }
}

impl fmt::Display for OtlpConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOutputDir(text)
            | Self::InvalidInterval(text)
            | Self::MissingRequiredField(text)
            | Self::InvalidUrl(text)
            | Self::ValidationFailed(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for OtlpExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferFull => f.write_str("buffers are full or the disk refuses; come again"),
            Self::SerializationError(text)
            | Self::ForwardingError(text)
            | Self::ArrowConversionError(text)
            | Self::CleanupError(text)
            | Self::FormatConversionError(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for OtlpServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindError(text) | Self::StartupError(text) | Self::ShutdownError(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for OtlpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Config(e) => e,
            Self::Export(e) => e,
            Self::Io(e) => e,
            Self::Server(e) => e,
        })
    }
}

impl std::error::Error for OtlpConfigError {}
impl std::error::Error for OtlpExportError {}
impl std::error::Error for OtlpServerError {}

impl From<OtlpConfigError> for OtlpError {
    fn from(error: OtlpConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<OtlpExportError> for OtlpError {
    fn from(error: OtlpExportError) -> Self {
        Self::Export(error)
    }
}

impl From<OtlpServerError> for OtlpError {
    fn from(error: OtlpServerError) -> Self {
        Self::Server(error)
    }
}

impl From<io::Error> for OtlpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A failure of `new`.
pub(crate) fn of_start(error: sys::Error) -> OtlpError {
    match error.status {
        sys::Status::Config | sys::Status::Unsupported => {
            OtlpConfigError::ValidationFailed(error.text).into()
        }
        sys::Status::Io if error.text.starts_with("cannot listen on") => {
            OtlpServerError::BindError(error.text).into()
        }
        sys::Status::Io | sys::Status::NotFound => io::Error::other(error.text).into(),
        _ => OtlpServerError::StartupError(error.text).into(),
    }
}

/// A failure of an export, a flush or a shutdown.
pub(crate) fn of_use(error: sys::Error) -> OtlpError {
    match error.status {
        sys::Status::Busy => OtlpExportError::BufferFull.into(),
        sys::Status::Closed => OtlpServerError::ShutdownError(error.text).into(),
        sys::Status::Io => io::Error::other(error.text).into(),
        sys::Status::NoMemory => io::Error::new(io::ErrorKind::OutOfMemory, error.text).into(),
        _ => OtlpExportError::SerializationError(error.text).into(),
    }
}

/// A failure of a flush, for which time is the only thing that can be short.
pub(crate) fn of_flush(error: sys::Error) -> OtlpError {
    if error.status == sys::Status::Busy {
        return io::Error::new(io::ErrorKind::TimedOut, error.text).into();
    }
    of_use(error)
}

/// As the SDK wants to be told.
pub(crate) fn for_sdk(error: OtlpError) -> OTelSdkError {
    match error {
        OtlpError::Server(OtlpServerError::ShutdownError(_)) => OTelSdkError::AlreadyShutdown,
        error => OTelSdkError::InternalFailure(error.to_string()),
    }
}
