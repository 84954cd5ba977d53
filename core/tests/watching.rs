//! Watching real files: whatever writes them and whatever becomes of their folders, what changed is
//! reported once it is at rest, and nothing before.
#![expect(clippy::unwrap_used, reason = "what helps a test may panic like the test itself")]
#![expect(clippy::print_stdout, reason = "figures, and what could not be run")]
#![cfg(target_os = "linux")]

#[path = "watching/desk.rs"]
mod desk;
#[path = "watching/folders.rs"]
mod folders;
#[path = "watching/limits.rs"]
mod limits;
#[path = "watching/writers.rs"]
mod writers;
