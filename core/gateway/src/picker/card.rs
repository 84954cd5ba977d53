//! What a channel says about itself to whoever chooses one.

use loader_core::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a channel says about itself. Keys nobody knows are left to later versions.
///
/// Other programs' catalogues write the keys in camel case, which is understood too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// Its name.
    pub label: Option<String>,
    /// Its name where one is chosen from many.
    #[serde(alias = "selectionLabel")]
    pub selection_label: Option<String>,
    /// A second name, where there is space for more.
    #[serde(alias = "detailLabel")]
    pub detail_label: Option<String>,
    /// Where to read more.
    #[serde(alias = "docsPath")]
    pub docs_path: Option<String>,
    /// What the link to it says.
    #[serde(alias = "docsLabel")]
    pub docs_label: Option<String>,
    /// What it is, in one line.
    pub blurb: Option<String>,
    /// Its place among others; the lowest comes first.
    pub order: Option<i64>,
    /// Other names people know it by.
    pub aliases: Vec<String>,
    /// Plugins that it is to be listed instead of, where they have the same channel.
    #[serde(alias = "preferOver")]
    pub prefer_over: Vec<String>,
    /// Whether it understands Markdown.
    #[serde(alias = "markdownCapable")]
    pub markdown_capable: Option<bool>,
    /// Where it wants to be seen.
    pub exposure: Exposure,
    #[serde(alias = "showConfigured", skip_serializing)]
    show_configured: Option<bool>,
    #[serde(alias = "showInSetup", skip_serializing)]
    show_in_setup: Option<bool>,
}

/// Where a channel wants to be seen; everywhere, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    /// Among the channels that have accounts.
    pub configured: bool,
    /// Among those that can be set up.
    pub setup: bool,
    /// In documentation.
    pub docs: bool,
}

impl Default for Exposure {
    fn default() -> Self {
        Self { configured: true, setup: true, docs: true }
    }
}

impl Card {
    /// The name to choose it by.
    pub fn choice<'a>(&'a self, id: &'a str) -> &'a str {
        self.selection_label.as_deref().or(self.label.as_deref()).unwrap_or(id)
    }

    /// Reads a card. Without one, the finding says what makes no sense.
    pub(super) fn read(channel: &str, value: &Value) -> (Option<Self>, Option<Diagnostic>) {
        let refused = |why: &str| {
            let message = format!("what is said of the channel `{}` makes no sense: {why}", {
                channel.escape_debug()
            });
            let warning = Diagnostic::warning("LDR-CHANNEL-CARD", message);
            let hint = "correct it, or tell its author; see docs/reference/channels.md";
            (None, Some(warning.hint(hint)))
        };
        if channel.contains(char::is_control) || has_control(value) {
            return refused("it has control characters");
        }
        if !value.is_object() {
            return refused("it is no table");
        }
        match Self::deserialize(value) {
            Err(error) => refused(&error.to_string()),
            Ok(card) => card.without_legacy(channel),
        }
    }

    /// Keys of long ago say what `exposure` says now, which counts more.
    fn without_legacy(mut self, channel: &str) -> (Option<Self>, Option<Diagnostic>) {
        let (configured, setup) = (self.show_configured.take(), self.show_in_setup.take());
        let keys = [("show_configured", configured), ("show_in_setup", setup)];
        let used: Vec<&str> =
            keys.iter().filter(|(_, said)| said.is_some()).map(|(key, _)| *key).collect();
        if used.is_empty() {
            return (Some(self), None);
        }
        self.exposure.configured &= configured.unwrap_or(true);
        self.exposure.setup &= setup.unwrap_or(true);
        let message = format!("the channel `{channel}` uses `{}`", used.join("` and `"));
        let hint = "write `exposure = { configured = …, setup = … }`";
        (Some(self), Some(Diagnostic::warning("LDR-LEGACY-EXPOSURE", message).hint(hint)))
    }
}

/// Such characters could play tricks on a terminal.
fn has_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::is_control),
        Value::Array(values) => values.iter().any(has_control),
        Value::Object(map) => {
            map.iter().any(|(key, value)| key.contains(char::is_control) || has_control(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
