//! The threads that commands wait and serve on.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::finding::Finding;

/// Threads for many things at once.
pub(super) fn many() -> Result<Runtime, Finding> {
    started(Builder::new_multi_thread().enable_all().thread_name("loader").build())
}

/// Only the thread that asks.
pub(super) fn single() -> Result<Runtime, Finding> {
    started(Builder::new_current_thread().enable_all().build())
}

fn started(runtime: io::Result<Runtime>) -> Result<Runtime, Finding> {
    runtime.map_err(|error| {
        Finding::error("LDR-RUNTIME", format!("cannot start threads: {error}")).hint(
            "raise the limits of open files (`ulimit -n`) and of threads (`ulimit -u`), then start \
             again",
        )
    })
}
