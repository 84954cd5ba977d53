//! `[tools]`: what models may have done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which tools models may call, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tools {
    /// The tools that models are offered, by name; a `*` stands for any text, so `"*"` means every
    /// tool. A tool is native code that a model sets to work, so none is offered unless it is named
    /// here. People and plugins can call every tool.
    pub enabled: Vec<String>,
    /// How often in one turn tools are called and the model is asked to go on. A model that wants
    /// more ends the turn with an error.
    #[schemars(range(min = 1, max = 100))]
    pub max_rounds: u32,
    /// How long a tool may take for one call, in milliseconds.
    #[schemars(range(min = 1))]
    pub timeout_ms: u64,
}

impl Default for Tools {
    fn default() -> Self {
        Self { enabled: Vec::new(), max_rounds: 8, timeout_ms: 30_000 }
    }
}

impl Tools {
    /// Whether models are offered the tool of this name.
    pub fn offers(&self, tool: &str) -> bool {
        self.enabled.iter().any(|pattern| matches(pattern, tool))
    }
}

/// Whether a name is as a pattern has it.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_offered_when_it_is_named_or_a_pattern_fits() {
        for (pattern, name, is_offered) in [
            ("calculate", "calculate", true),
            ("calculate", "calculate2", false),
            ("*", "anything", true),
            ("*", "", true),
            ("file_*", "file_search", true),
            ("file_*", "profile_search", false),
            ("*_search", "file_search", true),
            ("*_search", "file_searches", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("aa*aa", "aaa", false),
            ("", "calculate", false),
        ] {
            let tools = Tools { enabled: vec![pattern.to_owned()], ..Tools::default() };
            assert_eq!(tools.offers(name), is_offered, "{pattern} {name}");
        }
        assert!(!Tools::default().offers("calculate"), "nothing is offered unless it is named");
    }
}
