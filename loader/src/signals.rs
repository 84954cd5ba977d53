//! Being asked to stop: the first signal is a request, the second one ends the process at once. And
//! being asked to read the configuration again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit_code::Exit;
use crate::finding::Finding;

/// Waits for Ctrl-C and SIGTERM. Neither ends the process by itself from now on; the second one does,
/// from within the signal's handler, so that nothing that hangs can keep the process alive.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Takes over the signals. Must be called within the runtime.
    pub(crate) fn new() -> Result<Self, Finding> {
        let take_over = || -> io::Result<Self> {
            let was_asked = Arc::new(AtomicBool::new(false));
            let endings = [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)];
            for (number, exit) in endings {
                // This one comes first: it looks at the flag before the next one sets it.
                let code = i32::from(exit.code());
                flag::register_conditional_shutdown(number, code, was_asked.clone())?;
                flag::register(number, was_asked.clone())?;
            }
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        };
        take_over().map_err(|error| not_ours(&error))
    }

    /// Waits for the first signal. Cancel safe.
    pub(crate) async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Waits for SIGHUP, which does not end the process from now on.
pub(crate) struct HangUp(Signal);

impl HangUp {
    /// Takes over the signal. Must be called within the runtime.
    pub(crate) fn new() -> Result<Self, Finding> {
        signal(SignalKind::hangup()).map(Self).map_err(|error| not_ours(&error))
    }

    /// Waits for the next one. Cancel safe.
    pub(crate) async fn asked(&mut self) {
        self.0.recv().await;
    }
}

/// A signal cannot be taken over.
pub(crate) fn not_ours(error: &io::Error) -> Finding {
    Finding::error("LDR-SIGNALS", format!("cannot take over the signals: {error}"))
        .hint("start it without what intercepts signals: a tracer, a preloaded library, a sandbox")
}
