//! A tokio runtime of the plugin's own, for authors who need libraries that want one.

use crate::{Error, Result};
use std::{future::Future, sync::Mutex, time::Duration};
use tokio::runtime::{Builder, Handle, Runtime};

/// How long [`OwnRuntime`]'s drop waits for blocking work.
const PATIENCE: Duration = Duration::from_secs(5);

/// A tokio runtime owned by the plugin's state.
///
/// Keep it in the plugin's struct, never in a `static`: a runtime that is not dropped keeps its
/// threads, and a library with running threads never leaves the process.
pub struct OwnRuntime {
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
}

impl OwnRuntime {
    /// Starts a runtime with so many worker threads.
    pub fn new(threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("plugin-own")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Mutex::new(Some(runtime)), handle })
    }

    /// Runs a future on the runtime and waits for it; dropping the wait cancels it.
    pub async fn run<F>(&self, future: F) -> Result<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        struct Abort(tokio::task::AbortHandle);
        impl Drop for Abort {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let task = self.handle.spawn(future);
        let _abort = Abort(task.abort_handle());
        task.await.map_err(|error| match error.is_panic() {
            true => Error::panicked("in a task of its own runtime"),
            false => Error::unavailable("LDR-CALL-STOPPED", "the plugin's runtime is stopped"),
        })
    }

    /// The runtime's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        let runtime = self.runtime.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}
