// SPDX-License-Identifier: Apache-2.0

//! A set of keys with values.

use std::ffi::{c_char, c_void, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};

use crate::error::call;
use crate::{raw, Error, Status};

/// A set of keys with values, as `docs/configuration.md` of the C library has
/// them.  A value that was set counts more than one of the environment, that more
/// than one of the file, and that more than the default.
pub struct Config {
    config: NonNull<raw::oa_config>,
}

// SAFETY: an object of its own, that only `&mut` changes.
unsafe impl Send for Config {}
// SAFETY: what takes `&self` only reads.
unsafe impl Sync for Config {}

fn terminated(text: &[u8]) -> Result<CString, Error> {
    CString::new(text).map_err(|_| {
        let text = String::from_utf8_lossy(text);
        Error::new(Status::Config, format!("there is a NUL byte in {text:?}"))
    })
}

pub(crate) fn path_of(path: &Path) -> Result<CString, Error> {
    terminated(path.as_os_str().as_bytes())
}

/// Collects what is printed.
///
/// # Safety
/// CONTEXT is a `Vec<u8>`, and TEXT has LEN bytes.
unsafe extern "C" fn collect(
    context: *mut c_void,
    text: *const c_char,
    len: usize,
) -> raw::oa_status {
    // SAFETY: as promised above.
    let (out, bytes) = unsafe {
        (
            &mut *context.cast::<Vec<u8>>(),
            std::slice::from_raw_parts(text.cast::<u8>(), len),
        )
    };
    out.extend_from_slice(bytes);
    raw::OA_OK
}

impl Config {
    /// The defaults for telemetry of this very program: no port is open unless it
    /// is switched on.
    pub fn new_embedded() -> Result<Self, Error> {
        let mut config = ptr::null_mut();
        // SAFETY: gives an object on success.
        call(|e| unsafe { raw::oa_config_new_embedded(&mut config, e) })?;
        let config = NonNull::new(config).expect("an object on success");
        Ok(Self { config })
    }

    /// Reads a YAML file, at most one for a configuration.
    pub fn load_file(&mut self, path: &Path) -> Result<(), Error> {
        let path = path_of(path)?;
        // SAFETY: the object is ours, the text is terminated.
        call(|e| unsafe { raw::oa_config_load_file(self.config.as_ptr(), path.as_ptr(), e) })
    }

    /// Takes the variables `OTLP_...` of the environment, which no other thread
    /// may change meanwhile.
    pub fn load_env(&mut self) -> Result<(), Error> {
        // SAFETY: the object is ours.
        call(|e| unsafe { raw::oa_config_load_env(self.config.as_ptr(), e) })
    }

    /// Sets a key such as `storage.compression`.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let (key, value) = (terminated(key.as_bytes())?, terminated(value.as_bytes())?);
        // SAFETY: the object is ours, the texts are terminated.
        call(|e| unsafe {
            raw::oa_config_set(self.config.as_ptr(), key.as_ptr(), value.as_ptr(), e)
        })
    }

    /// Whether the values fit together.
    pub fn check(&self) -> Result<(), Error> {
        // SAFETY: the object is ours.
        call(|e| unsafe { raw::oa_config_check(self.config.as_ptr(), e) })
    }

    /// The values as YAML; secrets are masked.
    pub fn print(&self) -> Result<String, Error> {
        let mut out = Vec::<u8>::new();
        let context: *mut Vec<u8> = &mut out;
        // SAFETY: `collect` gets the vector that it expects, during the call.
        call(|_| unsafe {
            raw::oa_config_print(self.config.as_ptr(), Some(collect), context.cast())
        })?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    pub(crate) fn as_ptr(&self) -> *const raw::oa_config {
        self.config.as_ptr()
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: ours, and used no more.
        unsafe { raw::oa_config_free(self.config.as_ptr()) }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config")
    }
}
