//! Panics stop here: every entry, every poll and every drop of plugin code goes through this file.

use crate::{
    Error, Result,
    current::{self, Current},
};
use loader_abi::abi_stable::std_types::{RBox, RResult};
use pin_project_lite::pin_project;
use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// Runs plugin code; a panic becomes its message.
///
/// State the panic may have left half changed is not looked at again: the future that panicked is
/// dropped, and shared state is behind the author's own locks, which poison.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let message = message_of(payload.as_ref());
        // Dropping a foreign payload may panic again.
        std::mem::forget(payload);
        message
    })
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

pin_project! {
    /// A future of plugin code whose polls and drop cannot unwind, and that knows what it works for.
    pub(crate) struct Guarded<F> {
        #[pin]
        future: Option<F>,
        current: Current,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _ = current::scope(*this.current, || catch(|| this.future.set(None)));
            }
        }
    }
}

impl<F> Guarded<F> {
    pub(crate) fn new(current: Current, future: F) -> Self {
        Self { future: Some(future), current }
    }
}

impl<T, F: Future<Output = Result<T>>> Future for Guarded<F> {
    type Output = RResult<T, RBox<loader_abi::CallError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let current = *this.current;
        current::scope(current, || {
            let polled = catch(|| match this.future.as_mut().as_pin_mut() {
                Some(future) => future.poll(context),
                None => Poll::Ready(Err(Error::panicked("polled again after it ended"))),
            });
            let result = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => result,
                Err(panic) => Err(Error::panicked(&panic)),
            };
            // Drop the finished future here, where a panic of its drop becomes the answer.
            let result = match catch(|| this.future.set(None)) {
                Ok(()) => result,
                Err(panic) => result.and(Err(Error::panicked(&panic))),
            };
            Poll::Ready(match result {
                Ok(value) => RResult::ROk(value),
                Err(error) => RResult::RErr(error.into_abi()),
            })
        })
    }
}
