//! `cli-command/1`.

use super::{
    Chapter,
    bench::{Bench, Gathered, read},
    promise::{Kept, answered, broken, given, promises, said, unasked},
    sample::Sample,
};
use loader_abi::message_kind;
use loader_contract::cli_command::{
    Argument, ArgumentKind, CONTRACT, Exit, RunCommand, STDERR, TO, check, method,
};
use loader_core::{
    message::{Failure, Message, Metadata},
    stream::End,
};
use std::collections::BTreeMap;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "arguments-are-described",
            "The manifest describes a command that is offered: its name, its arguments and what they are."
            => describes;
        "ends-when-its-input-ends", "Run without arguments, it ends when its input does." => ends;
        "ends-with-an-exit-code", "An exit code, if it sends one, is the last message, and from 0 to 63."
            => exits;
        "writes-output-as-data", "What it writes is for standard output or standard error."
            => writes;
        "runs-with-arguments", "Run with every argument it describes, it ends as well." => runs;
    }),
    sample: |_, _| Sample::of(&RunCommand::default()),
    told_by: None,
    safe: None,
};

/// The highest exit code of a command.
const HIGHEST: u8 = 63;

fn arguments(bench: &Bench) -> Kept<Vec<Argument>> {
    let arguments = bench.attribute("arguments");
    if arguments.is_null() {
        return Ok(Vec::new());
    }
    serde_json::from_value(arguments.clone()).or_else(|error| {
        broken(
            format!("the manifest's `arguments` make no sense: {error}"),
            "write `{ name = \"…\", about = \"…\", kind = \"text\" }`; kind is text, flag or option",
        )
    })
}

async fn describes(bench: &Bench) -> Kept {
    let (name, arguments) = (bench.capability.id.as_str(), arguments(bench)?);
    if bench.said().commands.contains(name) {
        return broken(
            format!("the command `{name}` is the loader's own; the plugin's is not offered"),
            "give the command another name in plugin.toml and in `provides`",
        );
    }
    if let Err(why) = check(name, &arguments) {
        return broken(
            format!("the command `{}` is not offered: {why}", name.escape_debug()),
            "correct `[provides]` in plugin.toml: names are lower-case words joined by hyphens, and what \
             has to be there comes first",
        );
    }
    match arguments.iter().find(|argument| argument.about.is_empty()) {
        None => Ok(()),
        Some(argument) => broken(
            format!("the argument `{}` has no `about`", argument.name),
            "say in plugin.toml what it is: `--help` shows it",
        ),
    }
}

/// How a run ended: read out, or refused with an error, which is an end as well.
async fn run(bench: &Bench, request: &RunCommand) -> Kept<Result<Gathered, Failure>> {
    let body = serde_json::to_vec(request).unwrap_or_default();
    match bench.open(method::RUN, Metadata::new(), body).await {
        Ok(stream) => {
            let ended = bench.read_out(method::RUN, stream).await?;
            match &ended.end {
                End::Failed(failure) => Ok(Err(failure.clone())),
                _ => Ok(Ok(ended)),
            }
        }
        Err(failure) => Ok(Err(failure)),
    }
}

/// Expects a run not to fail of the plugin's own fault. An error is an end like any other.
fn require_no_defect(what: &str, ended: Result<Gathered, Failure>) -> Kept {
    let change =
        "return an exit code, or an error of the class that fits, such as `Error::invalid`";
    answered(what, ended, change).map(drop)
}

async fn ends(bench: &Bench) -> Kept {
    require_no_defect("a run without arguments", run(bench, &RunCommand::default()).await?)
}

/// The messages of a run without arguments that was not refused.
async fn messages(bench: &Bench) -> Kept<Vec<Message>> {
    match given(run(bench, &given(filled(bench))?).await)? {
        Ok(ended) => Ok(ended.messages),
        Err(failure) => unasked(format!("a run is refused: {}", said(&failure))),
    }
}

async fn exits(bench: &Bench) -> Kept {
    let messages = messages(bench).await?;
    let is_event = |message: &&Message| message.kind == message_kind::EVENT;
    let exits = messages.iter().filter(is_event).count();
    let Some(last) = messages.last().filter(is_event) else {
        return match exits {
            0 => Ok(()),
            _ => broken(
                "output comes after the exit code",
                "write everything, then return the exit code",
            ),
        };
    };
    let exit: Exit = read("the last event of `run`", &last.body)?;
    if exits > 1 {
        return broken("it sends several exit codes", "return one exit code, at the end");
    }
    match exit.code <= HIGHEST {
        true => Ok(()),
        false => broken(
            format!("it ends with the exit code {}", exit.code),
            "return an exit code from 0 to 63: those above mean signals and the loader's own ends",
        ),
    }
}

async fn writes(bench: &Bench) -> Kept {
    for message in messages(bench).await? {
        let to = message.metadata.get_text(TO);
        let is_known = match message.kind {
            message_kind::DATA => to.is_none_or(|to| to == STDERR),
            message_kind::EVENT => true,
            _ => false,
        };
        if !is_known {
            return broken(
                format!(
                    "it sends a message of kind {} to `{}`",
                    message.kind,
                    to.unwrap_or_default()
                ),
                "send `data`, with `to` = `stderr` for standard error and without it otherwise",
            );
        }
    }
    Ok(())
}

/// A run with a value for every argument it describes.
fn filled(bench: &Bench) -> Kept<RunCommand> {
    let values = arguments(bench)?.into_iter().map(|argument| {
        let value = match argument.kind {
            ArgumentKind::Flag => "true",
            ArgumentKind::Text | ArgumentKind::Option => "1",
        };
        (argument.name, vec![value.to_owned()])
    });
    Ok(RunCommand { arguments: values.collect::<BTreeMap<_, _>>(), ..RunCommand::default() })
}

async fn runs(bench: &Bench) -> Kept {
    given(ends(bench).await)?;
    require_no_defect("a run with arguments", run(bench, &given(filled(bench))?).await?)
}
