//! Commands of `loader` that plugins own: `cli-command/1`.
//!
//! Whoever asks the host says the command's name, and standard input as a whole: an HTTP client has no
//! stream to send it on. The plugin reads it as messages, as its contract says.

use crate::desk::Desk;
use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::cli_command::{CONTRACT, RunCommand, method};
use loader_core::{
    message::{Failure, Message, Metadata, from_json},
    service::{Answer, Service, ServiceRequest},
    stream::{End, StreamEnd},
};
use std::sync::Arc;

/// How much of standard input goes into one message.
const PIECE_BYTES: usize = 64 * 1024;

/// The commands of every plugin.
#[derive(Clone)]
pub(crate) struct CliCommands {
    desk: Arc<Desk>,
}

impl CliCommands {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn run(&self, request: ServiceRequest, caller: StreamEnd) -> Result<(), Failure> {
        let mut command: RunCommand = from_json(&request.body)?;
        let name = std::mem::take(&mut command.name);
        let input = std::mem::take(&mut command.input);
        let engine = self.desk.engine()?;
        if engine.snapshot().capability(CONTRACT, &name).is_none() {
            let message = format!("no plugin owns the command `{}`", name.escape_debug());
            return Err(Failure::new(class::NOT_FOUND, "LDR-COMMAND-UNKNOWN", message)
                .hint("see what there is: loader --help"));
        }
        let target = engine.target(CONTRACT, Some(&name), method::RUN)?;
        let body = serde_json::to_vec(&command).map_err(|error| {
            Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string())
        })?;
        let stream = target.open(request.options, Metadata::new(), body).await?;
        let plugin = &stream.end;
        caller.sender.send(stream.head.clone()).await?;
        // A plugin that does not read its input may write all the same.
        let reading = async {
            for piece in input.as_bytes().chunks(PIECE_BYTES) {
                if plugin.sender.send(Message::data(piece.to_vec())).await.is_err() {
                    return;
                }
            }
            plugin.sender.end(End::Done);
        };
        let writing = async {
            while let Some(message) = stream.receive().await {
                caller.sender.send(message?).await?;
            }
            Ok(())
        };
        tokio::pin!(reading, writing);
        tokio::select! {
            written = &mut writing => written,
            () = &mut reading => writing.await,
        }
    }
}

impl Service for CliCommands {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        Answer::unimplemented(CONTRACT, &request.method)
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let commands = self.clone();
        Box::pin(async move {
            match request.method.as_str() {
                method::RUN => commands.run(request, stream).await,
                method => Err(Failure::unimplemented(&format!("{CONTRACT}/{method}"))),
            }
        })
    }
}
