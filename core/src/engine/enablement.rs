//! Which plugins are switched on, and which setting says so.
//!
//! The first of these that speaks of a plugin decides:
//!
//! 1. `plugins.enabled = false`: none is on;
//! 2. `plugins.deny` names it: it is blocked;
//! 3. `plugins.allow` has names, and not this one: it is blocked;
//! 4. `plugins.slots` speaks of the slot it fills: it is selected, or off because another is;
//! 5. `plugins.entries.<id>.enabled`;
//! 6. `plugins.allow` names it: it is on;
//! 7. a plugin of a workspace is off, every other is on.

use crate::discovery::{Candidate, Origin};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which plugins may be loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enablement {
    /// No plugin at all.
    pub none: bool,
    /// If not empty, only these.
    pub allow: BTreeSet<String>,
    /// Never these.
    pub deny: BTreeSet<String>,
    /// Which plugin fills a slot that only one can fill; `none` for nobody.
    pub slots: BTreeMap<String, String>,
    /// Plugins that are switched on or off one by one.
    pub entries: BTreeMap<String, bool>,
}

/// Whether a plugin is switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it may be loaded.
    pub enabled: bool,
    /// What that makes of it.
    pub outcome: SwitchedTo,
    /// The setting that decided, by its dotted key; `None` when none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// The same in words.
    pub reason: String,
}

/// What became of a plugin when the settings were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchedTo {
    /// On.
    Enabled,
    /// Off.
    Disabled,
    /// Off, and its own entry cannot switch it on.
    Blocked,
    /// On, as the one that fills its slot.
    Selected,
}

impl Enablement {
    /// Decides whether a plugin is switched on.
    pub fn decide(&self, candidate: &Candidate) -> Decision {
        self.decide_for(candidate.id(), candidate.spec().slot.as_deref(), candidate.origin())
    }

    /// The same for a plugin of which only this is known.
    pub fn decide_for(&self, id: &str, slot: Option<&str>, origin: Origin) -> Decision {
        if self.none {
            return blocked("plugins.enabled", "plugins.enabled = false".into());
        }
        if self.deny.contains(id) {
            return blocked("plugins.deny", format!("plugins.deny names `{id}`"));
        }
        let is_allowed = self.allow.contains(id);
        if !is_allowed && !self.allow.is_empty() {
            return blocked("plugins.allow", format!("plugins.allow does not name `{id}`"));
        }
        if let Some((slot, chosen)) = slot.and_then(|slot| self.slots.get_key_value(slot)) {
            let setting = format!("plugins.slots.{slot}");
            let reason = format!("{setting} = \"{chosen}\"");
            return match chosen.as_str() {
                chosen if chosen == id => decision(SwitchedTo::Selected, Some(setting), reason),
                // Another plugin, or `none`.
                _ => decision(SwitchedTo::Disabled, Some(setting), reason),
            };
        }
        if let Some(enabled) = self.entries.get(id) {
            let setting = format!("plugins.entries.{id}.enabled");
            let reason = format!("{setting} = {enabled}");
            let outcome = if *enabled { SwitchedTo::Enabled } else { SwitchedTo::Disabled };
            return decision(outcome, Some(setting), reason);
        }
        if is_allowed {
            let reason = format!("plugins.allow names `{id}`");
            return decision(SwitchedTo::Enabled, Some("plugins.allow".into()), reason);
        }
        match origin {
            Origin::Workspace => {
                let reason = format!("off by default: plugins.entries.{id}.enabled is not set");
                decision(SwitchedTo::Disabled, None, reason)
            }
            _ => decision(SwitchedTo::Enabled, None, "on by default".into()),
        }
    }
}

fn blocked(setting: &str, reason: String) -> Decision {
    decision(SwitchedTo::Blocked, Some(setting.to_owned()), reason)
}

fn decision(outcome: SwitchedTo, setting: Option<String>, reason: String) -> Decision {
    let enabled = matches!(outcome, SwitchedTo::Enabled | SwitchedTo::Selected);
    Decision { enabled, outcome, setting, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of the table: the settings, the plugin's slot and origin, what becomes of it, and the
    /// setting that decided.
    type Row =
        (fn(&mut Enablement), Option<&'static str>, Origin, SwitchedTo, Option<&'static str>);

    #[test]
    fn settings_decide_in_their_order() {
        use SwitchedTo::{Blocked, Disabled, Enabled, Selected};
        fn names(name: &str) -> BTreeSet<String> {
            [name.to_owned()].into()
        }
        fn slot(chosen: &str) -> BTreeMap<String, String> {
            [("memory".to_owned(), chosen.to_owned())].into()
        }
        fn entry(enabled: bool) -> BTreeMap<String, bool> {
            [("it".to_owned(), enabled)].into()
        }
        let entry_key = Some("plugins.entries.it.enabled");
        let slot_key = Some("plugins.slots.memory");
        let rows: [Row; 16] = [
            (|_| {}, None, Origin::User, Enabled, None),
            (|_| {}, None, Origin::Workspace, Disabled, None),
            (|on| on.none = true, None, Origin::User, Blocked, Some("plugins.enabled")),
            (|on| on.deny = names("it"), None, Origin::User, Blocked, Some("plugins.deny")),
            (|on| on.allow = names("it"), None, Origin::User, Enabled, Some("plugins.allow")),
            (|on| on.allow = names("it"), None, Origin::Workspace, Enabled, Some("plugins.allow")),
            (|on| on.allow = names("other"), None, Origin::User, Blocked, Some("plugins.allow")),
            (|on| on.entries = entry(false), None, Origin::User, Disabled, entry_key),
            (|on| on.entries = entry(true), None, Origin::Workspace, Enabled, entry_key),
            (|on| on.slots = slot("it"), Some("memory"), Origin::User, Selected, slot_key),
            (|on| on.slots = slot("other"), Some("memory"), Origin::User, Disabled, slot_key),
            (|on| on.slots = slot("none"), Some("memory"), Origin::User, Disabled, slot_key),
            (|on| on.slots = slot("other"), Some("voice"), Origin::User, Enabled, None),
            (
                |on| (on.slots, on.entries) = (slot("it"), entry(false)),
                Some("memory"),
                Origin::User,
                Selected,
                slot_key,
            ),
            (
                |on| (on.allow, on.deny) = (names("it"), names("it")),
                None,
                Origin::User,
                Blocked,
                Some("plugins.deny"),
            ),
            (
                |on| (on.allow, on.entries) = (names("it"), entry(false)),
                None,
                Origin::User,
                Disabled,
                entry_key,
            ),
        ];
        for (number, (settings, slot, origin, outcome, setting)) in rows.into_iter().enumerate() {
            let mut enablement = Enablement::default();
            settings(&mut enablement);
            let decision = enablement.decide_for("it", slot, origin);
            assert_eq!(decision.outcome, outcome, "row {number}: {decision:?}");
            assert_eq!(decision.setting.as_deref(), setting, "row {number}");
            assert_eq!(decision.enabled, matches!(outcome, Enabled | Selected), "row {number}");
        }
    }
}
