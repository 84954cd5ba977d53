//! Wakes a plugin's tasks on the plugin's own threads.
//!
//! A waker a plugin hands to a host future is plugin code. If a host thread called or dropped it, the
//! plugin's thread-local state would grow on that thread and keep the image mapped, or worse,
//! outlive it. So host futures only ever see the host's own waker, and the plugin's waits in a slot
//! that a task on the generation's thread empties.

use crate::crash::Resident;
use futures_util::task::AtomicWaker;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Where the wake-ups of one generation go.
#[derive(Clone)]
pub(crate) struct Relay(Arc<Shared>);

struct Shared {
    /// Wake-ups are done on the spot: the generation lives on host threads and never unloads.
    direct: bool,
    /// Whose wakers they are.
    resident: Resident,
    /// The generation's threads stop; from now on wakers are not touched any more.
    closed: AtomicBool,
    pending: Mutex<Vec<Arc<Slot>>>,
    driver: AtomicWaker,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.pending.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Relay {
    /// A relay for a generation with threads of its own, or for an inline one.
    pub(crate) fn new(direct: bool, resident: Resident) -> Self {
        Self(Arc::new(Shared {
            direct,
            resident,
            closed: AtomicBool::new(false),
            pending: Mutex::new(Vec::new()),
            driver: AtomicWaker::new(),
        }))
    }

    /// Makes a host future safe to be polled by a plugin.
    pub(crate) fn wrap<F: Future + Send>(&self, future: F) -> Relayed<F> {
        let slot = Arc::new(Slot {
            relay: self.0.clone(),
            waker: Mutex::new(None),
            queued: AtomicBool::new(false),
        });
        Relayed { future: Box::pin(future), host_waker: Waker::from(slot.clone()), slot }
    }

    /// Wakes what is to be woken, for good. Runs on a thread of the generation.
    pub(crate) async fn drive(self) {
        poll_fn(|context| {
            self.0.driver.register(context.waker());
            let slots = std::mem::take(&mut *self.0.pending());
            for slot in slots {
                slot.queued.store(false, Ordering::Release);
                let waker = slot.waker().take();
                if let Some(waker) = waker {
                    let _visit = self.0.resident.visit("wake");
                    waker.wake();
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Stops touching the plugin's wakers. The generation's threads are about to end.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.pending().clear();
    }
}

/// The place of one waker.
struct Slot {
    relay: Arc<Shared>,
    waker: Mutex<Option<Waker>>,
    queued: AtomicBool,
}

impl Slot {
    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        if self.relay.direct {
            let waker = self.waker().take();
            if let Some(waker) = waker {
                let _visit = self.relay.resident.visit("wake");
                waker.wake();
            }
        } else if !self.relay.closed.load(Ordering::Acquire)
            && !self.queued.swap(true, Ordering::AcqRel)
        {
            let relay = self.relay.clone();
            relay.pending().push(self);
            relay.driver.wake();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The future's drop empties the slot on the plugin's thread. A waker that is still here was
        // leaked by the plugin; its code may be gone, so it is leaked for good.
        if let Some(waker) = self.waker().take() {
            if self.relay.direct {
                let _visit = self.relay.resident.visit("wake");
                drop(waker);
            } else {
                std::mem::forget(waker);
            }
        }
    }
}

/// A host future that a plugin may poll.
pub(crate) struct Relayed<F> {
    future: Pin<Box<F>>,
    host_waker: Waker,
    slot: Arc<Slot>,
}

impl<F: Future> Future for Relayed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let old = {
            let mut waker = self.slot.waker();
            match &*waker {
                Some(waker) if waker.will_wake(context.waker()) => None,
                _ => waker.replace(context.waker().clone()),
            }
        };
        drop(old);
        let this = &mut *self;
        this.future.as_mut().poll(&mut Context::from_waker(&this.host_waker))
    }
}

impl<F> Drop for Relayed<F> {
    fn drop(&mut self) {
        let waker = self.slot.waker().take();
        drop(waker);
    }
}
