//! What kind of plugin one is, by what it registers.

use loader_contract::catalogue::{self, Class};
use loader_core::manifest::PluginSpec;
use serde::Serialize;

/// What kind of plugin one is.
///
/// A plugin registers exactly what its manifest declares, or it is not served: so the shape of a
/// manifest is the shape of what would be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It provides one kind of capability.
    PlainCapability,
    /// It provides several kinds of capabilities.
    HybridCapability,
    /// It has hooks, and nothing else.
    HookOnly,
    /// It has tools, commands, services, tasks or routes, or nothing at all, but no capability.
    NonCapability,
}

impl Shape {
    /// The shape of a plugin by its manifest.
    pub fn of(spec: &PluginSpec) -> Self {
        let contracts: Vec<String> =
            spec.provides.iter().map(|one| one.contract.to_string()).collect();
        Self::of_contracts(contracts.iter().map(String::as_str))
    }

    /// The shape of a plugin that registers capabilities of these contracts. A contract of somebody's
    /// own counts as a capability.
    pub fn of_contracts<'a>(contracts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut kinds, mut hooks, mut surfaces) = (Vec::new(), false, false);
        for name in contracts {
            match catalogue::find(name).map_or(Class::Capability, |contract| contract.class) {
                Class::Capability if !kinds.contains(&name) => kinds.push(name),
                Class::Capability | Class::Upkeep => {}
                Class::Hook => hooks = true,
                Class::Surface => surfaces = true,
            }
        }
        match kinds.len() {
            0 if hooks && !surfaces => Self::HookOnly,
            0 => Self::NonCapability,
            1 => Self::PlainCapability,
            _ => Self::HybridCapability,
        }
    }

    /// The shape as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlainCapability => "plain-capability",
            Self::HybridCapability => "hybrid-capability",
            Self::HookOnly => "hook-only",
            Self::NonCapability => "non-capability",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_what_is_registered() {
        let of = |contracts: &[&str]| Shape::of_contracts(contracts.iter().copied());
        assert_eq!(of(&["speech/1", "speech/1", "tool/1", "health/1"]), Shape::PlainCapability);
        assert_eq!(of(&["speech/1", "text-inference/1", "hook/1"]), Shape::HybridCapability);
        assert_eq!(of(&["hook/1", "health/1"]), Shape::HookOnly);
        assert_eq!(of(&["hook/1", "tool/1"]), Shape::NonCapability);
        assert_eq!(of(&["http-route/1"]), Shape::NonCapability);
        assert_eq!(of(&["health/1"]), Shape::NonCapability);
        assert_eq!(of(&[]), Shape::NonCapability);
        assert_eq!(of(&["shout/1"]), Shape::PlainCapability);
    }
}
