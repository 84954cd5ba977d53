//! Catalogues: index files of somebody's choice that say where packages are.
//!
//! A catalogue is a TOML or JSON file, on this machine or on a server. There is none in the program,
//! and none is asked that the configuration does not name.
//!
//! ```toml
//! [[entries]]
//! id = "hello"
//! version = "1.0.0"
//! description = "Says hello"
//! url = "hello-1.0.0.ldr"    # relative to the catalogue
//! sha256 = "5d41…"
//! platforms = ["linux-x86_64"]
//! ```
//!
//! An entry with an address has the digest of what is there, so that the catalogue vouches for the
//! bytes. Keys nobody knows are left to later versions.

mod choice;
mod entry;

pub use choice::{Found, choose, search};
pub use entry::{Entry, Location};

use super::{Address, Fetcher, Limits};
use crate::{diagnostic::Diagnostic, folder::shell_word};
use serde_json::Value;
use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// A longer catalogue is refused.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The names its list of entries goes by; the first is the one to use.
const LISTS: [&str; 3] = ["entries", "packages", "plugins"];

/// Where a catalogue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueSource {
    /// A file on this machine.
    File(PathBuf),
    /// A file on a server.
    Web(Address),
}

/// What one index file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// Where it is.
    pub source: CatalogueSource,
    /// Its packages, in its own order.
    pub entries: Vec<Entry>,
}

/// What [`Catalogue::parse`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The catalogue; `None` when a diagnostic is an error.
    pub catalogue: Option<Catalogue>,
    /// Everything there is to say: entries that cannot be used are left out with a warning.
    pub diagnostics: Vec<Diagnostic>,
}

impl CatalogueSource {
    /// Reads what the configuration says: the path of a file, or an address.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        match text.contains("://") {
            true => text.parse().map(Self::Web),
            false => Ok(Self::File(PathBuf::from(text))),
        }
    }

    fn is_json(&self) -> bool {
        match self {
            Self::File(path) => path.extension().is_some_and(|end| end == "json"),
            Self::Web(address) => address.file_name().ends_with(".json"),
        }
    }

    /// What findings about it name. An address is no path, but it says where.
    fn place(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for CatalogueSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Web(address) => write!(formatter, "{address}"),
        }
    }
}

impl Catalogue {
    /// Reads the file or fetches it.
    pub async fn load(source: CatalogueSource, fetcher: &Fetcher) -> Parsed {
        let read = match &source {
            CatalogueSource::File(path) => read(path),
            CatalogueSource::Web(address) => {
                let limits = Limits { bytes: MAX_BYTES, time: Duration::from_secs(60) };
                fetcher.bytes(address, limits).await
            }
        };
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| {
                let message = "the catalogue is not UTF-8";
                syntax(message.to_owned()).at(&source.place())
            })
        });
        match text {
            Ok(text) => Self::parse(source, &text),
            Err(refusal) => Parsed { catalogue: None, diagnostics: vec![refusal] },
        }
    }

    /// Reads a catalogue from text. Nothing is opened.
    pub fn parse(source: CatalogueSource, text: &str) -> Parsed {
        let place = source.place();
        let entries =
            document(&source, text).and_then(|document| list(document).map_err(|e| e.at(&place)));
        let listed = match entries {
            Ok(entries) => entries,
            Err(refusal) => return Parsed { catalogue: None, diagnostics: vec![refusal] },
        };
        let mut entries = Vec::new();
        let mut diagnostics = Vec::new();
        for (position, value) in listed.iter().enumerate() {
            match Entry::read(&source, value) {
                Ok(entry) => entries.push(entry),
                Err(why) => {
                    let message = format!("entry {} is left out: {why}", position + 1);
                    let warning = Diagnostic::warning("LDR-CATALOGUE-ENTRY", message).at(&place);
                    diagnostics.push(warning.hint("tell whoever keeps the catalogue"));
                }
            }
        }
        Parsed { catalogue: Some(Self { source, entries }), diagnostics }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let message = format!("the catalogue cannot be read: {error}");
        Diagnostic::error("LDR-CATALOGUE-READ", message).at(path).hint(format!(
            "look what is there: ls -l {}; or correct `plugins.catalogues`",
            shell_word(path)
        ))
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("the catalogue has more than {MAX_BYTES} bytes");
        let hint = "see whether `plugins.catalogues` names the right file";
        return Err(Diagnostic::error("LDR-CATALOGUE-READ", message).at(path).hint(hint));
    }
    Ok(bytes)
}

fn document(source: &CatalogueSource, text: &str) -> Result<Value, Diagnostic> {
    let place = source.place();
    if source.is_json() {
        return serde_json::from_str(text).map_err(|error| {
            let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
            let line_start: usize = lines.map(str::len).sum();
            let at = text.floor_char_boundary(line_start + error.column().saturating_sub(1));
            let what = error.to_string();
            let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
            let message = format!("this is not JSON: {}", what.escape_debug());
            syntax(message).at_offset(&place, text, at)
        });
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(text.len(), |span| span.start);
        let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("this is not TOML: {}", what.escape_debug());
        syntax(message).at_offset(&place, text, at)
    })
}

fn list(mut document: Value) -> Result<Vec<Value>, Diagnostic> {
    let found = LISTS.iter().find_map(|name| document.get_mut(*name).map(Value::take));
    match found {
        Some(Value::Array(entries)) => Ok(entries),
        _ => {
            let message = "the catalogue has no list `entries`";
            Err(Diagnostic::error("LDR-CATALOGUE-SHAPE", message)
                .hint("see whether `plugins.catalogues` names the right file"))
        }
    }
}

fn syntax(message: String) -> Diagnostic {
    Diagnostic::error("LDR-CATALOGUE-SYNTAX", message)
        .hint("correct it, or tell whoever keeps the catalogue; what ends in `.json` is JSON, all else TOML")
}

#[cfg(test)]
mod tests;
