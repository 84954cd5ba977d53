//! Counts what the plugin's library allocates, over the system allocator.
//!
//! `export_plugin!` installs it. The system allocator is required: one with static thread-local
//! storage makes a library that can be loaded only a few times and never leaves.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait by nature")]

mod room;

use room::ROOM;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);

/// Does something whose allocations are never freed. They lie in the library itself and leave with
/// it, as far as there is room: on the heap they would be lost when the library is unmapped.
pub(crate) fn within_library<R>(work: impl FnOnce() -> R) -> R {
    ROOM.while_open(work)
}

/// The system allocator, counted.
#[derive(Debug)]
pub struct Counted;

// SAFETY: every method passes its arguments on to the system allocator unchanged and returns its
// answer unchanged, so the trait's contract holds as it holds for `System`. What the room gives
// instead is as large and as aligned as was asked for and nobody else's, and never reaches `System`.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        if let Some(place) = ROOM.take(layout) {
            return place;
        }
        // SAFETY: the caller upholds `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        if ROOM.holds(pointer) {
            return;
        }
        // SAFETY: the caller upholds `dealloc`'s contract, and `alloc` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // Nothing in the room was ever written to before it is given away.
        if let Some(place) = ROOM.take(layout) {
            return place;
        }
        // SAFETY: the caller upholds `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(size as u64, Ordering::Relaxed);
        FREED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        if ROOM.holds(pointer) {
            // SAFETY: the caller upholds that `size` is not zero and no overflow when rounded up to
            // the alignment.
            let layout_now = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
            // SAFETY: the caller upholds that `size`, which is the layout's, is not zero.
            let moved = unsafe { System.alloc(layout_now) };
            if !moved.is_null() {
                // SAFETY: both are valid for the smaller size, and a new allocation overlaps none.
                unsafe { ptr::copy_nonoverlapping(pointer, moved, layout.size().min(size)) };
            }
            return moved;
        }
        // SAFETY: the caller upholds `realloc`'s contract, and `pointer` came from `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Allocations made since the library was loaded.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Bytes allocated and not freed.
pub fn allocated_bytes() -> u64 {
    ALLOCATED.load(Ordering::Relaxed).saturating_sub(FREED.load(Ordering::Relaxed))
}
