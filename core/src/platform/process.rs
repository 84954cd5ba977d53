//! The two things a process does to itself that nothing can make safe.
#![expect(unsafe_code, reason = "ends the process, and closes descriptors nobody may use any more")]

/// Ends the process at once: neither destructors nor exit handlers run.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: it does not return, and needs nothing.
    unsafe { libc::_exit(status) }
}

/// Closes every descriptor but the three standard ones.
///
/// For a process that has just begun: whatever still uses one of them would find another file there.
#[cfg(target_os = "linux")]
pub(crate) fn close_inherited() {
    // SAFETY: the process has just begun, so that nothing of it owns a descriptor yet. Where the call
    // is not known, what was inherited stays open, which harms nobody.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
