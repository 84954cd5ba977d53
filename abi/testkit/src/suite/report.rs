//! What came of a run.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plugin's folder.
    pub path: PathBuf,
    /// Every promise that was asked, in order.
    pub cases: Vec<Case>,
}

/// One promise that was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Which one.
    #[serde(flatten)]
    pub under: Under,
    /// What came of it.
    pub outcome: Outcome,
    /// What happened, or why it was not asked; empty where it is kept.
    pub message: String,
    /// What to change; empty where it is kept.
    pub hint: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// Which promise of which capability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Under {
    /// The plugin's id.
    pub plugin: String,
    /// The contract, or `plugin` for what every plugin promises.
    pub contract: String,
    /// The capability's id.
    pub capability: String,
    /// The promise's name.
    pub name: String,
}

impl Under {
    /// The group it is asked in.
    pub fn group(&self) -> String {
        format!("{} {}:{}", self.plugin, self.contract, self.capability)
    }
}

/// What came of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is kept.
    Passed,
    /// It is not.
    Failed,
    /// Nobody can say: something that it needs is not here.
    Skipped,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Promises that are kept.
    pub passed: usize,
    /// Promises that are not.
    pub failed: usize,
    /// Promises that could not be asked.
    pub skipped: usize,
}

impl Counts {
    /// How many of these.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            *match case.outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Skipped => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

impl Report {
    /// How many of each.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.cases)
    }

    /// Whether no promise is broken.
    pub fn is_clean(&self) -> bool {
        self.counts().failed == 0
    }

    /// The promises that are broken.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.outcome == Outcome::Failed)
    }
}
