//! `loader call`: asks for what a contract offers.

mod sink;

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use loader_contract::cli_command::STDERR;
use serde_json::Value;

use self::sink::Sink;
use super::partner::{Partner, Pieces};
use super::runtime;
use crate::args::Call;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::logging::{self, Filter};
use crate::output::{Answer, CommandResult, Output, Refusal, unwritable, without_commands};
use crate::running::Piece;

/// What bytes are that nobody says anything of.
const BINARY: &str = "application/octet-stream";

/// How long what is left of a question may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

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
        let partner = Partner::find(context, name, filter.for_plugins()).await?;
        let result = work(&partner).await;
        if result.is_err() {
            // A plugin that did not start is often the reason that something is not there.
            output.report(partner.troubles());
        }
        partner.leave().await;
        result
    });
    runtime.shutdown_timeout(LAST_MOMENTS);
    result.map_err(|refusal| match refusal {
        Refusal { exit: Exit::Failure, errors, warnings } if is_about_nothing(&errors) => {
            Refusal { exit: Exit::NotFound, errors, warnings }
        }
        other => other,
    })
}

/// Whether what was named does not exist.
fn is_about_nothing(errors: &[Finding]) -> bool {
    errors.first().is_some_and(|error| error.class == "not-found")
}

/// Writes an answer to standard output, or to a file.
pub(super) async fn show(
    mut pieces: Pieces,
    file: Option<&Path>,
    output: &Output,
) -> CommandResult {
    let mut sink = Sink::new(file, output);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Piece::Whole(body) => match (serde_json::from_slice::<Value>(&body), file) {
                (Ok(data), None) => {
                    let text = format!("{data:#}\n");
                    return Ok(Answer { text, data, warnings: Vec::new() }.into());
                }
                (whole, _) => {
                    let media = if whole.is_ok() { "application/json" } else { BINARY };
                    sink.begin(Some(media), &[])?;
                    sink.write(&body)?;
                }
            },
            Piece::Head { media, body } => sink.begin(media.as_deref(), &body)?,
            Piece::Event(event) => {
                let line = format!("{}\n", String::from_utf8_lossy(&event));
                output.write_for_people(&line).map_err(|it| unwritable(&it))?;
            }
            Piece::Data { bytes, to } if to.as_deref() == Some(STDERR) => {
                output.note(&without_commands(&String::from_utf8_lossy(&bytes)));
            }
            Piece::Data { bytes, .. } => sink.write(&bytes)?,
        }
    }
    Ok(sink.end()?)
}
