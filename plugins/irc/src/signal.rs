//! State that can be waited for. Everything concurrent in this plugin is built of it.

use loader_sdk::futures::future::poll_fn;
use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// A value, and those who wait until it is as they wish.
pub(crate) struct Signal<T>(Mutex<State<T>>);

struct State<T> {
    value: T,
    waiting: Vec<Waker>,
}

impl<T> Signal<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(State { value, waiting: Vec::new() }))
    }

    /// Looks at the value.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value, and lets everyone who waits look again.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.value);
        let waiting = mem::take(&mut state.waiting);
        // Wakers may do anything, so they are called without the lock.
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until `ready` has an answer. It may take something out of the value.
    pub(crate) async fn until<R>(&self, mut ready: impl FnMut(&mut T) -> Option<R>) -> R {
        poll_fn(|context| {
            let mut state = self.lock();
            if let Some(result) = ready(&mut state.value) {
                return Poll::Ready(result);
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
