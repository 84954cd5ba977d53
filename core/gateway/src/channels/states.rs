//! What the channels last said of their accounts.

use loader_contract::channel::{AccountState, AccountStatus};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// How many accounts of one channel are kept. A channel has those that are configured; one that makes up names
/// fills no memory.
const MOST: usize = 1000;

/// How one account is.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// The channel's capability id.
    pub channel: String,
    /// What the channel last said of it.
    #[serde(flatten)]
    pub status: AccountStatus,
}

/// How the accounts are, by channel and account.
#[derive(Default)]
pub(super) struct States(Mutex<Known>);

#[derive(Default)]
struct Known {
    accounts: BTreeMap<(String, String), State>,
    /// How often channels have reported.
    reports: u64,
}

struct State {
    status: AccountStatus,
    /// Which report was the channel's last of it.
    reported: u64,
}

impl States {
    /// How often channels have reported.
    pub(super) fn reports(&self) -> u64 {
        self.known().reports
    }

    /// Keeps what a channel reports. Whether the state is another than before.
    pub(super) fn report(&self, channel: &str, status: &AccountStatus) -> bool {
        let mut known = self.known();
        known.reports += 1;
        let reported = known.reports;
        known.put(channel, status, reported)
    }

    /// Keeps what a channel answered to a question that was asked after so many reports, unless it has
    /// reported since, which is newer. Whether the state is another than before.
    pub(super) fn note(&self, channel: &str, status: &AccountStatus, reports: u64) -> bool {
        let mut known = self.known();
        let before = known.accounts.get(&(channel.to_owned(), status.account.clone()));
        let reported = before.map_or(0, |before| before.reported);
        reported <= reports && known.put(channel, status, reported)
    }

    /// Forgets an account.
    pub(super) fn forget(&self, channel: &str, account: &str) {
        self.known().accounts.remove(&(channel.to_owned(), account.to_owned()));
    }

    /// Forgets the accounts of other channels than these.
    pub(super) fn keep_channels(&self, keeps: impl Fn(&str) -> bool) {
        self.known().accounts.retain(|(channel, _), _| keeps(channel));
    }

    /// Every account: its channel and its name.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        self.known().accounts.keys().cloned().collect()
    }

    /// The accounts of a channel that are connected.
    pub(super) fn connected(&self, channel: &str) -> Vec<String> {
        let known = self.known();
        let own = known.accounts.iter().filter(|((of, _), _)| of == channel);
        let connected = own.filter(|(_, one)| one.status.state == AccountState::Connected);
        connected.map(|((_, account), _)| account.clone()).collect()
    }

    /// How every account is.
    pub(super) fn views(&self) -> Vec<AccountView> {
        let known = self.known();
        let views = known.accounts.iter().map(|((channel, _), state)| AccountView {
            channel: channel.clone(),
            status: state.status.clone(),
        });
        views.collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Known {
    /// Keeps a state. Whether it is another than before.
    fn put(&mut self, channel: &str, status: &AccountStatus, reported: u64) -> bool {
        let key = (channel.to_owned(), status.account.clone());
        let of_channel = self.accounts.keys().filter(|(of, _)| of == channel);
        if !self.accounts.contains_key(&key) && of_channel.count() >= MOST {
            return false;
        }
        // The key has the channel; a view would name it twice.
        let status = AccountStatus { channel: String::new(), ..status.clone() };
        let state = status.state;
        let before = self.accounts.insert(key, State { status, reported });
        before.is_none_or(|before| before.status.state != state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_late_does_not_undo_what_was_reported_since() {
        let states = States::default();
        let status = |account: &str, state| AccountStatus {
            account: account.to_owned(),
            state,
            ..AccountStatus::default()
        };
        let state = |account: &str| {
            let views = states.views();
            views.into_iter().find(|one| one.status.account == account).map(|one| one.status.state)
        };
        let asked = states.reports();
        assert!(states.report("irc", &status("home", AccountState::Connected)));
        assert!(!states.note("irc", &status("home", AccountState::Connecting), asked));
        assert_eq!(state("home"), Some(AccountState::Connected));
        // Of another account nothing was reported.
        assert!(states.note("irc", &status("work", AccountState::Connecting), asked));
        assert_eq!(state("work"), Some(AccountState::Connecting));
        let asked = states.reports();
        assert!(states.note("irc", &status("home", AccountState::Disconnected), asked));
        assert_eq!(state("home"), Some(AccountState::Disconnected));
    }

    #[test]
    fn made_up_accounts_fill_no_memory() {
        let states = States::default();
        for number in 0..2 * MOST {
            let account = format!("guest {number}");
            states.report("irc", &AccountStatus { account, ..AccountStatus::default() });
        }
        assert_eq!(states.views().len(), MOST);
        let guest = AccountStatus { account: "guest 7".into(), ..AccountStatus::default() };
        let connected = AccountStatus { state: AccountState::Connected, ..guest };
        assert!(states.report("irc", &connected), "one that is known goes on");
        assert!(states.report("xmpp", &connected), "so do other channels");
    }
}
