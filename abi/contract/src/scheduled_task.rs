//! `scheduled-task/1`: work the host has done every so often.
//!
//! One method, `run`: answers [`RunReport`]. A run that fails is counted and told, and the next one
//! comes in its time. When and how often is said by the manifest's attributes, and may be said
//! otherwise by the operator under `tasks.<id>`.
//!
//! The host serves the same contract: `list` answers every task ([`TaskList`]), `run` runs one now,
//! and a plugin may have one of its own tasks run once at a later time (`plan`, [`Plan`]).

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "scheduled-task/1";

/// Methods.
pub mod method {
    /// Does the work once.
    pub const RUN: &str = "run";
    /// Every task and how its runs went; answered by the host.
    pub const LIST: &str = "list";
    /// Has a task of the caller's own run once, later; answered by the host.
    pub const PLAN: &str = "plan";
}

/// The longest interval: a year.
const MAX_MS: i64 = 365 * 24 * 3600 * 1000;

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-TASK",
    methods: &[Method::call(method::RUN, "Does the work once.")],
    host_methods: &[
        Method::call(method::LIST, "Every task and how its runs went.").idempotent(),
        Method::call(method::PLAN, "Has a task of the caller's own run once, later."),
    ],
    attributes: &[
        Attribute::new("about", Form::Text, "What the task does."),
        Attribute::new(
            "interval_ms",
            Form::Integer(0, MAX_MS),
            "Milliseconds from one run's time to the next; 0 or none: only when asked.",
        ),
        Attribute::new(
            "jitter_ms",
            Form::Integer(0, MAX_MS),
            "Up to so many milliseconds, by chance, are added to each wait.",
        ),
        Attribute::new(
            "skip_initial_run",
            Form::Boolean,
            "Whether the first run waits for one interval instead of coming at once.",
        ),
        Attribute::new(
            "overlap",
            Form::Word(&["skip", "queue", "allow"]),
            "What becomes of a run whose time comes while one goes on: left out (the default), done \
             right after, or done beside it.",
        ),
        Attribute::new(
            "timeout_ms",
            Form::Integer(1, MAX_MS),
            "The longest a run may take, in milliseconds.",
        ),
    ],
    ..Contract::new(CONTRACT, Class::Surface, "Works every so often.")
};

contract_types! {
    /// The request of `run`.
    #[derive(Default)]
    pub struct Run {
        /// The task's id, where the host is asked; empty where a plugin is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub task: String,
        /// When it was due, in milliseconds since 1970.
        #[serde(default)]
        pub due_ms: u64,
        /// Which run it is since the gateway started, from 1 on.
        #[serde(default)]
        pub number: u64,
    }

    /// The answer to `run`.
    #[derive(Default)]
    pub struct RunReport {
        /// One sentence for people.
        #[serde(default)]
        pub output: String,
    }

    /// The request of `plan`.
    #[derive(Default)]
    pub struct Plan {
        /// The task's id: one of the caller's.
        pub task: String,
        /// In how many milliseconds.
        #[serde(default)]
        pub after_ms: u64,
    }

    /// The host's answer to `list`.
    #[derive(Default)]
    pub struct TaskList {
        /// The tasks by id.
        #[serde(default)]
        pub tasks: Vec<ListedTask>,
    }

    /// One task and how its runs went.
    #[derive(Default)]
    pub struct ListedTask {
        /// Its capability id.
        pub id: String,
        /// The plugin.
        pub plugin: String,
        /// Whether it runs by itself.
        pub enabled: bool,
        /// Milliseconds from one run's time to the next.
        #[serde(default)]
        pub interval_ms: u64,
        /// Whether a run goes on now.
        #[serde(default)]
        pub running: bool,
        /// Runs that went well.
        #[serde(default)]
        pub ok: u64,
        /// Runs that did not.
        #[serde(default)]
        pub failed: u64,
        /// Runs that were left out because one went on.
        #[serde(default)]
        pub skipped: u64,
        /// When the next one is due, in milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next_ms: Option<u64>,
        /// When the last one began, in milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_ms: Option<u64>,
        /// What the last one said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub last_output: String,
        /// Why the last one that failed did.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub last_error: String,
    }
}
