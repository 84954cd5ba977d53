//! The names of connections: who may open, take over or close what. `C` is what a connection can be
//! told.

use crate::stream::Sender;
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// The plugin and the name within it.
pub(in crate::services) type Key = (Arc<str>, String);

/// Which connections there are.
pub(in crate::services) struct Names<C> {
    table: Mutex<HashMap<Key, Entry<C>>>,
    reservations: AtomicU64,
}

struct Entry<C> {
    /// Tells this entry from a later one of the same name.
    reservation: u64,
    state: State<C>,
}

enum State<C> {
    /// It is being dialled for somebody; resolves when that somebody is gone.
    Dialling(BoxFuture<'static, ()>),
    /// The way to the connection.
    Open(mpsc::UnboundedSender<C>),
}

/// What a name is to whoever wants to hold it.
pub(super) enum Reserved<C> {
    /// Free, and now theirs.
    New(Reservation<C>),
    /// That of an open connection.
    Open(mpsc::UnboundedSender<C>),
    /// Being dialled for somebody else.
    Taken,
}

impl<C> Default for Names<C> {
    fn default() -> Self {
        Self { table: Mutex::default(), reservations: AtomicU64::new(0) }
    }
}

impl<C> Names<C> {
    fn table(&self) -> MutexGuard<'_, HashMap<Key, Entry<C>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the connection of a name, or reserves the name for this holder.
    pub(super) fn reserve(self: &Arc<Self>, key: &Key, holder: &Sender) -> Reserved<C> {
        let mut table = self.table();
        match table.get_mut(key).map(|entry| &mut entry.state) {
            Some(State::Open(commands)) if !commands.is_closed() => {
                return Reserved::Open(commands.clone());
            }
            Some(State::Dialling(gone)) => {
                // Who gave up a moment ago may try again, although the dialling has yet to notice.
                if gone.now_or_never().is_none() {
                    return Reserved::Taken;
                }
            }
            Some(State::Open(_)) | None => {}
        }
        let number = self.reservations.fetch_add(1, Ordering::Relaxed);
        let state = State::Dialling(Box::pin(holder.closed()));
        table.insert(key.clone(), Entry { reservation: number, state });
        drop(table);
        Reserved::New(Reservation { names: self.clone(), key: key.clone(), number })
    }

    /// Tells the open connection of a name something.
    pub(in crate::services) fn tell(&self, key: &Key, command: C) {
        if let Some(Entry { state: State::Open(commands), .. }) = self.table().get(key) {
            // One that has just closed needs no telling.
            let _ = commands.send(command);
        }
    }

    /// Tells every open connection something.
    pub(in crate::services) fn tell_all(&self, command: impl Fn() -> C) {
        for entry in self.table().values() {
            if let State::Open(commands) = &entry.state {
                let _ = commands.send(command());
            }
        }
    }
}

/// The right to a name. Dropping it frees the name.
pub(super) struct Reservation<C> {
    names: Arc<Names<C>>,
    key: Key,
    number: u64,
}

impl<C> Reservation<C> {
    /// Says where the connection can be told things. Nothing happens when another has the name.
    pub(super) fn announce(&self, commands: mpsc::UnboundedSender<C>) {
        if let Some(entry) = self.names.table().get_mut(&self.key)
            && entry.reservation == self.number
        {
            entry.state = State::Open(commands);
        }
    }
}

impl<C> Drop for Reservation<C> {
    fn drop(&mut self) {
        let mut table = self.names.table();
        if table.get(&self.key).is_some_and(|entry| entry.reservation == self.number) {
            table.remove(&self.key);
        }
    }
}
