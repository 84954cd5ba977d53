//! `loader call`: asks for what a contract offers.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use loader_contract::cli_command::STDERR;
use serde_json::{Value, json};

use super::partner::{Partner, Pieces};
use super::runtime;
use crate::args::Call;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::logging::{self, Filter};
use crate::output::{Answer, CommandResult, Outcome, Output, Refusal, unwritable};
use crate::running::Piece;

/// Asks, and shows what comes back.
pub(super) fn call(arguments: &Call, context: &Context, output: &Output) -> CommandResult {
    let request = match arguments.request.as_deref() {
        None => Vec::new(),
        Some("-") => {
            let mut request = Vec::new();
            io::stdin().lock().read_to_end(&mut request).map_err(|error| {
                Finding::error(
                    "LDR-CALL-REQUEST",
                    format!("standard input cannot be read: {error}"),
                )
            })?;
            request
        }
        Some(json) => json.as_bytes().to_vec(),
    };
    asking(context, output, "call", async |partner| {
        let id = arguments.id.as_deref();
        let pieces = partner.ask(&arguments.operation, id, request).await?;
        show(pieces, arguments.output.as_deref(), output).await
    })
}

/// Does something with whom a command of this name asks.
pub(super) fn asking<T>(
    context: &Context,
    output: &Output,
    name: &'static str,
    work: impl AsyncFnOnce(&Partner) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    asking_some(context, output, name, None, work)
}

/// The same; where no gateway runs, no plugin but this one is opened.
pub(super) fn asking_one<T>(
    context: &Context,
    output: &Output,
    name: &'static str,
    plugin: &str,
    work: impl AsyncFnOnce(&Partner) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    asking_some(context, output, name, Some(plugin), work)
}

fn asking_some<T>(
    context: &Context,
    output: &Output,
    name: &'static str,
    only: Option<&str>,
    work: impl AsyncFnOnce(&Partner) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let log = &context.resolved.config.log;
    let filter = match context.says_what_is_logged() {
        true => Filter::parse(&log.filter),
        // What plugins do by the way would only be in the way.
        false => Filter::parse("error"),
    };
    let filter = filter.map_err(|finding| Refusal::new(Exit::Configuration, finding))?;
    logging::start(log, &filter, output.is_colourful());
    output.report(&context.warnings());
    let runtime = runtime::many()?;
    let result = runtime.block_on(async {
        let partner = Partner::find(context, name, filter.for_plugins(), only).await?;
        let result = work(&partner).await;
        if result.is_err() {
            // A plugin that did not start is often the reason that something is not there.
            output.report(partner.troubles());
        }
        partner.leave().await;
        result
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// Writes an answer to standard output, or its bytes to a file.
async fn show(mut pieces: Pieces, file: Option<&Path>, output: &Output) -> CommandResult {
    let mut sink = Sink::new(file);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Piece::Whole(body) => {
                let data: Value = serde_json::from_slice(&body).unwrap_or_default();
                let text = format!("{data:#}\n");
                return Ok(Answer { text, data, warnings: Vec::new() }.into());
            }
            Piece::Head { media, body } => sink.begin(media.as_deref(), body)?,
            Piece::Event(event) => {
                let line = [&*event, b"\n"].concat();
                output.write(&String::from_utf8_lossy(&line)).map_err(|it| unwritable(&it))?;
            }
            Piece::Data { bytes, to } if to.as_deref() == Some(STDERR) => {
                output.note(&String::from_utf8_lossy(&bytes));
            }
            Piece::Data { bytes, .. } => sink.write(&bytes)?,
        }
    }
    Ok(sink.end())
}

/// Where bytes go.
struct Sink<'a> {
    path: Option<&'a Path>,
    file: Option<File>,
    head: Value,
    bytes: u64,
}

impl<'a> Sink<'a> {
    fn new(path: Option<&'a Path>) -> Self {
        Self { path, file: None, head: Value::Null, bytes: 0 }
    }

    fn begin(&mut self, media: Option<&str>, head: Vec<u8>) -> Result<(), Finding> {
        self.head = serde_json::from_slice(&head).unwrap_or_default();
        match self.path {
            Some(path) => {
                self.file = Some(File::create(path).map_err(|error| unwritten(path, &error))?);
                Ok(())
            }
            None if media.is_some_and(is_binary) && io::stdout().is_terminal() => {
                let message = "the answer is no text and standard output is a terminal";
                Err(Finding::error("LDR-CALL-BINARY", message).hint("name a file: --output FILE"))
            }
            None => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Finding> {
        self.bytes += bytes.len() as u64;
        match (&mut self.file, self.path) {
            (Some(file), Some(path)) => {
                file.write_all(bytes).map_err(|error| unwritten(path, &error))
            }
            _ => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
                written.map_err(|error| unwritable(&error))
            }
        }
    }

    fn end(self) -> Outcome {
        match self.path.filter(|_| self.file.is_some()) {
            None => Outcome::Ended(Exit::Success),
            Some(path) => {
                let text = format!("wrote {} bytes to {}\n", self.bytes, path.display());
                let data = json!({ "file": path, "bytes": self.bytes, "head": self.head });
                Answer { text, data, warnings: Vec::new() }.into()
            }
        }
    }
}

fn is_binary(media: &str) -> bool {
    !media.starts_with("text/") && !media.starts_with("application/json")
}

fn unwritten(path: &Path, error: &io::Error) -> Finding {
    Finding::error("LDR-CALL-OUTPUT", format!("cannot write: {error}"))
        .at(path)
        .hint("name another file: --output FILE")
}
