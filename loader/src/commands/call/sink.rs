//! Where the bytes of an answer go: to standard output, or to a file that is there whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, Outcome, Output, unwritable};

/// Where the bytes of an answer go.
pub(super) struct Sink<'a> {
    path: Option<&'a Path>,
    output: &'a Output,
    file: Target,
    head: Value,
    bytes: u64,
}

enum Target {
    Stdout,
    /// Beside the file, whose place it takes in the end.
    Draft(NamedTempFile),
    /// A pipe or a device, which nothing can take the place of.
    Special(File),
}

impl<'a> Sink<'a> {
    pub(super) fn new(path: Option<&'a Path>, output: &'a Output) -> Self {
        Self { path, output, file: Target::Stdout, head: Value::Null, bytes: 0 }
    }

    /// Bytes of this media type follow, of which the contract says something.
    pub(super) fn begin(&mut self, media: Option<&str>, head: &[u8]) -> Result<(), Finding> {
        self.head = serde_json::from_slice(head).unwrap_or_default();
        if let Some(path) = self.path {
            self.file = open(path).map_err(|error| unwritten(path, &error))?;
            return Ok(());
        }
        let why = if self.output.is_json() && media.is_some() {
            "the bytes and the JSON would both go to standard output"
        } else if media.is_some_and(is_binary) && io::stdout().is_terminal() {
            "the answer is no text and standard output is a terminal"
        } else {
            return Ok(());
        };
        Err(Finding::error("LDR-CALL-BINARY", why).hint("name a file: --output FILE"))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Finding> {
        self.bytes += bytes.len() as u64;
        let written = match &mut self.file {
            Target::Draft(draft) => draft.write_all(bytes),
            Target::Special(file) => file.write_all(bytes),
            Target::Stdout if io::stdout().is_terminal() => {
                let text = String::from_utf8_lossy(bytes);
                return self.output.write_for_people(&text).map_err(|error| unwritable(&error));
            }
            Target::Stdout => return self.output.pass(bytes).map_err(|error| unwritable(&error)),
        };
        written.map_err(|error| unwritten(self.path.unwrap_or(Path::new("")), &error))
    }

    /// That was all: the file takes its place.
    pub(super) fn end(self) -> Result<Outcome, Finding> {
        let Some(path) = self.path else { return Ok(Outcome::Ended(Exit::Success)) };
        match self.file {
            Target::Stdout => return Ok(Outcome::Ended(Exit::Success)),
            Target::Special(_) => {}
            Target::Draft(draft) => {
                draft.persist(path).map_err(|failed| unwritten(path, &failed.error))?;
            }
        }
        let text = format!("wrote {} bytes to {}\n", self.bytes, path.display());
        let data = json!({ "file": path, "bytes": self.bytes, "head": self.head });
        Ok(Answer { text, data, warnings: Vec::new() }.into())
    }
}

fn open(path: &Path) -> io::Result<Target> {
    if path.metadata().is_ok_and(|present| !present.is_file()) {
        return File::options().write(true).open(path).map(Target::Special);
    }
    // Through a link, so that the link goes on being one.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // As any other new file, and not as one that nobody else may see.
    builder.prefix(".loader-").permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder.unwrap_or(Path::new("."))).map(Target::Draft)
}

fn is_binary(media: &str) -> bool {
    !media.starts_with("text/") && !media.starts_with("application/json")
}

fn unwritten(path: &Path, error: &io::Error) -> Finding {
    Finding::error("LDR-CALL-OUTPUT", format!("cannot write: {error}"))
        .at(path)
        .hint("name another file: --output FILE")
}
