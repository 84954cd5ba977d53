//! Which plugin and which call the current thread is working for.
//!
//! Thread-local cells without destructors: one with a destructor would pin the library on every
//! thread it touched.

use crate::host::HostObject;
use loader_abi::TraceContext;
use std::{
    cell::Cell,
    sync::{Arc, RwLock, Weak},
    time::Instant,
};

/// The work at hand.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    /// The plugin's index in [`PLUGINS`].
    pub(crate) plugin: usize,
    /// The call's id, or zero in background work.
    pub(crate) call_id: u64,
    /// When the call's caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// The trace the call belongs to.
    pub(crate) trace: TraceContext,
}

impl Current {
    /// Work that no call asked for.
    pub(crate) fn background(plugin: usize) -> Self {
        Self { plugin, call_id: 0, deadline: None, trace: TraceContext::default() }
    }
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// The plugins of this library, in the order of their creation.
static PLUGINS: RwLock<Vec<Weak<HostObject>>> = RwLock::new(Vec::new());

/// Enters a plugin into the table and returns its index.
pub(crate) fn enroll(host: &Arc<HostObject>) -> usize {
    let mut plugins = PLUGINS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    plugins.push(Arc::downgrade(host));
    plugins.len() - 1
}

/// Gives the table's memory back when the last of its plugins is gone, so that it does not stay
/// behind when the library leaves.
pub(crate) fn clear_when_deserted() {
    let mut plugins = PLUGINS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    if plugins.iter().all(|plugin| plugin.strong_count() == 0) {
        *plugins = Vec::new();
    }
}

/// The work the current thread is doing, if it is the plugin's.
pub(crate) fn get() -> Option<Current> {
    CURRENT.get()
}

/// The host of the plugin the current thread works for; on a thread of the plugin's own, the host of
/// the library's first plugin.
pub(crate) fn host() -> Option<Arc<HostObject>> {
    let index = CURRENT.get().map_or(0, |current| current.plugin);
    let plugins = PLUGINS.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    plugins.get(index).and_then(Weak::upgrade)
}

/// Does something on behalf of `current`.
pub(crate) fn scope<R>(current: Current, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<Current>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(current)));
    work()
}
