//! Where reminders are kept: the plugin's durable store, by when they were wanted.

use loader_sdk::{contract::service::kv::List, futures::lock::Mutex, prelude::*};
use serde::{Deserialize, Serialize};

/// Keys of reminders; what follows sorts them by when they were wanted.
const PREFIX: &str = "due/";

/// The key of the last number that was given.
const NUMBER: &str = "number";

/// The most reminders there can be.
const MOST: usize = 1000;

/// One reminder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reminder {
    /// What people call it by.
    pub(crate) number: u64,
    /// When it is said, in milliseconds since 1970: when it was wanted, or later if it was put off.
    pub(crate) due_ms: u64,
    /// When it was first to be said.
    pub(crate) wanted_ms: u64,
    /// What is said.
    pub(crate) text: String,
    /// Where it is said.
    pub(crate) channel: String,
    pub(crate) account: String,
    pub(crate) conversation: String,
    /// Why it could not be said so far.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) trouble: String,
}

impl Reminder {
    /// Stays the same however often it is put off, so that there is one at any moment.
    fn key(&self) -> String {
        format!("{PREFIX}{:015}/{}", self.wanted_ms, self.number)
    }

    /// Whether it is due before those can be that stand under this key or a later one.
    fn is_before(&self, key: &str) -> bool {
        *format!("{PREFIX}{:015}", self.due_ms) <= *key
    }

    /// Whether it was asked for in the same conversation.
    pub(crate) fn is_of(&self, channel: &str, account: &str, conversation: &str) -> bool {
        (&*self.channel, &*self.account, &*self.conversation) == (channel, account, conversation)
    }
}

/// The reminders.
pub(crate) struct Book {
    host: Host,
    /// Lets one change follow another.
    writing: Mutex<()>,
}

impl Book {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, writing: Mutex::new(()) }
    }

    /// Writes a new one down, and returns it with its number. `most` of one conversation are kept.
    pub(crate) async fn add(&self, reminder: Reminder, most: usize) -> Result<Reminder> {
        let _turn = self.writing.lock().await;
        let all = self.all().await?;
        let same = |one: &&Reminder| {
            one.is_of(&reminder.channel, &reminder.account, &reminder.conversation)
        };
        if all.len() >= MOST || all.iter().filter(same).count() >= most {
            return Err(Error::new(loader_sdk::class::EXHAUSTED, "too_many", "there are too many")
                .hint("cancel some first"));
        }
        let last = self.host.kv().get(NUMBER).await?;
        let last = last.and_then(|bytes| serde_json::from_slice::<u64>(&bytes).ok());
        let reminder = Reminder { number: last.unwrap_or_default() + 1, ..reminder };
        self.host.kv().put(NUMBER, reminder.number.to_string()).await?;
        self.put(&reminder).await?;
        Ok(reminder)
    }

    /// All of them, those due first first.
    pub(crate) async fn all(&self) -> Result<Vec<Reminder>> {
        let mut all = Vec::new();
        for key in self.keys().await? {
            all.extend(self.read(&key).await?);
        }
        all.sort_by_key(|one| one.due_ms);
        Ok(all)
    }

    /// The one that is due first.
    pub(crate) async fn first(&self) -> Result<Option<Reminder>> {
        let mut first: Option<Reminder> = None;
        for key in self.keys().await? {
            if first.as_ref().is_some_and(|first| first.is_before(&key)) {
                break;
            }
            let earlier = self
                .read(&key)
                .await?
                .filter(|one| first.as_ref().is_none_or(|first| one.due_ms < first.due_ms));
            first = earlier.or(first);
        }
        Ok(first)
    }

    /// Crosses out one that somebody does not want any more; says whether it was there.
    pub(crate) async fn cancel(&self, reminder: &Reminder) -> Result<bool> {
        // Not while it is put off, or it would come back.
        let _turn = self.writing.lock().await;
        self.remove(reminder).await
    }

    /// Crosses one out; says whether it was there.
    pub(crate) async fn remove(&self, reminder: &Reminder) -> Result<bool> {
        self.host.kv().delete(&reminder.key()).await
    }

    /// Puts one off, if nobody crossed it out meanwhile.
    pub(crate) async fn put_off(
        &self,
        reminder: &Reminder,
        due_ms: u64,
        trouble: &str,
    ) -> Result<()> {
        let _turn = self.writing.lock().await;
        match self.read(&reminder.key()).await? {
            Some(there) => {
                self.put(&Reminder { due_ms, trouble: trouble.to_owned(), ..there }).await
            }
            None => Ok(()),
        }
    }

    async fn put(&self, reminder: &Reminder) -> Result<()> {
        self.host.kv().put(&reminder.key(), serde_json::to_vec(reminder)?).await
    }

    /// What stands under a key; nothing when it was crossed out meanwhile. What cannot be read, or would
    /// stand elsewhere, is crossed out: it would be in the way for ever.
    async fn read(&self, key: &str) -> Result<Option<Reminder>> {
        let Some(bytes) = self.host.kv().get(key).await? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes).ok();
        let read = read.filter(|there: &Reminder| there.key() == key);
        if read.is_none() {
            warn!(key, "a reminder cannot be read and is dropped");
            self.host.kv().delete(key).await?;
        }
        Ok(read)
    }

    async fn keys(&self) -> Result<Vec<String>> {
        let list = List { prefix: PREFIX.to_owned(), ..List::default() };
        Ok(self.host.kv().list(&list).await?.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_when_reminders_were_wanted() {
        let key = |number, wanted_ms| Reminder { number, wanted_ms, ..Reminder::default() }.key();
        assert!(key(9, 999) < key(1, 1_000));
        assert!(key(1, 1_767_225_600_000) < key(2, 1_767_225_600_000));
    }
}
