// SPDX-License-Identifier: Apache-2.0

//! A service inside this program.

use std::ptr::{self, NonNull};
use std::time::Duration;

use crate::builder::{Builder, Signal};
use crate::config::Config;
use crate::error::{call, text_of, Error};
use crate::raw;

/// One of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// `protocols.protobuf_port`.
    Protobuf,
    /// `protocols.arrow_flight_port`.
    ArrowFlight,
    /// `dashboard.port`: health and metrics.
    Dashboard,
}

/// How the bytes of a request are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Export...ServiceRequest`.
    Protobuf,
    /// The same as OTLP/JSON.
    Json,
}

/// What became of a request that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Items that are taken.
    pub accepted: u64,
    /// Items that were left out.
    pub rejected: u64,
    /// Texts that were not UTF-8.
    pub repaired: u64,
    /// Why the first item was left out.
    pub reason: String,
}

/// A service inside this program.  All that it does may be done by any number of
/// threads at once.  Dropping it writes everything and ends its threads.
pub struct Service {
    service: NonNull<raw::oa_service>,
}

// SAFETY: the header says of each function that is called here that any thread may
// call it; only the end needs the object for itself, and `drop` has it.
unsafe impl Send for Service {}
// SAFETY: as above.
unsafe impl Sync for Service {}

fn milliseconds(time: Option<Duration>) -> u32 {
    // The largest number has a meaning of its own.
    time.map_or(u32::MAX, |t| {
        u32::try_from(t.as_millis()).map_or(u32::MAX - 1, |ms| ms.min(u32::MAX - 1))
    })
}

impl Service {
    /// Starts a service with what CONFIG says now.
    pub fn start(config: &Config) -> Result<Self, Error> {
        let mut service = ptr::null_mut();
        // SAFETY: gives an object on success.
        call(|e| unsafe { raw::oa_service_start(&mut service, config.as_ptr(), e) })?;
        let service = NonNull::new(service).expect("an object on success");
        Ok(Self { service })
    }

    /// The port that LISTENER really has, when it is on.
    pub fn port(&self, listener: Listener) -> Option<u16> {
        let which = match listener {
            Listener::Protobuf => raw::OA_LISTENER_PROTOBUF,
            Listener::ArrowFlight => raw::OA_LISTENER_ARROW_FLIGHT,
            Listener::Dashboard => raw::OA_LISTENER_DASHBOARD,
        };
        // SAFETY: the object lives as long as SELF.
        match unsafe { raw::oa_service_port(self.service.as_ptr(), which) } {
            0 => None,
            port => Some(port),
        }
    }

    /// Takes one export request, all or nothing but for items that are left out by
    /// themselves.
    pub fn export(&self, signal: Signal, form: Form, bytes: &[u8]) -> Result<Exported, Error> {
        let form = match form {
            Form::Protobuf => raw::OA_FORM_PROTOBUF,
            Form::Json => raw::OA_FORM_JSON,
        };
        // SAFETY: the object lives as long as SELF, and the bytes are borrowed.
        exported(|result, e| unsafe {
            raw::oa_service_export(
                self.service.as_ptr(),
                signal.raw(),
                form,
                bytes.as_ptr().cast(),
                bytes.len(),
                result,
                e,
            )
        })
    }

    /// The same with what BUILDER has.
    pub fn export_built(&self, builder: &mut Builder) -> Result<Exported, Error> {
        // SAFETY: both objects live during the call, and the builder is ours alone.
        exported(|result, e| unsafe {
            raw::oa_service_export_built(self.service.as_ptr(), builder.as_ptr(), result, e)
        })
    }

    /// Writes to files what has come in so far, and waits for that.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        let timeout = milliseconds(Some(timeout));
        // SAFETY: the object lives as long as SELF.
        call(|e| unsafe { raw::oa_service_flush(self.service.as_ptr(), timeout, e) })
    }

    /// Numbers since the start.
    pub fn stats(&self) -> Result<raw::oa_service_stats, Error> {
        let mut stats = raw::oa_service_stats::default();
        // SAFETY: the object lives as long as SELF; the struct says its size.
        call(|e| unsafe { raw::oa_service_get_stats(self.service.as_ptr(), &mut stats, e) })?;
        Ok(stats)
    }

    /// Stops taking, writes everything, ends the files and the threads.  Calls
    /// after the first wait for it and give what it gave.  TIMEOUT bounds the
    /// waiting for senders; none stands for `shutdown_timeout`.
    pub fn shutdown(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let timeout = milliseconds(timeout);
        // SAFETY: the object lives as long as SELF.
        call(|e| unsafe { raw::oa_service_shutdown(self.service.as_ptr(), timeout, e) })
    }
}

fn exported(
    export: impl FnOnce(*mut raw::oa_export_result, *mut raw::oa_error) -> raw::oa_status,
) -> Result<Exported, Error> {
    let mut result = raw::oa_export_result::default();
    let done = call(|e| export(&mut result, e));
    done.map_err(|error| Error {
        retry_after_ms: result.retry_after_ms,
        ..error
    })?;
    Ok(Exported {
        accepted: result.accepted,
        rejected: result.rejected,
        repaired: result.repaired,
        reason: if result.rejected == 0 {
            String::new()
        } else {
            text_of(&result.reason)
        },
    })
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: ours, and used no more.  What fails now has nobody to be told,
        // but for the log; `shutdown` tells its caller.
        unsafe { raw::oa_service_stop(self.service.as_ptr(), ptr::null_mut()) };
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}
