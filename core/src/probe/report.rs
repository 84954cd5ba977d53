//! What the child tells the host: one line of JSON for each step.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// Who says it: a process that a constructor forked off goes on like the child itself.
    pub(super) process: u32,
    /// What happened.
    pub(super) step: Step,
}

/// What happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// The library is opened next.
    Opening,
    /// Its constructors have run.
    Opened,
    /// Its interface is the host's.
    Accepted,
    /// It cannot be opened, or its interface is another.
    Refused {
        /// The code of the refusal.
        code: String,
        /// Why.
        message: String,
        /// What mends it.
        hint: String,
    },
    /// It opened, and did to the process what no library may do.
    Spoiled(String),
}
