//! The count of who is inside a generation, under shuttle.

mod sync {
    pub(super) use shuttle::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../../core/src/generation/leases.rs"]
pub(crate) mod leases;
