//! Reads `[secrets]`: where the secrets are that a plugin uses, where nobody says otherwise.

use super::{
    fields::{self, Fields, Text},
    notes::Notes,
};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::de::DeValue;

/// What a plugin says about the secrets it uses, by their names.
pub type UsualSecrets = BTreeMap<String, UsualSecret>;

/// What a plugin says about a secret that it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UsualSecret {
    /// The environment variables that hold it by convention, the first that is set before the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// What it is, and where people get it; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// `[secrets]`: a table for each secret.
pub(super) fn secrets(owner: &mut Fields<'_>) -> UsualSecrets {
    let Some(table) = owner.table("secrets") else { return UsualSecrets::new() };
    let notes = owner.notes();
    let mut secrets = UsualSecrets::new();
    for (key, value) in table.entries() {
        let (name, at) = (key.get_ref(), key.span().start);
        let shown = format!("[secrets.{}]", name.escape_debug());
        let DeValue::Table(inner) = value.get_ref() else {
            fields::wrong_type(notes, &shown, "a table", value);
            continue;
        };
        if name.is_empty() || name.chars().any(|each| each.is_whitespace() || each.is_control()) {
            let message = format!("`{}` is not the name of a secret", name.escape_debug());
            let hint = "use a word, such as `[secrets.openai]`";
            notes.error("LDR-MANIFEST-VALUE", at, message, hint);
            continue;
        }
        let mut inner = Fields::new(notes, inner, shown, at);
        let variables = inner.texts("env").into_iter();
        let env = variables.filter_map(|text| variable(notes, text)).collect();
        let about = inner.line("about");
        inner.finish();
        secrets.insert(name.to_string(), UsualSecret { env, about });
    }
    secrets
}

fn variable(notes: &Notes<'_>, found: Text<'_>) -> Option<String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if found.text.bytes().all(word) && !found.text.starts_with(|first: char| first.is_ascii_digit())
    {
        return Some(found.text.to_owned());
    }
    let message = format!("`{}` is not the name of a variable", found.text.escape_debug());
    let hint = "use letters, digits and `_`, such as `OPENAI_API_KEY`";
    notes.error("LDR-MANIFEST-VALUE", found.at, message, hint);
    None
}
