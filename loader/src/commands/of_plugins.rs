//! Commands that plugins own: known from manifests alone, run by the plugin that owns them.
//!
//! A command goes to the gateway that runs with the state folder; without one, the plugin that owns it is
//! opened for it, and no other.

mod grammar;
mod offer;

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Read};

use clap::CommandFactory;
use loader_contract::cli_command::{CONTRACT, Exit as Ended, RunCommand, STDERR, method};
use tokio::signal::unix::{SignalKind, signal};

pub(super) use self::offer::Offer;

use self::offer::Offered;
use super::call::asking;
use super::partner::{Partner, Pieces};
use crate::args::{Arguments, Global};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{CommandResult, Outcome, Output, Refusal, unwritable};
use crate::running::Piece;
use crate::signals::not_ours;

/// The most of standard input that a command is given, in bytes: with its quotes it fits into a request.
const MOST_INPUT: usize = 512 * 1024;

/// The highest exit code a plugin can choose.
const HIGHEST: u8 = 63;

/// Prints the help of the whole program.
pub(super) fn help(long: bool, global: &Global) -> CommandResult {
    // Whatever is wrong with the configuration, help is help.
    let offer = Context::read(global, Vec::new()).map(|context| look(&context));
    let mut program = offer.unwrap_or_default().explain(Arguments::command());
    let printed = if long { program.print_long_help() } else { program.print_help() };
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(&error).into()),
        _ => Ok(Outcome::Ended(Exit::Success)),
    }
}

/// The program's definitions with the commands of plugins among them, as far as they are known.
pub(super) fn complete(global: &Global) -> clap::Command {
    let offer = Context::read(global, Vec::new()).map(|context| look(&context));
    offer.unwrap_or_default().complete(Arguments::command())
}

/// Runs the command that these words name. Words that make no sense end the program.
pub(super) fn run(words: &[OsString], global: &Global, output: &Output) -> CommandResult {
    let context = Context::read(global, Vec::new())?;
    let offer = look(&context);
    let program = offer.complete(Arguments::command());
    let words = [OsString::from("loader")].into_iter().chain(words.iter().cloned());
    let matches = program.get_matches_from(words);
    let chosen = matches.subcommand().and_then(|(name, own)| Some((offer.find(name)?, own)));
    let Some((command, own)) = chosen else {
        return Err(Finding::error("LDR-COMMAND-UNKNOWN", "there is no such command")
            .hint("see what there is: loader --help")
            .into());
    };
    let request = RunCommand {
        name: command.name.clone(),
        arguments: grammar::values(&command.arguments, own),
        terminal: io::stdout().is_terminal(),
        json: output.is_json(),
        input: read_input(command)?,
    };
    asking(&context, output, "plugin command", async |partner| {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| not_ours(&error))?;
        tokio::select! {
            ended = ask(partner, &request, output) => ended,
            // What goes on is cancelled by letting go of it.
            _ = interrupt.recv() => Ok(Outcome::Ended(Exit::Interrupted)),
        }
    })
}

fn look(context: &Context) -> Offer {
    Offer::of(&loader_gateway::switched_on(&context.gateway_settings(None)))
}

/// All of standard input, for a command that reads it. A terminal is not waited for.
fn read_input(command: &Offered) -> Result<String, Finding> {
    let mut input = Vec::new();
    if !command.input || io::stdin().is_terminal() {
        return Ok(String::new());
    }
    let most = MOST_INPUT as u64 + 1;
    io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut input)
        .map_err(|error| unreadable(format!("standard input cannot be read: {error}")))?;
    if input.len() > MOST_INPUT {
        return Err(unreadable(format!("standard input has more than {MOST_INPUT} bytes")));
    }
    String::from_utf8(input).map_err(|_| unreadable("standard input is not UTF-8".to_owned()))
}

fn unreadable(message: String) -> Finding {
    Finding::error("LDR-COMMAND-INPUT", message)
        .hint(format!("send at most {MOST_INPUT} bytes of UTF-8 text"))
}

async fn ask(partner: &Partner, request: &RunCommand, output: &Output) -> CommandResult {
    let body = serde_json::to_vec(request).map_err(|error| unreadable(error.to_string()))?;
    let asked = partner.ask(&format!("{CONTRACT}/{}", method::RUN), None, body).await;
    let shown = match asked {
        Ok(pieces) => show(pieces, output).await,
        Err(finding) => Err(finding),
    };
    match shown {
        Ok(exit) => Ok(Outcome::Ended(exit)),
        Err(finding) => Err(Refusal::new(exit_of(&finding), finding)),
    }
}

/// Writes what the command writes, as it comes.
async fn show(mut pieces: Pieces, output: &Output) -> Result<Exit, Finding> {
    let mut exit = Exit::Success;
    while let Some(piece) = pieces.next().await {
        let written = match piece? {
            Piece::Data { bytes, to } if to.as_deref() == Some(STDERR) => {
                output.pass_error(&bytes);
                Ok(())
            }
            Piece::Data { bytes, .. } => output.pass(&bytes),
            Piece::Event(event) => {
                let ended: Ended = serde_json::from_slice(&event).unwrap_or_default();
                exit = match ended.code.min(HIGHEST) {
                    0 => Exit::Success,
                    code => Exit::OfPlugin(code),
                };
                Ok(())
            }
            Piece::Head { .. } | Piece::Whole(_) => Ok(()),
        };
        match written {
            // Whoever read the output has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Success),
            Err(error) => return Err(unwritable(&error)),
            Ok(()) => {}
        }
    }
    Ok(exit)
}

/// How a command ends that fails so.
fn exit_of(finding: &Finding) -> Exit {
    match &*finding.class {
        "invalid" => Exit::Usage,
        "not-found" => Exit::NotFound,
        _ => Exit::Failure,
    }
}
