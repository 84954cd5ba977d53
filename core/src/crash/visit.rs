//! Where a thread is: in which plugin, and for which operation.
//!
//! The mark is a few words in the thread's own memory, which the handler of a signal that comes on this
//! thread reads. Setting it takes no lock and no memory.

use super::resident::{self, Place, Resident};
use std::{
    marker::PhantomData,
    pin::Pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed, Ordering::Release},
    },
    task::{Context, Poll},
};

/// The mark of one thread. It has no destructor, so that it can be read until the thread is gone.
struct Mark {
    /// The plugin whose code runs, or null.
    visited: AtomicPtr<Place>,
    /// What for: so many bytes there.
    operation: AtomicPtr<u8>,
    length: AtomicUsize,
    /// The plugin whose thread it is, or null.
    owner: AtomicPtr<Place>,
}

thread_local! {
    static MARK: Mark = const {
        Mark {
            visited: AtomicPtr::new(ptr::null_mut()),
            operation: AtomicPtr::new(ptr::null_mut()),
            length: AtomicUsize::new(0),
            owner: AtomicPtr::new(ptr::null_mut()),
        }
    };
}

impl Mark {
    /// The operation counts only while a plugin is visited, so that the two never belong to different
    /// visits.
    #[inline]
    fn set(&self, visited: *mut Place, operation: *mut u8, length: usize) {
        self.operation.store(operation, Release);
        self.length.store(length, Release);
        self.visited.store(visited, Release);
    }

    /// Ends what was visited before, to be gone back to.
    fn suspend(&self, visited: *mut Place) -> Suspended {
        self.visited.store(ptr::null_mut(), Release);
        let (operation, length) = (self.operation.load(Relaxed), self.length.load(Relaxed));
        Suspended { visited, operation, length }
    }
}

/// A visit within which there is another one.
struct Suspended {
    visited: *mut Place,
    operation: *mut u8,
    length: usize,
}

/// Code of a plugin runs on this thread until it is dropped, which puts the mark back to what it was.
#[must_use = "the visit ends when it is dropped"]
pub(crate) struct Visit<'a> {
    before: Option<Suspended>,
    /// The mark points there. It is this thread's, as long as this is not sent to another.
    operation: PhantomData<(&'a str, *const ())>,
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        MARK.with(|mark| {
            mark.visited.store(ptr::null_mut(), Release);
            if let Some(before) = &self.before {
                mark.set(before.visited, before.operation, before.length);
            }
        });
    }
}

impl Resident {
    /// Enters the plugin on this thread, for this operation. Visits nest.
    #[inline]
    pub(crate) fn visit(self, operation: &str) -> Visit<'_> {
        let place = ptr::from_ref(self.0).cast_mut();
        let before = MARK.with(|mark| {
            let visited = mark.visited.load(Relaxed);
            let before = (!visited.is_null()).then(|| mark.suspend(visited));
            mark.set(place, operation.as_ptr().cast_mut(), operation.len());
            before
        });
        Visit { before, operation: PhantomData }
    }

    /// Polls and drops a future of the plugin's as visits for this operation.
    pub(crate) fn visiting<F>(self, operation: Arc<str>, future: F) -> Visiting<F> {
        Visiting { resident: self, operation, future: Some(future) }
    }

    /// Whatever runs on this thread from now on is the plugin's, where no visit says otherwise.
    pub(crate) fn own_thread(self) {
        MARK.with(|mark| mark.owner.store(ptr::from_ref(self.0).cast_mut(), Release));
    }
}

/// Where the current thread is: the plugin, and the operation as bytes that may be gone; `None` for a
/// thread that is the host's. Can be asked by the handler of a signal.
pub(crate) fn here() -> Option<(Resident, *const u8, usize)> {
    MARK.with(|mark| {
        let operation = mark.operation.load(Relaxed).cast_const();
        let visited = resident::at(mark.visited.load(Relaxed));
        let visited = visited.map(|visited| (visited, operation, mark.length.load(Relaxed)));
        visited.or_else(|| Some((resident::at(mark.owner.load(Relaxed))?, ptr::null(), 0)))
    })
}

/// Whose thread one is that is made here to run a function at this address.
pub(crate) fn owner_of_new_thread(function: usize) -> Option<Resident> {
    here().map(|(resident, ..)| resident).or_else(|| resident::in_image(function))
}

/// A future of a plugin's, whose polls and whose end are visits.
pub(crate) struct Visiting<F> {
    resident: Resident,
    operation: Arc<str>,
    /// There until it is ready or dropped.
    future: Option<F>,
}

impl<F> Visiting<F> {
    /// What the plugin is asked.
    pub(crate) fn operation(&self) -> &Arc<str> {
        &self.operation
    }
}

impl<F: Future + Unpin> Future for Visiting<F> {
    type Output = F::Output;

    /// Ends the future once it is ready: its end is part of the same visit.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { resident, operation, future } = &mut *self;
        let Some(running) = future else { return Poll::Pending };
        let _visit = resident.visit(operation);
        let polled = Pin::new(running).poll(context);
        if polled.is_ready() {
            *future = None;
        }
        polled
    }
}

impl<F> Drop for Visiting<F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            let _visit = self.resident.visit(&self.operation);
            drop(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use std::panic::catch_unwind;

    fn now() -> Option<(u64, usize)> {
        here().map(|(resident, _, length)| (resident.0.generation.load(Relaxed), length))
    }

    #[test]
    fn visits_nest_and_end_however_they_end() {
        let resident =
            |generation| Resident::new("visited", "1.0.0", generation, Digest::of(b"image"));
        let (outer, inner) = (resident(11), resident(12));
        assert_eq!(now(), None);
        {
            let _outer = outer.visit("call");
            assert_eq!(now(), Some((11, 4)));
            {
                let _inner = inner.visit("nested");
                assert_eq!(now(), Some((12, 6)));
            }
            assert_eq!(now(), Some((11, 4)));
            let panicked = catch_unwind(|| {
                let _inner = inner.visit("nested");
                panic!("it happens");
            });
            assert!(panicked.is_err());
            assert_eq!(now(), Some((11, 4)));
        }
        assert_eq!(now(), None);
        outer.leave();
        inner.leave();
    }

    #[test]
    fn a_thread_is_its_owners_where_no_visit_says_otherwise() {
        let owner = Resident::new("owner", "1.0.0", 21, Digest::of(b"image"));
        let guest = Resident::new("guest", "1.0.0", 22, Digest::of(b"image"));
        let thread = std::thread::spawn(move || {
            owner.own_thread();
            assert_eq!(now(), Some((21, 0)));
            {
                let _visit = guest.visit("call");
                assert_eq!(now(), Some((22, 4)));
            }
            assert_eq!(now(), Some((21, 0)));
        });
        thread.join().expect("as it should be");
        assert_eq!(now(), None);
        owner.leave();
        guest.leave();
    }

    #[test]
    fn a_future_is_dropped_within_a_visit() {
        struct Watcher;
        impl Drop for Watcher {
            fn drop(&mut self) {
                assert_eq!(now(), Some((31, 4)));
            }
        }
        let resident = Resident::new("dropped", "1.0.0", 31, Digest::of(b"image"));
        let watcher = Watcher;
        let future = Box::pin(async move {
            let _watcher = watcher;
            std::future::pending::<()>().await
        });
        drop(resident.visiting("call".into(), future));
        assert_eq!(now(), None);
        resident.leave();
    }
}
