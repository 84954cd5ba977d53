//! `cli-command/1`: see [`loader_contract::cli_command`].

use crate::{
    Call, Message, Metadata, Plugin, Receiver, Registration, Result, Sender,
    registration::Capability,
};
pub use loader_contract::cli_command::CONTRACT;
use loader_contract::cli_command::{Exit, RunCommand, STDERR, TO, method};
use std::{future::Future, sync::Arc};

/// How much output goes into one message.
const PIECE_BYTES: usize = 64 * 1024;

/// A plugin with commands of `loader`. [`Call::capability`] says which command is meant.
///
/// ```no_run
#[doc = include_str!("../../examples/cli_command.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/cli_command.toml")]
/// ```
pub trait CliCommand: Plugin {
    /// Runs the command and returns its exit code. An error exits with the code of its class.
    fn run_command(
        &self,
        call: Call,
        command: RunCommand,
        terminal: Terminal,
    ) -> impl Future<Output = Result<u8>> + Send;
}

/// The standard streams of a command.
pub struct Terminal {
    sender: Arc<Sender>,
    receiver: Receiver,
}

impl Terminal {
    /// Writes to standard output.
    pub async fn print(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(text.as_ref(), &Metadata::new()).await
    }

    /// Writes to standard error.
    pub async fn complain(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(text.as_ref(), &Metadata::new().with(TO, STDERR)).await
    }

    /// The next piece of standard input; `None` at its end.
    pub async fn read(&self) -> Result<Option<Vec<u8>>> {
        self.receiver.data().await
    }

    async fn write(&self, bytes: &[u8], metadata: &Metadata) -> Result<()> {
        for piece in bytes.chunks(PIECE_BYTES) {
            let message = Message { metadata: metadata.clone(), ..Message::data(piece) };
            self.sender.send(message).await?;
        }
        Ok(())
    }
}

impl<P: CliCommand> Registration<P> {
    /// Provides `cli-command/1` under this id.
    #[must_use]
    pub fn cli_command(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |_, _, _| None,
            open: |plugin, name, invocation, stream| match name {
                method::RUN => {
                    Some(invocation.handle_json(stream, move |call, command, stream| async move {
                        let sender = Arc::new(stream.sender);
                        sender.send(Message::head(Metadata::new(), Vec::new())).await?;
                        let terminal =
                            Terminal { sender: sender.clone(), receiver: stream.receiver };
                        let code = plugin.run_command(call, command, terminal).await?;
                        sender.send_event(&Exit { code }).await
                    }))
                }
                _ => None,
            },
        })
    }
}
