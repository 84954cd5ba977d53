//! What one configuration says otherwise than another.

use crate::config::{Account, Config};
use loader_core::diagnostic::Diagnostic;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::{collections::BTreeSet, fmt};

/// The dotted key of a setting, or of a table that is there or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<String>);

impl Key {
    /// Whether it is, or is below or above, another key that is written with dots. A name that has dots
    /// itself cannot be written so.
    pub(crate) fn touches(&self, other: &str) -> bool {
        self.0.iter().zip(other.split('.')).all(|(name, other)| name == other)
    }

    fn child(&self, name: &str) -> Self {
        Self(self.0.iter().map(String::as_str).chain([name]).map(str::to_owned).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match !name.is_empty() && name.bytes().all(is_bare) {
                true => write!(f, "{dot}{name}")?,
                false => write!(f, "{dot}\"{}\"", name.escape_debug())?,
            }
        }
        Ok(())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The keys whose values differ. A table that only one of the two has is named as a whole.
pub fn difference(old: &Config, new: &Config) -> Vec<Key> {
    let value = |config| serde_json::to_value(config).unwrap_or_default();
    let mut keys = Vec::new();
    compare(&Key(Vec::new()), &value(old), &value(new), &mut keys);
    keys
}

fn compare(key: &Key, old: &Value, new: &Value, keys: &mut Vec<Key>) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        if old != new {
            keys.push(key.clone());
        }
        return;
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let key = key.child(name);
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => compare(&key, old, new, keys),
            _ => keys.push(key),
        }
    }
}

/// A configuration as far as a gateway that was started with another can have it: what only counts at
/// the start is as it was.
pub(crate) fn within_reach(started: &Config, wanted: &Config) -> Config {
    let mut reached = wanted.clone();
    reached.gateway.listen = started.gateway.listen;
    reached.gateway.drain_timeout_ms = started.gateway.drain_timeout_ms;
    reached.log.format = started.log.format;
    let (plugins, started) = (&mut reached.plugins, &started.plugins);
    plugins.load_paths.clone_from(&started.load_paths);
    plugins.bundled_dir.clone_from(&started.bundled_dir);
    plugins.user_dir.clone_from(&started.user_dir);
    plugins.workspaces.clone_from(&started.workspaces);
    plugins.reload.watch = started.reload.watch;
    reached
}

/// What another configuration means for one account of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The channel's capability id.
    pub channel: String,
    /// The account's name.
    pub account: String,
    /// What is done.
    pub action: AccountAction,
    /// What there is to say; with an error the account is as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<Diagnostic>,
}

/// What is done with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountAction {
    /// It is not there any more, or off.
    Disconnect,
    /// It has other settings.
    Reconnect,
    /// It is new, or on.
    Connect,
}

/// The accounts whose own settings differ, those to be disconnected first.
pub(crate) fn accounts(old: &Config, new: &Config) -> Vec<AccountChange> {
    let (before, now) = (connected(old), connected(new));
    let names: BTreeSet<_> = before.iter().chain(&now).map(|(name, _)| *name).collect();
    let find = |all: &[(Name<'_>, &Account)], name: Name<'_>| {
        let found = all.iter().find(|(other, _)| *other == name);
        found.map(|(_, account)| account.settings.clone())
    };
    let changes = names.into_iter().filter_map(|name| {
        let action = match (find(&before, name), find(&now, name)) {
            (Some(_), None) => AccountAction::Disconnect,
            (None, Some(_)) => AccountAction::Connect,
            (old, new) if old != new => AccountAction::Reconnect,
            _ => return None,
        };
        let (channel, account) = (name.0.to_owned(), name.1.to_owned());
        Some(AccountChange { channel, account, action, finding: None })
    });
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|change| change.action);
    changes
}

/// Channel and account.
type Name<'a> = (&'a str, &'a str);

/// The accounts that are on.
pub(crate) fn connected(config: &Config) -> Vec<(Name<'_>, &Account)> {
    let channels = config.channels.iter();
    let accounts = channels.flat_map(|(channel, settings)| {
        let accounts = settings.accounts.iter();
        accounts.map(move |(name, account)| ((channel.as_str(), name.as_str()), account))
    });
    accounts.filter(|(_, account)| account.enabled).collect()
}

#[cfg(test)]
mod tests;
