//! Work that can be made to stand still and to go on.

use futures_util::task::AtomicWaker;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

/// Whether something stands still.
#[derive(Default)]
pub(crate) struct Pause {
    paused: AtomicBool,
    waker: AtomicWaker,
}

impl Pause {
    /// Lets it stand still at its next `await`.
    pub(crate) fn begin(&self) {
        self.paused.store(true, Ordering::Release);
    }

    /// Lets it go on.
    pub(crate) fn end(&self) {
        self.paused.store(false, Ordering::Release);
        self.waker.wake();
    }

    /// Does the work while there is no pause.
    pub(crate) async fn around<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.paused.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn work_stands_still_during_a_pause_and_goes_on_where_it_stood() {
        let (pause, polls) = (Pause::default(), AtomicU32::new(0));
        let work = poll_fn(|context| {
            context.waker().wake_by_ref();
            let polls = polls.fetch_add(1, Ordering::Relaxed) + 1;
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut work = pin!(pause.around(work));
        assert!(work.as_mut().now_or_never().is_none());
        pause.begin();
        assert!(work.as_mut().now_or_never().is_none() && work.as_mut().now_or_never().is_none());
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        pause.end();
        assert!(work.as_mut().now_or_never().is_none());
        assert!(work.as_mut().now_or_never().is_some());
    }
}
