// SPDX-License-Identifier: Apache-2.0

//! Builders that are used again, as each keeps the memory that it has grown to.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use otlp_arrow_sys::{Builder, Signal};

use crate::error::{of_use, OtlpError};

/// As many as threads that mostly export at once; more come and go.
const KEPT: usize = 8;
/// One that has grown beyond this is not kept.
const LARGEST: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: [Mutex<Vec<Builder>>; 3],
}

/// A builder until it is dropped.
#[derive(Debug)]
pub(crate) struct Pooled {
    builder: Option<Builder>,
    signal: Signal,
    pool: Arc<Pool>,
}

impl Pool {
    fn idle(&self, signal: Signal) -> std::sync::MutexGuard<'_, Vec<Builder>> {
        let place = match signal {
            Signal::Traces => 0,
            Signal::Metrics => 1,
            Signal::Logs => 2,
        };
        self.idle[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty builder.
    pub(crate) fn take(self: &Arc<Self>, signal: Signal) -> Result<Pooled, OtlpError> {
        let idle = self.idle(signal).pop();
        let builder = match idle {
            Some(builder) => builder,
            None => Builder::new(signal).map_err(of_use)?,
        };
        Ok(Pooled {
            builder: Some(builder),
            signal,
            pool: Arc::clone(self),
        })
    }
}

impl Deref for Pooled {
    type Target = Builder;

    fn deref(&self) -> &Builder {
        self.builder.as_ref().expect("there until the drop")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Builder {
        self.builder.as_mut().expect("there until the drop")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut builder) = self.builder.take() else {
            return;
        };
        if builder.size() > LARGEST {
            return;
        }
        builder.reset();
        let mut idle = self.pool.idle(self.signal);
        if idle.len() < KEPT {
            idle.push(builder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_comes_back_empty() {
        let pool = Arc::new(Pool::default());
        let mut builder = pool.take(Signal::Logs).unwrap();
        builder.resource(None);
        builder.scope(None);
        builder.log_record(&Default::default());
        assert_eq!(builder.items(), 1);
        drop(builder);
        assert_eq!(pool.idle(Signal::Logs).len(), 1);
        let again = pool.take(Signal::Logs).unwrap();
        assert_eq!((again.items(), pool.idle(Signal::Logs).len()), (0, 0));
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let pool = Arc::new(Pool::default());
        let many: Vec<_> = (0..KEPT + 3).map(|_| pool.take(Signal::Traces)).collect();
        drop(many);
        assert_eq!(pool.idle(Signal::Traces).len(), KEPT);
    }
}
