//! The count of who is inside a generation, under loom.

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../../core/src/generation/leases.rs"]
pub(crate) mod leases;
