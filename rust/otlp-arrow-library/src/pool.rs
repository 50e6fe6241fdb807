// SPDX-License-Identifier: Apache-2.0

//! Builders that are used again, as each keeps the memory that it has grown to.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

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
    /// The builders that nobody uses, unless another thread is looking for one just
    /// now.  Nobody waits here: in a process that was forked meanwhile, that thread
    /// would never be done.
    fn idle(&self, signal: Signal) -> Option<MutexGuard<'_, Vec<Builder>>> {
        let place = match signal {
            Signal::Traces => 0,
            Signal::Metrics => 1,
            Signal::Logs => 2,
        };
        match self.idle[place].try_lock() {
            Ok(idle) => Some(idle),
            Err(TryLockError::Poisoned(idle)) => Some(idle.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// An empty builder.
    pub(crate) fn take(self: &Arc<Self>, signal: Signal) -> Result<Pooled, OtlpError> {
        let idle = self.idle(signal).and_then(|mut idle| idle.pop());
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
        if let Some(mut idle) = self.pool.idle(self.signal) {
            if idle.len() < KEPT {
                idle.push(builder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(pool: &Pool, signal: Signal) -> usize {
        pool.idle(signal).expect("nobody else has it").len()
    }

    #[test]
    fn a_builder_comes_back_empty() {
        let pool = Arc::new(Pool::default());
        let mut builder = pool.take(Signal::Logs).unwrap();
        builder.resource(None);
        builder.scope(None);
        builder.log_record(&Default::default());
        assert_eq!(builder.items(), 1);
        drop(builder);
        assert_eq!(idle(&pool, Signal::Logs), 1);
        let again = pool.take(Signal::Logs).unwrap();
        assert_eq!((again.items(), idle(&pool, Signal::Logs)), (0, 0));
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let pool = Arc::new(Pool::default());
        let many: Vec<_> = (0..KEPT + 3).map(|_| pool.take(Signal::Traces)).collect();
        drop(many);
        assert_eq!(idle(&pool, Signal::Traces), KEPT);
    }

    #[test]
    fn whoever_finds_others_at_it_does_not_wait() {
        let pool = Arc::new(Pool::default());
        let others = pool.idle(Signal::Logs).unwrap();
        let builder = pool.take(Signal::Logs).unwrap();
        assert_eq!(builder.items(), 0);
        drop(builder);
        assert_eq!(others.len(), 0);
    }
}
