//! Platforms where images are never unloaded.

use std::{io, os::fd::OwnedFd, path::Path};

/// Where an image lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSpan;

impl ImageSpan {
    pub(crate) fn bounds(self) -> (usize, usize) {
        (0, 0)
    }
}

/// Crashes are recorded on Linux with glibc only.
pub(crate) fn watch_for_crashes(_: OwnedFd) -> io::Result<()> {
    Ok(())
}

/// Why images cannot be unloaded here.
pub fn unload_support() -> Result<(), &'static str> {
    Err("unloading is proven on Linux with glibc only")
}

/// How many thread-local keys of the C library are taken, where that can be told.
pub fn pthread_keys_in_use() -> Option<usize> {
    None
}

pub(crate) fn span_of(_: usize) -> Option<ImageSpan> {
    None
}

pub(crate) fn inode_at(_: usize, _: &Path) -> Option<u64> {
    None
}

pub(crate) fn is_mapped(_: &Path) -> bool {
    true
}

pub(crate) fn threads_of(_: ImageSpan) -> Vec<i32> {
    Vec::new()
}

pub(crate) fn signal_handlers_in(_: ImageSpan) -> Vec<i32> {
    Vec::new()
}

pub(crate) fn delete_keys_of(_: ImageSpan) {}
