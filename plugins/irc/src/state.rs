//! What one generation of the plugin hands over to the next.
//!
//! Plain data only, and no secret that was revealed: settings are handed over as the operator wrote
//! them. Connections stay with the host, under the accounts' names.

use crate::{
    account::{Outcome, Report},
    backoff::Backoff,
    framing::Framing,
    pace::Pace,
    session::Standing,
    split::Room,
};
use loader_sdk::{prelude::*, schemars};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every account's name, and what belongs to it.
#[state(version = 1)]
pub struct Accounts {
    pub(crate) entries: BTreeMap<String, SavedEntry>,
}

/// What belongs to an account's name.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct SavedEntry {
    /// What was sent or is to be sent for which idempotency key, the oldest first.
    pub(crate) sent: Vec<SavedTicket>,
    pub(crate) account: Option<SavedAccount>,
}

/// What became of one idempotency key.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct SavedTicket {
    pub(crate) key: String,
    /// None while it waits to be sent.
    pub(crate) outcome: Option<Outcome>,
}

/// One account at rest.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct SavedAccount {
    /// The settings as they were given.
    pub(crate) config: Value,
    pub(crate) status: AccountStatus,
    pub(crate) room: Option<Room>,
    pub(crate) online_since_ns: Option<u64>,
    pub(crate) overlong_lines: u64,
    /// What is not written yet, in order.
    pub(crate) jobs: Vec<SavedJob>,
    /// What the gateway does not know yet, in order.
    pub(crate) reports: Vec<Report>,
    pub(crate) undelivered: u64,
    /// None for an account that has given up.
    pub(crate) progress: Option<Progress>,
}

/// Lines that belong together.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct SavedJob {
    pub(crate) lines: Vec<String>,
    /// How many of them are written.
    pub(crate) written: usize,
    /// The idempotency key; empty where nobody asks what became of them.
    pub(crate) key: String,
}

/// How far an account is on its way to a connection, or with one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct Progress {
    pub(crate) backoff: Backoff,
    /// When the next try comes, on the host's clock that never goes back.
    pub(crate) retry_at_ns: Option<u64>,
    /// The conversation with the server, while there is one.
    pub(crate) talk: Option<Talk>,
}

/// A conversation with a server, between two lines.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub(crate) struct Talk {
    pub(crate) standing: Standing,
    /// With the part of a line that was read.
    pub(crate) framing: Framing,
    pub(crate) pace: Pace,
}
