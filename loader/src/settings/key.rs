//! The dotted key of a setting, written as TOML writes it.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::text::quote;

/// The path to a setting: `plugins.entries."my plugin".enabled`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<String>);

impl Key {
    /// The key of `name` in the table that this key leads to.
    pub(crate) fn child(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// The key of one item of the list that this key leads to, for messages: `plugins.allow.0`.
    pub(crate) fn item(&self, position: usize) -> Self {
        self.child(&position.to_string())
    }

    /// The names from the outermost table to the setting itself.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// Reads a dotted key; `None` when it is not exactly one.
    pub(crate) fn parse(dotted: &str) -> Option<Self> {
        if dotted.contains(char::is_control) {
            return None;
        }
        // TOML's own reader knows every way to quote a name. On one line, whatever is not a key
        // alone puts the value somewhere else than at the very end.
        let document = format!("{dotted} = 0");
        let parsed = DeTable::parse(&document).ok()?;
        let mut key = Self::default();
        let mut table = parsed.get_ref();
        loop {
            let mut entries = table.iter();
            let (Some((name, value)), None) = (entries.next(), entries.next()) else {
                return None;
            };
            key.0.push(name.get_ref().to_string());
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ if value.span().start == document.len() - 1 => return Some(key),
                _ => return None,
            }
        }
    }
}

impl FromIterator<String> for Key {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str(".")?;
            }
            formatter.write_str(&write_name(name))?;
        }
        Ok(())
    }
}

/// One name of a key, in quotes when TOML needs them.
pub(crate) fn write_name(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '-'));
    if is_bare { name.to_owned() } else { quote(name) }
}
