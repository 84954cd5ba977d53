//! Whose images are in the process, for a signal's handler to look through.
//!
//! The list only grows and nothing in it moves, so that it can be walked at any moment on any thread,
//! without a lock. The place of an image that left is taken by another.

use crate::{digest::Digest, staging::Staged};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// The most bytes of a plugin's id in a record.
pub(super) const PLUGIN: usize = 64;

/// The most bytes of a version in a record.
pub(super) const VERSION: usize = 64;

/// An image of a plugin, from before it is opened until it is gone.
#[derive(Clone, Copy)]
pub(crate) struct Resident(pub(super) &'static Place);

impl PartialEq for Resident {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

/// Where it is noted down. What a handler reads while it is being written may be wrong, but is never
/// out of bounds.
pub(super) struct Place {
    next: OnceLock<&'static Place>,
    taken: AtomicBool,
    /// Where the image lies in memory, once that is known.
    begin: AtomicUsize,
    end: AtomicUsize,
    pub(super) generation: AtomicU64,
    pub(super) digest: [AtomicU8; 32],
    /// Padded with zeros.
    pub(super) plugin: [AtomicU8; PLUGIN],
    pub(super) version: [AtomicU8; VERSION],
}

static FIRST: OnceLock<&'static Place> = OnceLock::new();

/// Every place, taken or not.
fn places() -> impl Iterator<Item = &'static Place> {
    std::iter::successors(FIRST.get(), |place| place.next.get()).copied()
}

/// The resident whose image holds this address.
pub(crate) fn in_image(address: usize) -> Option<Resident> {
    let holds = |place: &&Place| {
        place.taken.load(Relaxed)
            && (place.begin.load(Relaxed)..place.end.load(Relaxed)).contains(&address)
    };
    places().find(holds).map(Resident)
}

/// The resident that is noted down at this place, if it is one.
pub(super) fn at(place: *const Place) -> Option<Resident> {
    places().find(|known| std::ptr::eq(*known, place)).map(Resident)
}

impl Resident {
    /// Notes down whose image this is going to be.
    pub(crate) fn of(staged: &Staged) -> Self {
        let spec = staged.spec();
        Self::new(&spec.id, &spec.version.to_string(), staged.generation(), staged.digest())
    }

    pub(super) fn new(plugin: &str, version: &str, generation: u64, digest: Digest) -> Self {
        let place = free();
        write(&place.plugin, plugin.as_bytes());
        write(&place.version, version.as_bytes());
        write(&place.digest, digest.bytes());
        place.generation.store(generation, Relaxed);
        Self(place)
    }

    /// Notes down where the image lies in memory.
    pub(crate) fn settle(self, begin: usize, end: usize) {
        self.0.begin.store(begin, Relaxed);
        self.0.end.store(end, Relaxed);
    }

    /// Gives the place away: the image is gone.
    pub(crate) fn leave(self) {
        self.settle(0, 0);
        self.0.taken.store(false, Relaxed);
    }
}

/// A place that is nobody's, taken.
fn free() -> &'static Place {
    let is_free = |place: &&Place| !place.taken.swap(true, Relaxed);
    if let Some(place) = places().find(is_free) {
        return place;
    }
    let place: &'static Place = Box::leak(Box::new(Place {
        next: OnceLock::new(),
        taken: AtomicBool::new(true),
        begin: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        generation: AtomicU64::new(0),
        digest: [const { AtomicU8::new(0) }; 32],
        plugin: [const { AtomicU8::new(0) }; PLUGIN],
        version: [const { AtomicU8::new(0) }; VERSION],
    }));
    let mut end = &FIRST;
    while end.set(place).is_err() {
        // Somebody else was first, or it was never the end.
        if let Some(place) = end.get() {
            end = &place.next;
        }
    }
    place
}

/// Writes bytes, as many as there is room for, and zeros after them.
pub(super) fn write(to: &[AtomicU8], bytes: &[u8]) {
    let padded = bytes.iter().copied().chain(std::iter::repeat(0));
    to.iter().zip(padded).for_each(|(to, byte)| to.store(byte, Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_image_around_it_until_that_is_gone() {
        let digest = Digest::of(b"image");
        let one = Resident::new("one", "1.0.0", 1, digest);
        let two = Resident::new("two", "1.0.0", 2, digest);
        // The highest addresses are no image's.
        let top = usize::MAX - 300;
        one.settle(top, top + 100);
        two.settle(top + 100, top + 200);
        let generation = |address| in_image(address).map(|found| found.0.generation.load(Relaxed));
        assert_eq!(
            [top, top + 99, top + 100, top + 199].map(generation),
            [Some(1), Some(1), Some(2), Some(2)]
        );
        assert_eq!(generation(top + 200), None);
        one.leave();
        assert_eq!(generation(top), None);
        assert_eq!(generation(top + 100), Some(2));
        two.leave();
    }

    #[test]
    fn a_text_that_is_too_long_is_cut() {
        let long = "x".repeat(PLUGIN + 10);
        let resident = Resident::new(&long, "1.0.0", 1, Digest::of(b"image"));
        assert!(resident.0.plugin.iter().all(|byte| byte.load(Relaxed) == b'x'));
        resident.leave();
    }
}
