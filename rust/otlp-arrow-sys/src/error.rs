// SPDX-License-Identifier: Apache-2.0

//! A call that failed: what kind of failure, and the sentence about it.

use std::ffi::{c_char, CStr};
use std::fmt;

use crate::raw;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No memory.
    NoMemory,
    /// The input ends inside a value.
    Truncated,
    /// The input can never become valid.
    Malformed,
    /// A configured bound would be passed.
    Limit,
    /// Nothing is wrong: try again later.
    Busy,
    /// The operating system refused.
    Io,
    /// What the user asked for makes no sense.
    Config,
    /// Valid, but not understood here.
    Unsupported,
    /// A file or name that is not there.
    NotFound,
    /// The object was shut down, or is of the process that forked this one.
    Closed,
    /// A kind that a newer library has.
    Other(i32),
}

impl From<raw::oa_status> for Status {
    fn from(status: raw::oa_status) -> Self {
        match status {
            raw::OA_ERR_NOMEM => Self::NoMemory,
            raw::OA_ERR_TRUNCATED => Self::Truncated,
            raw::OA_ERR_MALFORMED => Self::Malformed,
            raw::OA_ERR_LIMIT => Self::Limit,
            raw::OA_ERR_BUSY => Self::Busy,
            raw::OA_ERR_IO => Self::Io,
            raw::OA_ERR_CONFIG => Self::Config,
            raw::OA_ERR_UNSUPPORTED => Self::Unsupported,
            raw::OA_ERR_NOT_FOUND => Self::NotFound,
            raw::OA_ERR_CLOSED => Self::Closed,
            other => Self::Other(other),
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub status: Status,
    /// What, where, and what to do.
    pub text: String,
    /// With [`Status::Busy`]: when to come again, in milliseconds.
    pub retry_after_ms: u32,
}

impl Error {
    pub(crate) fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after_ms: 0,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// A terminated text in an array of C.
pub(crate) fn text_of(array: &[c_char]) -> String {
    let bytes: Vec<u8> = array
        .iter()
        .take_while(|&&c| c != 0)
        .map(|&c| c as u8)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Calls CALL with a place for the failure's text.
pub(crate) fn call(call: impl FnOnce(*mut raw::oa_error) -> raw::oa_status) -> Result<(), Error> {
    let mut error = raw::oa_error::default();
    let status = call(&mut error);
    if status == raw::OA_OK {
        return Ok(());
    }
    let mut text = text_of(&error.text);
    if text.is_empty() {
        // SAFETY: gives a static text for any number.
        let of = unsafe { CStr::from_ptr(raw::oa_status_text(status)) };
        text = of.to_string_lossy().into_owned();
    }
    Err(Error::new(status.into(), text))
}
