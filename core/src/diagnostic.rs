//! What the engine has to say about files, plugins and configuration: one shape everywhere.

use loader_contract::objection::Objection;
use serde::Serialize;
use std::{
    any::Any,
    fmt,
    path::{Path, PathBuf},
};
use tokio::task::JoinError;

/// One finding: a stable code, what and where, and the command or edit that mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable code such as `LDR-MANIFEST-KEY`. Every code has a page in `docs/errors/`.
    pub code: &'static str,
    /// Whether it stops the plugin.
    pub severity: Severity,
    /// What was found, and why it matters: one sentence without secrets.
    pub message: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The plugin it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The exact command or edit that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Warning,
    /// The plugin is not served, or the request is refused.
    Error,
}

/// A place in a file; line and column count from one, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file or folder.
    pub path: PathBuf,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Diagnostic {
    /// A finding that stops the plugin.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            plugin: None,
            hint: None,
        }
    }

    /// A finding worth knowing.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds the file or folder.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.place = Some(Place { path: path.to_owned(), line: None, column: None });
        self
    }

    /// Adds the file and the line.
    #[must_use]
    pub fn at_line(mut self, path: &Path, line: usize) -> Self {
        self.place = Some(Place { path: path.to_owned(), line: Some(line), column: None });
        self
    }

    /// Adds the file, line and column of a byte offset into its text.
    #[must_use]
    pub fn at_offset(mut self, path: &Path, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.place = Some(Place { path: path.to_owned(), line: Some(line), column: Some(column) });
        self
    }

    /// Adds the plugin it is about.
    #[must_use]
    pub fn about(mut self, plugin: impl Into<String>) -> Self {
        self.plugin = Some(plugin.into());
        self
    }

    /// Adds what mends it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What a task of the host's says that did not come to its end.
    pub fn panicked(what: &str, ended: JoinError) -> Self {
        let why = match ended.try_into_panic() {
            Ok(panic) => format!("{what} panicked: {}", said_by(&*panic)),
            Err(_) => format!("{what} did not end before the program did"),
        };
        Self::error("LDR-INTERNAL", why)
    }

    /// Whether it stops the plugin.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<Objection> for Diagnostic {
    /// What a contract has to say against a capability. What a later host may know stops no plugin.
    fn from(Objection { code, message, hint, is_for_later }: Objection) -> Self {
        let finding = match is_for_later {
            true => Self::warning(code, message),
            false => Self::error(code, message),
        };
        finding.hint(hint)
    }
}

/// What a panic says.
pub(crate) fn said_by(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why")
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(formatter, ":{column}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    /// `CODE: message [place]`, without the hint.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)?;
        match &self.place {
            Some(place) => write!(formatter, " [{place}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_its_own_words() {
        let number = 7;
        for (panic, said) in [
            (tokio::task::spawn_blocking(|| panic!("a text")), "a text"),
            (tokio::task::spawn_blocking(move || panic!("text {number}")), "text 7"),
            (tokio::task::spawn_blocking(|| std::panic::panic_any(7)), "it does not say why"),
        ] {
            let ended: JoinError = panic.await.map(|()| "an end").expect_err("it panicked");
            let finding = Diagnostic::panicked("the work", ended);
            assert_eq!(finding.to_string(), format!("LDR-INTERNAL: the work panicked: {said}"));
        }
    }
}
