//! The hooks of one snapshot of the registry, by event and in the order in which they are called.

use loader_contract::hook::{CONTRACT, DEADLINE_MS, ListedHook, event};
use loader_core::{Capability, Engine, Snapshot, Target};
use serde_json::Value;
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};
use tracing::warn;

/// One hook.
pub(super) struct Hook {
    /// Its capability id.
    pub(super) id: String,
    /// The plugin as callers are named: `plugin:<id>`.
    pub(super) origin: String,
    /// Of `custom`: which one; all when it is empty.
    pub(super) name: String,
    /// The higher comes first.
    priority: i64,
    /// How long it may take.
    pub(super) deadline: Duration,
    /// Whether a failure is passed over.
    pub(super) open: bool,
    pub(super) target: Target,
}

/// The hooks of one snapshot of the registry.
pub(super) struct Table {
    snapshot: Arc<Snapshot>,
    events: BTreeMap<&'static str, Vec<Hook>>,
    /// Those that are left out, and why.
    left_out: BTreeMap<String, String>,
}

impl Table {
    /// Tells of what is left out, unless the table before told of it.
    pub(super) fn build(engine: &Engine, snapshot: Arc<Snapshot>, before: Option<&Self>) -> Self {
        let mut events: BTreeMap<&'static str, Vec<Hook>> = BTreeMap::new();
        let mut left_out = BTreeMap::new();
        let told = |hook: &str| before.and_then(|before| before.left_out.get(hook));
        for capability in snapshot.capabilities(CONTRACT) {
            match Hook::read(engine, capability) {
                Ok(Some((event, hook))) => events.entry(event).or_default().push(hook),
                // Taken away since the snapshot was made: the next one knows.
                Ok(None) => {}
                Err(reason) => {
                    if told(&capability.id) != Some(&reason) {
                        warn!(
                            plugin = capability.plugin,
                            hook = capability.id,
                            code = "LDR-HOOK-ATTRIBUTE",
                            "the hook is left out: {reason}"
                        );
                    }
                    left_out.insert(capability.id.clone(), reason);
                }
            }
        }
        for hooks in events.values_mut() {
            hooks.sort_by(|one, other| one.order().cmp(&other.order()));
        }
        Self { snapshot, events, left_out }
    }

    pub(super) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The hooks of an event, in order.
    pub(super) fn of(&self, event: &str) -> &[Hook] {
        self.events.get(event).map_or(&[], Vec::as_slice)
    }

    /// Every hook, event by event.
    pub(super) fn list(&self) -> Vec<ListedHook> {
        let events = event::ALL.into_iter();
        let hooks = events.flat_map(|on| self.of(on).iter().map(move |hook| hook.listed(on)));
        hooks.collect()
    }
}

impl Hook {
    /// What a capability's attributes say; nothing when nobody has the capability any more.
    fn read(
        engine: &Engine,
        capability: &Capability,
    ) -> Result<Option<(&'static str, Self)>, String> {
        let attributes = &capability.attributes;
        let text = |key| match attributes.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(format!("`{key}` is no text: {other}")),
        };
        let number = |key, usual, range: std::ops::RangeInclusive<i64>| match attributes.get(key) {
            None => Ok(usual),
            Some(value) => {
                value.as_i64().filter(|number| range.contains(number)).ok_or_else(|| {
                    format!(
                        "`{key}` is no number from {} to {}: {value}",
                        range.start(),
                        range.end()
                    )
                })
            }
        };
        let on = text("on")?;
        let event = event::ALL.into_iter().find(|event| Some(*event) == on);
        let event =
            event.ok_or_else(|| format!("`on` names none of: {}", event::ALL.join(", ")))?;
        let usual = i64::try_from(DEADLINE_MS).unwrap_or(i64::MAX);
        let open = match text("on_failure")? {
            None | Some("open") => true,
            Some("closed") => false,
            Some(other) => return Err(format!("`on_failure` is open or closed, not {other:?}")),
        };
        // Only those of `custom` are of one name.
        let name = text("name")?.filter(|_| event == event::CUSTOM).unwrap_or_default();
        let priority = number("priority", 0, -1000..=1000)?;
        let deadline = number("deadline_ms", usual, 1..=60_000)?;
        let Ok(target) = engine.target(CONTRACT, Some(&capability.id), event) else {
            return Ok(None);
        };
        let hook = Self {
            id: capability.id.clone(),
            origin: format!("plugin:{}", capability.plugin),
            name: name.to_owned(),
            priority,
            deadline: Duration::from_millis(deadline.unsigned_abs()),
            open,
            target,
        };
        Ok(Some((event, hook)))
    }

    /// What the order is made by: priority, then who was loaded first.
    fn order(&self) -> (Reverse<i64>, u64, &str) {
        (Reverse(self.priority), self.target.place(), &self.id)
    }

    fn listed(&self, on: &str) -> ListedHook {
        ListedHook {
            id: self.id.clone(),
            plugin: self.target.plugin().to_owned(),
            on: on.to_owned(),
            name: self.name.clone(),
            priority: self.priority,
            deadline_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            open: self.open,
        }
    }
}
