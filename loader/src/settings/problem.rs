//! One thing that is wrong with the configuration, said so that it can be mended.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::origin::Origin;

/// The stable codes of configuration problems.
pub(crate) mod code {
    /// A file is missing, unreadable, too large or not UTF-8.
    pub(crate) const FILE: &str = "LDR-CFG-FILE";
    /// A file is not valid TOML.
    pub(crate) const SYNTAX: &str = "LDR-CFG-SYNTAX";
    /// A key is not known; it is ignored.
    pub(crate) const UNKNOWN_KEY: &str = "LDR-CFG-UNKNOWN-KEY";
    /// A value has the wrong type.
    pub(crate) const TYPE: &str = "LDR-CFG-TYPE";
    /// A value has the right type but cannot be used.
    pub(crate) const VALUE: &str = "LDR-CFG-VALUE";
    /// A key is not honoured from where it was set; it is ignored.
    pub(crate) const UNTRUSTED: &str = "LDR-CFG-UNTRUSTED";
    /// A `${VAR}` names a variable that is not set, or is malformed.
    pub(crate) const REFERENCE: &str = "LDR-CFG-REFERENCE";
    /// An environment variable or a flag does not name a setting.
    pub(crate) const NAME: &str = "LDR-CFG-NAME";
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// The configuration cannot be used.
    Error,
    /// Part of the configuration was ignored.
    Warning,
}

/// One thing that is wrong: a stable code, where, why, and how to mend it.
///
/// The text never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// One of [`code`].
    pub(crate) code: &'static str,
    /// Whether the configuration can still be used.
    pub(crate) severity: Severity,
    /// What is wrong and what is wanted, in one line.
    pub(crate) message: String,
    /// The file it is in, if it is in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// The line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// The column in the line, in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Problem {
    /// A problem that makes the configuration unusable.
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A problem that leaves the configuration usable.
    pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    fn new(code: &'static str, severity: Severity, message: String) -> Self {
        Self { code, severity, message, file: None, line: None, column: None, hint: None }
    }

    /// Says where the problem is. A place that is no file is named in the message instead.
    pub(crate) fn at(mut self, origin: &Origin) -> Self {
        if origin.file.is_none() {
            self.message = format!("{} ({origin})", self.message);
        }
        self.file = origin.file.clone();
        self.line = origin.line;
        self.column = origin.column;
        self
    }

    /// Says what to do about the problem.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it is about a key that nobody knows.
    pub(crate) fn is_unknown_key(&self) -> bool {
        self.code == code::UNKNOWN_KEY
    }

    /// Whether the configuration cannot be used because of this.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{severity}[{}]: {}", self.code, self.message)?;
        if let Some(file) = &self.file {
            write!(formatter, "\n  --> {}", file.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(formatter, ":{line}:{column}")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
