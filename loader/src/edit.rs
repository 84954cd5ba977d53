//! A configuration file that the program changes. What is changed is said here; everything else in the file
//! stays as it is, comments and all.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use loader_core::durable;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::finding::Finding;

/// A longer file is none that the program reads.
const LARGEST: u64 = 1024 * 1024;

/// A file that is being changed.
pub(crate) struct Edit {
    path: PathBuf,
    document: DocumentMut,
}

impl Edit {
    /// Reads a file; one that is not there is empty.
    pub(crate) fn open(path: &Path) -> Result<Self, Finding> {
        let text = read(path).map_err(|error| refusal(path, &error.to_string()))?;
        let parsed = text.parse::<DocumentMut>();
        let document = parsed.map_err(|error| {
            refusal(path, &format!("this is not TOML: {}", error.message().trim()))
        })?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Whether the file has this account of a channel.
    pub(crate) fn has_account(&self, channel: &str, account: &str) -> bool {
        self.has(&["channels", channel, "accounts", account])
    }

    fn has(&self, keys: &[&str]) -> bool {
        let mut item = Some(self.document.as_item());
        for key in keys {
            item = item.and_then(Item::as_table_like).and_then(|table| table.get(key));
        }
        item.is_some()
    }

    /// Adds an account of a channel, which the file has not.
    pub(crate) fn add_account(
        &mut self,
        channel: &str,
        account: &str,
        settings: &toml::Table,
    ) -> Result<(), Finding> {
        let accounts = self.table(&["channels", channel, "accounts"])?;
        let mut table = Table::new();
        for (key, value) in settings {
            table.insert(key, Item::Value(value_of(value)));
        }
        accounts.insert(account, Item::Table(table));
        Ok(())
    }

    /// Takes an account of a channel out; whether it was there.
    pub(crate) fn remove_account(&mut self, channel: &str, account: &str) -> bool {
        self.has_account(channel, account)
            && self
                .table(&["channels", channel, "accounts"])
                .is_ok_and(|accounts| accounts.remove(account).is_some())
    }

    /// The keys of a channel's own table besides its accounts, by channel.
    pub(crate) fn stray_keys(&self) -> Vec<(String, Vec<String>)> {
        let channels = self.document.get("channels").and_then(Item::as_table_like);
        let strays =
            channels.into_iter().flat_map(TableLike::iter).filter_map(|(name, channel)| {
                let keys = channel.as_table_like()?.iter().map(|(key, _)| key.to_owned());
                let keys: Vec<_> = keys.filter(|key| key != "accounts").collect();
                (!keys.is_empty()).then(|| (name.to_owned(), keys))
            });
        strays.collect()
    }

    /// Moves keys of a channel's own table into an account's, but for those that this one has. Returns what
    /// was moved.
    pub(crate) fn promote(
        &mut self,
        channel: &str,
        account: &str,
        keys: &[String],
    ) -> Result<Vec<String>, Finding> {
        let place = ["channels", channel, "accounts", account];
        let is_taken = |key: &str| self.has(&[place[0], place[1], place[2], place[3], key]);
        let free: Vec<String> = keys.iter().filter(|key| !is_taken(key)).cloned().collect();
        if free.is_empty() {
            return Ok(free);
        }
        let own = self.table(&place[..2])?;
        let mut moved = Vec::new();
        for key in &free {
            let written = own.key(key).cloned();
            moved.extend(written.zip(own.remove(key)));
        }
        let target = self.table(&place)?;
        for (key, item) in &moved {
            target.insert(key.get(), item.clone());
            // The comments above a key are part of it.
            if let Some(mut placed) = target.key_mut(key.get()) {
                *placed.leaf_decor_mut() = key.leaf_decor().clone();
            }
        }
        Ok(free)
    }

    /// The file as it is now.
    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Puts the changed file in the place of the other: whole or not at all, and for nobody's eyes that the
    /// other was not for. A new one is its owner's alone.
    pub(crate) fn save(&self) -> Result<(), Finding> {
        self.replace().map_err(|error| refusal(&self.path, &error.to_string()))
    }

    fn replace(&self) -> io::Result<()> {
        // A link goes on leading to the file.
        let path = match self.path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            found => found?,
        };
        let before = match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            found => Some(found?),
        };
        if let (None, Some(folder)) = (&before, path.parent()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        durable::replace(&path, |file| {
            let mode = before.as_ref().map_or(0o600, |before| before.mode() & 0o777);
            let made = file.metadata()?;
            if let Some(before) = &before
                && (before.uid(), before.gid()) != (made.uid(), made.gid())
            {
                fchown(&*file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(self.text().as_bytes())
        })
    }

    /// A table in the file, which is made if it is not there.
    fn table(&mut self, keys: &[&str]) -> Result<&mut dyn TableLike, Finding> {
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for key in keys {
            if !table.contains_key(key) {
                let mut made = Table::new();
                made.set_implicit(true);
                table.insert(key, Item::Table(made));
            }
            let found = table.get_mut(key).and_then(Item::as_table_like_mut);
            table = found.ok_or_else(|| refusal(&self.path, &format!("`{key}` is no table")))?;
        }
        Ok(table)
    }
}

/// The text of a regular file.
fn read(path: &Path) -> io::Result<String> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.len() > LARGEST {
        return Err(io::Error::other(format!("it is no regular file of at most {LARGEST} bytes")));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn refusal(path: &Path, why: &str) -> Finding {
    Finding::error("LDR-SETUP-FILE", format!("the configuration cannot be changed: {why}"))
        .at(path)
        .hint("change it by hand, or name another file with `--file PATH`")
}

fn value_of(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(integer) => (*integer).into(),
        toml::Value::Float(float) => (*float).into(),
        toml::Value::Boolean(boolean) => (*boolean).into(),
        toml::Value::Datetime(moment) => (*moment).into(),
        toml::Value::Array(items) => items.iter().map(value_of).collect(),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| (key.as_str(), value_of(value)));
            Value::InlineTable(entries.collect::<InlineTable>())
        }
    }
}

#[cfg(test)]
mod tests;
