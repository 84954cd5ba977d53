//! Room in the library itself, for what is kept as long as the library.

use std::{
    alloc::Layout,
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// The library's room. The subscriber and its registration take 176 bytes.
pub(super) static ROOM: Room = Room::new();

const BYTES: usize = 512;
const ALIGNMENT: usize = 16;

/// Memory that is given away piece by piece while it is open, and never taken back.
#[repr(C, align(16))]
pub(super) struct Room {
    /// First, and so aligned like the whole.
    bytes: UnsafeCell<[u8; BYTES]>,
    used: AtomicUsize,
    open: AtomicBool,
}

// SAFETY: the bytes are only reached through what `take` gives, and it gives each byte once.
unsafe impl Sync for Room {}

impl Room {
    const fn new() -> Self {
        Self {
            bytes: UnsafeCell::new([0; BYTES]),
            used: AtomicUsize::new(0),
            open: AtomicBool::new(false),
        }
    }

    /// Does something while the room is open. Another thread that allocates meanwhile may get some
    /// of it too, which is as good as any memory.
    pub(super) fn while_open<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Close<'a>(&'a AtomicBool);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Relaxed);
            }
        }
        self.open.store(true, Ordering::Relaxed);
        let _close = Close(&self.open);
        work()
    }

    /// A piece for this layout, zeroed; `None` when the room is closed or too small.
    pub(super) fn take(&self, layout: Layout) -> Option<*mut u8> {
        if !self.open.load(Ordering::Relaxed) || layout.align() > ALIGNMENT {
            return None;
        }
        let begin = |used: usize| used.next_multiple_of(layout.align());
        let end = |used| begin(used).checked_add(layout.size()).filter(|end| *end <= BYTES);
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
        Some(self.start().wrapping_add(begin(used)))
    }

    /// Whether a pointer leads here.
    pub(super) fn holds(&self, pointer: *const u8) -> bool {
        (pointer as usize).wrapping_sub(self.start() as usize) < BYTES
    }

    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn a_closed_room_gives_nothing() {
        let room = Room::new();
        assert_eq!(room.take(layout(1, 1)), None);
        assert!(room.while_open(|| room.take(layout(1, 1))).is_some());
        assert_eq!(room.take(layout(1, 1)), None);
    }

    #[test]
    fn pieces_are_aligned_apart_and_inside() {
        let room = Room::new();
        room.while_open(|| {
            let wanted = [layout(1, 1), layout(24, 8), layout(3, 2), layout(32, 16)];
            let mut free_from = 0;
            for layout in wanted {
                let piece = room.take(layout).expect("there is room");
                let from = piece as usize;
                assert_eq!(from % layout.align(), 0);
                assert!(from >= free_from, "it overlaps the one before");
                free_from = from + layout.size();
                assert!(room.holds(piece) && room.holds((free_from - 1) as *const u8));
            }
        });
    }

    #[test]
    fn what_does_not_fit_is_left_to_others() {
        let room = Room::new();
        room.while_open(|| {
            assert_eq!(room.take(layout(BYTES + 1, 1)), None);
            assert_eq!(room.take(layout(1, 2 * ALIGNMENT)), None);
            let all = room.take(layout(BYTES, 1)).expect("there is room");
            assert_eq!(room.take(layout(1, 1)), None);
            assert!(!room.holds(all.wrapping_add(BYTES)) && !room.holds(all.wrapping_sub(1)));
        });
    }
}
