//! Reading one table of a manifest: typed values, errors with their place, and the keys nobody
//! asked for.

use super::{
    RelativePath,
    notes::{MOST_FINDINGS, Notes},
};
use crate::nearest::nearest;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// A value and where it stands.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A table that is being read. Every key it is asked for becomes a known one, and
/// [`finish`](Self::finish) warns about all others, so known keys are listed nowhere else.
pub(super) struct Fields<'a> {
    notes: &'a Notes<'a>,
    table: &'a DeTable<'a>,
    name: String,
    at: usize,
    known: Vec<&'static str>,
}

/// Text from a manifest and the byte offset where it stands.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Fields<'a> {
    /// Begins to read a table. `name` is what messages call it, such as `[library]`.
    pub(super) fn new(
        notes: &'a Notes<'a>,
        table: &'a DeTable<'a>,
        name: impl Into<String>,
        at: usize,
    ) -> Self {
        Self { notes, table, name: name.into(), at, known: Vec::new() }
    }

    /// What messages call the table.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where findings go.
    pub(super) fn notes(&self) -> &'a Notes<'a> {
        self.notes
    }

    /// Every key with its value, for tables whose keys are data.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a Spanned<DeString<'a>>, &'a Value<'a>)> {
        self.table.iter()
    }

    /// The value of a key.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// The value of a key that must be there. `example` is the line that mends its absence.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<&'a Value<'a>> {
        let value = self.value(key);
        if value.is_none() {
            let message = format!("{} has no `{key}`", self.name);
            self.notes.error("LDR-MANIFEST-MISSING", self.at, message, format!("add `{example}`"));
        }
        value
    }

    /// The text of a key.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Text<'a>> {
        let value = self.value(key)?;
        text(self.notes, &format!("`{key}`"), value)
    }

    /// The text of a key that must be there.
    pub(super) fn required_text(&mut self, key: &'static str, example: &str) -> Option<Text<'a>> {
        let value = self.required(key, example)?;
        text(self.notes, &format!("`{key}`"), value)
    }

    /// One owned line.
    pub(super) fn line(&mut self, key: &'static str) -> Option<String> {
        self.text(key).map(|found| found.text.to_owned())
    }

    /// A list of texts; empty when the key is absent or is no list.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Text<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let name = format!("`{key}`");
        array(self.notes, &name, value)
            .iter()
            .filter_map(|item| text(self.notes, &format!("an entry of {name}"), item))
            .collect()
    }

    /// A list of owned lines.
    pub(super) fn lines(&mut self, key: &'static str) -> Vec<String> {
        self.texts(key).iter().map(|found| found.text.to_owned()).collect()
    }

    /// A yes or no.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let DeValue::Boolean(boolean) = value.get_ref() else {
            wrong_type(self.notes, &format!("`{key}`"), "a boolean", value);
            return None;
        };
        Some(*boolean)
    }

    /// The path of a file in the plugin's folder.
    pub(super) fn path(&mut self, key: &'static str) -> Option<RelativePath> {
        let found = self.text(key)?;
        path(self.notes, key, found, "lib/libmy_plugin.so")
    }

    /// A table within the table.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type(self.notes, &format!("`{key}`"), "a table", value);
            return None;
        };
        let name = if self.name.starts_with('[') {
            format!("`{key}` of {}", self.name)
        } else {
            format!("[{key}]")
        };
        Some(Self::new(self.notes, table, name, value.span().start))
    }

    /// A list of tables; entries that are none are reported and left out.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = array(self.notes, &format!("`{key}`"), value).iter();
        items
            .filter_map(|item| match item.get_ref() {
                DeValue::Table(table) => {
                    Some(Self::new(self.notes, table, format!("[[{key}]]"), item.span().start))
                }
                _ => {
                    wrong_type(self.notes, &format!("an entry of `{key}`"), "a table", item);
                    None
                }
            })
            .collect()
    }

    /// Warns about every key that was not asked for.
    pub(super) fn finish(self) -> &'a Notes<'a> {
        let known = |key: &&Spanned<DeString<'_>>| self.known.contains(&key.get_ref().as_ref());
        for key in self.table.keys().filter(|key| !known(key)).take(MOST_FINDINGS) {
            let (written, at) = (key.get_ref(), key.span().start);
            let message = format!("{} has an unknown key `{}`", self.name, written.escape_debug());
            let hint = match nearest(written, self.known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("remove it; known keys here are {}", self.known.join(", ")),
            };
            self.notes.warning("LDR-MANIFEST-KEY", at, message, hint);
        }
        self.notes
    }
}

/// One line of text without control characters, which could play tricks on a terminal.
pub(super) fn text<'a>(notes: &Notes<'_>, name: &str, value: &'a Value<'_>) -> Option<Text<'a>> {
    let at = value.span().start;
    let DeValue::String(text) = value.get_ref() else {
        wrong_type(notes, name, "a string", value);
        return None;
    };
    if text.trim().is_empty() {
        notes.error(
            "LDR-MANIFEST-VALUE",
            at,
            format!("{name} is empty"),
            "fill it in or remove it",
        );
        return None;
    }
    if text.chars().any(char::is_control) {
        let message = format!("{name} has a line break or another control character in it");
        notes.error("LDR-MANIFEST-VALUE", at, message, "write it on one line");
        return None;
    }
    Some(Text { text, at })
}

/// The path of a file in the plugin's folder, such as `example`.
pub(super) fn path(
    notes: &Notes<'_>,
    key: &str,
    found: Text<'_>,
    example: &str,
) -> Option<RelativePath> {
    let parsed = found.text.parse();
    if let Err(error) = &parsed {
        let message = format!("`{key}` = \"{}\" {error}", found.text.escape_debug());
        let hint = format!("name a file inside the plugin's own folder, such as `{example}`");
        notes.error("LDR-MANIFEST-PATH", found.at, message, hint);
    }
    parsed.ok()
}

/// The entries of a list; none when the value is no list, which is reported.
pub(super) fn array<'a>(notes: &Notes<'_>, name: &str, value: &'a Value<'a>) -> &'a [Value<'a>] {
    match value.get_ref() {
        DeValue::Array(items) => items,
        _ => {
            wrong_type(notes, name, "an array", value);
            &[]
        }
    }
}

/// Reports a value of the wrong type.
pub(super) fn wrong_type(notes: &Notes<'_>, name: &str, wanted: &str, found: &Value<'_>) {
    let kind = match found.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    let message = format!("{name} must be {wanted}; found {kind}");
    notes.error("LDR-MANIFEST-TYPE", found.span().start, message, format!("make it {wanted}"));
}
