//! Going on after a reload: accounts are brought to rest, written down, and taken up by the next
//! generation of the plugin, or by this one should the next be withdrawn.

use crate::{
    Entry, Irc,
    account::{Account, restore_memory, save_memory},
    state::{Accounts, SavedEntry},
};
use loader_sdk::{futures::future::join_all, prelude::*};
use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

/// How long accounts may take to come to rest: less than the host waits.
const PATIENCE: Duration = Duration::from_secs(1);

impl Handover for Irc {
    type State = Accounts;

    async fn export(&self) -> Result<Accounts> {
        let mut rest = Rest(self.accounts());
        let rests = join_all(rest.0.iter().map(|account| account.rest()));
        if self.host.timeout(PATIENCE, rests).await.is_none() {
            return Err(Error::unavailable(
                "not_at_rest",
                "the server or the gateway does not take what an IRC account has in hand",
            )
            .hint("try again when less is under way")
            .retry_after(PATIENCE));
        }
        let entries = mem::take(&mut *self.entries());
        let saved = entries.iter().map(|(name, entry)| {
            let account = entry.account.as_ref().map(|account| account.save());
            (name.clone(), SavedEntry { sent: save_memory(&entry.memory), account })
        });
        let state = Accounts { entries: saved.collect() };
        mem::take(&mut rest.0).iter().for_each(|account| account.give_way());
        Ok(state)
    }

    async fn import(&self, state: Accounts) -> Result<()> {
        let mut entries = BTreeMap::new();
        for (name, saved) in state.entries {
            let memory = restore_memory(saved.sent);
            let restore =
                |account| Account::restore(self.host.clone(), &name, account, memory.clone());
            let account = saved.account.map(restore).transpose()?;
            entries.insert(name, Entry { memory, account });
        }
        *self.entries() = entries;
        self.accounts().iter().for_each(Account::resume);
        Ok(())
    }
}

/// Accounts that rest, and go on when this is dropped.
struct Rest(Vec<Arc<Account>>);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.iter().for_each(|account| account.go_on());
    }
}
