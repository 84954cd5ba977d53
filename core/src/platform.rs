//! What the engine needs of the operating system to load native code and to let it go again.
//!
//! Unloading is proven on Linux with glibc. Everywhere else, and in a program where the
//! interposition is not in effect, images stay: [`unload_support`] says why.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod crash;
mod process;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "platform/linux.rs"]
mod system;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
#[path = "platform/other.rs"]
mod system;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use crash::watch_for_crashes;
#[cfg(target_os = "linux")]
pub(crate) use process::close_inherited;
pub(crate) use process::leave;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) use system::watch_for_crashes;
pub(crate) use system::{
    ImageSpan, delete_keys_of, inode_at, is_mapped, signal_handlers_in, span_of, threads_of,
};
pub use system::{pthread_keys_in_use, unload_support};
