// SPDX-License-Identifier: Apache-2.0

//! Work that waits, as a future that any executor can have: a thread does it.
//! Such work is rare and slow (a start, a flush, an end, waiting for a disk), so a
//! thread of its own for each costs nothing that could be noticed.

use std::future::Future;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

enum State<T> {
    Working(Option<Waker>),
    Done(thread::Result<T>),
    Taken,
}

pub(crate) struct Offloaded<T>(Arc<Mutex<State<T>>>);

fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does WORK on a thread, to its end also when the future is dropped.
pub(crate) fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Offloaded<T> {
    let state = Arc::new(Mutex::new(State::Working(None)));
    let theirs = Arc::clone(&state);
    // The work survives a thread that cannot be had.
    let work = Arc::new(Mutex::new(Some(work)));
    let shared = Arc::clone(&work);
    let act = move || {
        let Some(work) = locked(&shared).take() else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(work));
        let before = std::mem::replace(&mut *locked(&theirs), State::Done(result));
        if let State::Working(Some(waker)) = before {
            waker.wake();
        }
    };
    let started = thread::Builder::new()
        .name("otlp-arrow-wait".to_owned())
        .spawn(act);
    if started.is_err() {
        let left = locked(&work).take();
        if let Some(work) = left {
            *locked(&state) = State::Done(catch_unwind(AssertUnwindSafe(work)));
        }
    }
    Offloaded(state)
}

impl<T> Future for Offloaded<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = locked(&self.0);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Working(_) => {
                *state = State::Working(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Done(Ok(value)) => Poll::Ready(value),
            State::Done(Err(panic)) => {
                drop(state);
                resume_unwind(panic)
            }
            State::Taken => panic!("polled after it was ready"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_executor::block_on;

    use super::*;

    #[test]
    fn the_result_comes_back_from_another_thread() {
        let here = thread::current().id();
        let there = block_on(offload(move || {
            thread::sleep(Duration::from_millis(20));
            thread::current().id()
        }));
        assert_ne!(here, there);
    }

    #[test]
    fn a_panic_comes_back_too() {
        let future = offload(|| -> u8 { panic!("as asked") });
        let result = catch_unwind(AssertUnwindSafe(|| block_on(future)));
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"as asked"));
    }

    #[test]
    fn work_is_done_also_when_nobody_waits() {
        let (tell, told) = std::sync::mpsc::channel();
        drop(offload(move || tell.send(1).unwrap()));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(1));
    }
}
