//! Where a value came from: the layer, and the place in it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The layers of configuration, each of which overrides the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layer {
    /// What the program does when nobody says otherwise.
    Default,
    /// The file of this machine's administrator.
    System,
    /// The file of the user who runs the program.
    User,
    /// `loader.toml` in the working directory.
    Project,
    /// The file that `--config` names, in place of the project's.
    Named,
    /// `LOADER__…` variables.
    Environment,
    /// Flags on the command line.
    Flag,
}

impl Layer {
    /// Whether this layer may say where code comes from and whom to trust. A working directory and
    /// an environment are easily someone else's; the other layers were written or named by the
    /// operator.
    pub(crate) fn is_trusted(self) -> bool {
        !matches!(self, Layer::Project | Layer::Environment)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Layer::Default => "default",
            Layer::System => "system",
            Layer::User => "user",
            Layer::Project => "project",
            Layer::Named => "named",
            Layer::Environment => "environment",
            Layer::Flag => "flag",
        })
    }
}

/// Where one value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    /// The layer that set the value.
    pub(crate) layer: Layer,
    /// The file, when the layer is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// The line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// The column in the line, in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
    /// The variable, when the layer is the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variable: Option<String>,
}

impl Origin {
    /// A layer that has no places in it: the defaults and the flags.
    pub(crate) fn of_layer(layer: Layer) -> Self {
        Self { layer, file: None, line: None, column: None, variable: None }
    }

    /// A file as a whole.
    pub(crate) fn of_file(layer: Layer, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..Self::of_layer(layer) }
    }

    /// An environment variable.
    pub(crate) fn of_variable(name: &str) -> Self {
        Self { variable: Some(name.to_owned()), ..Self::of_layer(Layer::Environment) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.layer)?;
        if let Some(file) = &self.file {
            write!(formatter, " {}", file.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(formatter, ":{line}:{column}")?;
            }
        }
        if let Some(variable) = &self.variable {
            write!(formatter, " {variable}")?;
        }
        Ok(())
    }
}
