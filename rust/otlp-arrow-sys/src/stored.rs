// SPDX-License-Identifier: Apache-2.0

//! What is stored: as a stream of Arrow batches, and as OTLP/JSON.

use std::ffi::{c_void, CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use crate::builder::Signal;
use crate::config::path_of;
use crate::error::{call, Error};
use crate::raw;

/// Stored telemetry as a stream of the Arrow C Stream Interface.  The struct in it
/// is for any library that takes one, such as `arrow`'s `ArrowArrayStreamReader`.
#[derive(Debug)]
pub struct StoredStream(raw::ArrowArrayStream);

// SAFETY: the header says that one thread at a time may use a stream, any one.
unsafe impl Send for StoredStream {}

impl StoredStream {
    /// Gives the struct away; its release callback has to be called.
    pub fn into_raw(mut self) -> raw::ArrowArrayStream {
        std::mem::replace(&mut self.0, EMPTY)
    }
}

const EMPTY: raw::ArrowArrayStream = raw::ArrowArrayStream {
    get_schema: None,
    get_next: None,
    get_last_error: None,
    release: None,
    private_data: ptr::null_mut(),
};

impl Drop for StoredStream {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the stream is ours and was not released yet.
            unsafe { release(&mut self.0) }
        }
    }
}

/// What is stored of SIGNAL at PATH, a file or a directory, with times (ns since
/// 1970) from FROM on and before TO; a TO of 0 is no end.
pub fn open_stored(path: &Path, signal: Signal, from: u64, to: u64) -> Result<StoredStream, Error> {
    let path = path_of(path)?;
    let options = raw::oa_stored_options {
        size: raw::SizeOf::default(),
        from_ns: from,
        to_ns: to,
    };
    let mut stream = EMPTY;
    // SAFETY: fills the struct on success and keeps nothing of what is passed in.
    call(|e| unsafe {
        raw::oa_stored_open(&mut stream, path.as_ptr(), signal.raw(), &options, e)
    })?;
    Ok(StoredStream(stream))
}

/// The export requests that the files at PATH were made of, each as OTLP/JSON, in
/// the order in which they were written; files that are being written as far as
/// they are whole.
pub fn requests_json(path: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for file in files(path)? {
        let mut reader = match Reader::open(&file) {
            Err(e) if e.status == crate::Status::Truncated => continue, // just begun
            opened => opened?,
        };
        while reader.next()? {
            reader.requests(&mut found)?;
        }
    }
    Ok(found)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = path_of(path)?;
    let mut list = ptr::null_mut();
    // SAFETY: gives an object on success.
    call(|e| unsafe { raw::oa_file_list_new(&mut list, path.as_ptr(), e) })?;
    // SAFETY: the object is ours until it is freed; its texts live as long.
    unsafe {
        let paths = (0..raw::oa_file_list_count(list))
            .map(|i| CStr::from_ptr(raw::oa_file_list_path(list, i)).to_bytes())
            .map(|bytes| PathBuf::from(OsStr::from_bytes(bytes)))
            .collect();
        raw::oa_file_list_free(list);
        Ok(paths)
    }
}

struct Reader(*mut raw::oa_reader);

/// Collects requests.
///
/// # Safety
/// CONTEXT is a `Vec<String>`, and MESSAGE has LEN bytes.
unsafe extern "C" fn collect(
    context: *mut c_void,
    message: *const c_void,
    len: usize,
) -> raw::oa_status {
    // SAFETY: as promised above.
    let (out, bytes) = unsafe {
        (
            &mut *context.cast::<Vec<String>>(),
            std::slice::from_raw_parts(message.cast::<u8>(), len),
        )
    };
    out.push(String::from_utf8_lossy(bytes).into_owned());
    raw::OA_OK
}

impl Reader {
    fn open(path: &Path) -> Result<Self, Error> {
        let path = path_of(path)?;
        let mut reader = ptr::null_mut();
        // SAFETY: gives an object on success.
        call(|e| unsafe { raw::oa_reader_open(&mut reader, path.as_ptr(), e) })?;
        Ok(Self(reader))
    }

    /// Goes to the next batch, if there is one.
    fn next(&mut self) -> Result<bool, Error> {
        let mut ended = false;
        call(|e| {
            // SAFETY: the object is ours.
            let status = unsafe { raw::oa_reader_next(self.0, e) };
            ended = status == raw::OA_END;
            if ended {
                raw::OA_OK
            } else {
                status
            }
        })?;
        Ok(!ended)
    }

    fn requests(&mut self, out: &mut Vec<String>) -> Result<(), Error> {
        let context: *mut Vec<String> = out;
        // SAFETY: `collect` gets the vector that it expects, during the call.
        call(|e| unsafe { raw::oa_reader_requests_json(self.0, Some(collect), context.cast(), e) })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: ours, and used no more.
        unsafe { raw::oa_reader_close(self.0) }
    }
}
