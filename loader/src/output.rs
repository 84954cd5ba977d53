//! The only place that prints: data on standard output, everything else on standard error.
//!
//! Most commands return an [`Answer`] or a [`Refusal`] and print nothing. Those that go on for a
//! while, `run` and `chat`, write with [`Output::write`] as they go. With `--json` both ways of
//! ending are one envelope on standard output, versioned by its `schema`.

mod envelope;
mod progress;
mod style;
mod table;
mod text;

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::Value;

pub(crate) use self::progress::Progress;
pub(crate) use self::table::table;
pub(crate) use self::text::{harmless, without_commands};

use self::style::Style;
use crate::args::{Colour, Global};
use crate::env_vars;
use crate::exit_code::Exit;
use crate::finding::Finding;

/// What a command has to say when it did what it was asked.
pub(crate) struct Answer {
    /// For people: whole lines, or nothing.
    pub(crate) text: String,
    /// The same for programs.
    pub(crate) data: Value,
    /// What else there is to say, whatever its severity: the command worked in spite of it.
    pub(crate) warnings: Vec<Finding>,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What is wrong; the first is the main reason.
    pub(crate) errors: Vec<Finding>,
    /// What else there is to say.
    pub(crate) warnings: Vec<Finding>,
}

impl Refusal {
    /// One reason.
    pub(crate) fn new(exit: Exit, error: impl Into<Finding>) -> Self {
        Self { exit, errors: vec![error.into()], warnings: Vec::new() }
    }
}

impl From<Finding> for Refusal {
    fn from(error: Finding) -> Self {
        Self::new(Exit::Failure, error)
    }
}

/// How a command ended.
pub(crate) enum Outcome {
    /// It says this, once.
    Answered(Answer),
    /// It says this, and an error is among the warnings: it did its work and does not like the result.
    Objected(Answer),
    /// It said everything while it ran.
    Ended(Exit),
}

/// How a command ends.
pub(crate) type CommandResult = Result<Outcome, Refusal>;

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answered(answer)
    }
}

/// Where and how to print.
#[derive(Clone)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    style: Style,
}

impl Output {
    /// Prints the way the arguments ask for.
    pub(crate) fn new(global: &Global) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let colour = match global.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                io::stderr().is_terminal() && !is_dumb && !is_set(env_vars::NO_COLOR.name)
            }
        };
        Self { json: global.json, quiet: global.quiet, style: Style::new(colour) }
    }

    /// Whether programs read standard output.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether there are colours on standard error.
    pub(crate) fn is_colourful(&self) -> bool {
        self.style.is_colourful()
    }

    /// Writes data to standard output at once, as it stands.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes text to standard output at once; to a terminal, without what could command it.
    pub(crate) fn write_for_people(&self, text: &str) -> io::Result<()> {
        match io::stdout().is_terminal() {
            true => self.write(&without_commands(text)),
            false => self.write(text),
        }
    }

    /// Writes bytes to standard output at once, as they stand.
    pub(crate) fn pass(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Writes bytes to standard error, as they stand.
    pub(crate) fn pass_error(&self, bytes: &[u8]) {
        // There is nobody left to tell when this fails.
        let _ = io::stderr().lock().write_all(bytes);
    }

    /// Writes the envelope of an answer.
    pub(crate) fn write_envelope(&self, command: &str, answer: &Answer) -> io::Result<()> {
        self.write(&envelope::of_answer(command, answer))
    }

    /// Writes errors, and warnings unless they are not wanted, to standard error.
    pub(crate) fn report(&self, findings: &[Finding]) {
        let wanted = findings.iter().filter(|finding| finding.is_error() || !self.quiet);
        let text: String = wanted.map(|finding| self.style.render(finding)).collect();
        // There is nobody left to tell when this fails.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Writes a note for people, which is neither data nor a finding, to standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    fn answer(&self, command: &str, answer: &Answer) -> io::Result<()> {
        if self.json {
            return self.write_envelope(command, answer);
        }
        let written = self.write(&answer.text);
        self.report(&answer.warnings);
        written
    }

    /// Says how the command ended. A reader of standard output that went away is no failure.
    pub(crate) fn conclude(&self, command: &str, result: CommandResult) -> Exit {
        let (exit, written) = match result {
            Ok(Outcome::Ended(exit)) => return exit,
            Ok(Outcome::Answered(answer)) => (Exit::Success, self.answer(command, &answer)),
            Ok(Outcome::Objected(answer)) if self.json => {
                (Exit::Failure, self.write(&envelope::of_objection(command, &answer)))
            }
            Ok(Outcome::Objected(answer)) => (Exit::Failure, self.answer(command, &answer)),
            Err(refusal) if self.json => {
                (refusal.exit, self.write(&envelope::of_refusal(command, &refusal)))
            }
            Err(refusal) => {
                self.report(&refusal.warnings);
                self.report(&refusal.errors);
                (refusal.exit, Ok(()))
            }
        };
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.report(&[unwritable(&error)]);
                Exit::Failure
            }
            _ => exit,
        }
    }
}

/// Standard output cannot be written to.
pub(crate) fn unwritable(error: &io::Error) -> Finding {
    Finding::error("LDR-OUTPUT", format!("cannot write to standard output: {error}"))
        .hint("see that the disk is not full and that standard output is open")
}
