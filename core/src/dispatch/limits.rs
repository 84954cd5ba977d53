//! How many calls a plugin may be serving at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A counter with a ceiling.
#[derive(Debug)]
pub(crate) struct Concurrency {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Concurrency {
    pub(crate) fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(most) }
    }

    /// Changes the ceiling. Whoever has a place keeps it.
    pub(crate) fn adjust(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter<'a>(&'a self) -> Option<Place<'a>> {
        let before = self.now.fetch_add(1, Ordering::AcqRel);
        let place = Place(self);
        (before < self.most()).then_some(place)
    }

    /// Calls under way.
    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::Acquire)
    }

    /// The ceiling.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

/// A place taken for one call.
pub(crate) struct Place<'a>(&'a Concurrency);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A place taken for one stream, which outlives the call that opened it.
pub(crate) struct OwnedPlace<T: AsRef<Concurrency>>(Arc<T>);

impl<T: AsRef<Concurrency>> OwnedPlace<T> {
    pub(crate) fn enter(owner: &Arc<T>) -> Option<Self> {
        let concurrency = (**owner).as_ref();
        let place = concurrency.enter()?;
        // The count is given back by this value's drop instead of the place's.
        std::mem::forget(place);
        Some(Self(owner.clone()))
    }

    /// Whose place it is.
    pub(crate) fn owner(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<Concurrency>> Drop for OwnedPlace<T> {
    fn drop(&mut self) {
        (*self.0).as_ref().now.fetch_sub(1, Ordering::AcqRel);
    }
}
