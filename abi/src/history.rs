//! What each version of this interface added, as data: `loader abi explain` tells two versions apart
//! with it.
//!
//! Whoever raises the minor version appends one [`Release`] here, in the same change that appends the
//! fields and methods and records them in `layout.snap`; `tests/history.rs` fails until the last
//! entry is this version. A release that is out is never edited.

/// One version of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Major and minor.
    pub version: (u32, u32),
    /// What it added, as `Type.field` or `Trait.method`.
    pub added: &'static [&'static str],
}

/// Every version, the oldest first.
pub const RELEASES: &[Release] = &[Release {
    version: (1, 0),
    added: &[
        "PluginRoot.facts",
        "PluginRoot.create",
        "Plugin.call",
        "Plugin.open",
        "Host.call",
        "Host.open",
        "Host.emit",
        "Host.enabled",
    ],
}];
