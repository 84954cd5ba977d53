//! Whom and what the operator trusts: everything vetting decides by besides the files themselves.
//!
//! [`Trust`] is policy and comes from the operator's configuration. [`Records`] is memory: what this
//! machine learnt about single digests and plugins, one small file for each fact.

pub mod lock;
mod marks;
mod quarantine;
mod records;
pub mod release;
pub mod signature;

pub use marks::Mark;
pub use quarantine::{CrashRecord, Phase, ProbeRecord, QuarantineRecord};
pub use records::{DenialRecord, Records};
pub use release::Release;

use crate::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// What the operator demands of plugins, whoever made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Whether files that other users could have changed are refused. Leave it on.
    pub check_permissions: bool,
    /// The users who may own files besides the superuser and the one the host runs as.
    pub owners: BTreeSet<u32>,
    /// Libraries that plugins may need, by name, besides those of the C run-time system.
    pub libraries: BTreeSet<String>,
    /// Whether a plugin must be signed, if its publisher's entry does not say it.
    pub signatures: Signatures,
    /// Whose signatures count, and for which plugins.
    pub publishers: BTreeMap<String, Publisher>,
    /// Bytes that never run, whatever else speaks for them, and why.
    pub denied: BTreeMap<Digest, String>,
    /// Whether plugins nobody installed may be loaded from a folder that `plugins install` manages.
    pub untracked: Untracked,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            check_permissions: true,
            owners: BTreeSet::new(),
            libraries: BTreeSet::new(),
            signatures: Signatures::Optional,
            publishers: BTreeMap::new(),
            denied: BTreeMap::new(),
            untracked: Untracked::Warn,
        }
    }
}

/// Whether a plugin must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signatures {
    /// A signature is checked where there is one from a publisher that is known.
    #[default]
    Optional,
    /// What no known publisher signed is refused. Bundled plugins are the program's own and exempt.
    Required,
}

/// Whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publisher {
    /// minisign public keys in base64; more than one while a key is being replaced.
    pub keys: Vec<String>,
    /// Ids of the plugins it may sign; a `*` at the end stands for any ending. Empty means any.
    pub plugins: Vec<String>,
    /// Whether its plugins must be signed.
    pub signatures: Signatures,
}

impl Publisher {
    /// Whether it may sign the plugin, or the pack, of this id.
    pub fn may_sign(&self, id: &str) -> bool {
        let covers = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => pattern == id,
        };
        self.plugins.is_empty() || self.plugins.iter().any(covers)
    }
}

/// What becomes of plugins nobody installed, in a folder that `plugins install` manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Untracked {
    /// They are loaded with a warning.
    #[default]
    Warn,
    /// They are refused.
    Refuse,
}
