//! The lines of standard input, without keeping anything else waiting.

use std::io::{self, ErrorKind};

use tokio::sync::mpsc;

use crate::finding::Finding;

/// The lines, as they come.
pub(super) struct Input(mpsc::Receiver<Result<String, Finding>>);

impl Input {
    /// Reads from now on. The thread that reads cannot be woken, so it is none of the runtime's,
    /// which would wait for it at its end.
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in io::stdin().lines() {
                let line = line.map_err(|error| unreadable(&error));
                let is_last = line.is_err();
                if sender.blocking_send(line).is_err() || is_last {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next line; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<String, Finding>> {
        self.0.recv().await
    }
}

fn unreadable(error: &io::Error) -> Finding {
    match error.kind() {
        ErrorKind::InvalidData => {
            Finding::error("LDR-CHAT-INPUT", "standard input is not UTF-8").hint("send UTF-8 text")
        }
        _ => Finding::error("LDR-CHAT-INPUT", format!("cannot read standard input: {error}")),
    }
}
