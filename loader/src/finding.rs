//! One thing there is to say: an error or a warning, from whichever part of the program.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use loader_abi::class;
use loader_core::diagnostic::{Diagnostic, Place, Severity};
use loader_core::discovery::Origin;
use loader_core::message::Failure;
use serde::Serialize;
use serde_json::Value;

use crate::settings::Problem;

/// An error or a warning: a stable code, what and where, and what mends it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// A stable code such as `LDR-TOKEN-MODE`. The contracts' codes are in lower case.
    pub(crate) code: Cow<'static, str>,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What was found, in one sentence.
    pub(crate) message: String,
    /// Where, if it is in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<Place>,
    /// Where something was looked for in vain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) looked_in: Vec<Looked>,
    /// The plugin it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// The exact command or edit that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What kind of error a call met; empty for what was no call.
    #[serde(skip)]
    pub(crate) class: Cow<'static, str>,
}

/// A folder in which something was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Looked {
    /// The folder.
    pub(crate) path: PathBuf,
    /// Who named it.
    pub(crate) origin: Origin,
    /// What came of it: the end of a sentence that begins with the folder.
    pub(crate) outcome: String,
}

impl Finding {
    /// Something that keeps the program from doing what it was asked.
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::error(code, message).into()
    }

    /// Something worth knowing.
    pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::warning(code, message).into()
    }

    /// One that another loader said, as its JSON is. Nothing when it is none.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        let place = value["place"]["path"].as_str().map(|path| Place {
            path: path.into(),
            line: number(&value["place"]["line"]),
            column: number(&value["place"]["column"]),
        });
        let severity = match value["severity"].as_str()? {
            "error" => Severity::Error,
            _ => Severity::Warning,
        };
        Some(Self {
            code: text(&value["code"])?.into(),
            severity,
            message: text(&value["message"])?,
            place,
            looked_in: Vec::new(),
            plugin: text(&value["plugin"]),
            hint: text(&value["hint"]),
            class: "".into(),
        })
    }

    /// Says in which file or folder it is.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.place = Some(Place { path: path.to_owned(), line: None, column: None });
        self
    }

    /// Says what mends it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, as something that stops nobody.
    pub(crate) fn weakened(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Whether it is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { code, severity, message, place, plugin, hint } = diagnostic;
        let hint = hint.filter(|hint| !hint.is_empty());
        let (code, looked_in) = (code.into(), Vec::new());
        Self { code, severity, message, place, looked_in, plugin, hint, class: "".into() }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let place =
            problem.file.map(|path| Place { path, line: problem.line, column: problem.column });
        Self {
            code: problem.code.into(),
            severity: match problem.severity {
                crate::settings::Severity::Error => Severity::Error,
                crate::settings::Severity::Warning => Severity::Warning,
            },
            message: problem.message,
            place,
            looked_in: Vec::new(),
            plugin: None,
            hint: problem.hint,
            class: "".into(),
        }
    }
}

impl From<Failure> for Finding {
    fn from(failure: Failure) -> Self {
        Self {
            plugin: failure.origin.strip_prefix("plugin:").map(str::to_owned),
            code: failure.code.into(),
            severity: Severity::Error,
            message: failure.message,
            place: None,
            looked_in: Vec::new(),
            hint: Some(failure.hint).filter(|hint| !hint.is_empty()),
            class: class::name(failure.class).into(),
        }
    }
}
