//! The names of connections: who may open, take over or close what.

use super::{connection::Command, held};
use crate::{message::Failure, stream::Sender};
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
pub(super) type Key = (Arc<str>, String);

/// Which connections there are.
#[derive(Default)]
pub(super) struct Names {
    table: Mutex<HashMap<Key, Entry>>,
    reservations: AtomicU64,
}

struct Entry {
    /// Tells this entry from a later one of the same name.
    reservation: u64,
    state: State,
}

enum State {
    /// It is being dialled for somebody; resolves when that somebody is gone.
    Dialling(BoxFuture<'static, ()>),
    /// The way to the connection.
    Open(mpsc::UnboundedSender<Command>),
}

pub(super) enum Reserved {
    New(Reservation),
    Open(mpsc::UnboundedSender<Command>),
}

impl Names {
    fn table(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the connection of a name, or reserves the name for this holder.
    pub(super) fn reserve(
        self: &Arc<Self>,
        key: &Key,
        holder: &Sender,
    ) -> Result<Reserved, Failure> {
        let mut table = self.table();
        match table.get_mut(key).map(|entry| &mut entry.state) {
            Some(State::Open(commands)) if !commands.is_closed() => {
                return Ok(Reserved::Open(commands.clone()));
            }
            Some(State::Dialling(gone)) => {
                // Who gave up a moment ago may try again, although the dialling has yet to notice.
                if gone.now_or_never().is_none() {
                    return Err(held(&key.1));
                }
            }
            Some(State::Open(_)) | None => {}
        }
        let number = self.reservations.fetch_add(1, Ordering::Relaxed);
        let state = State::Dialling(Box::pin(holder.closed()));
        table.insert(key.clone(), Entry { reservation: number, state });
        drop(table);
        Ok(Reserved::New(Reservation { names: self.clone(), key: key.clone(), number }))
    }

    /// Tells the open connection of a name something.
    pub(super) fn tell(&self, key: &Key, command: Command) {
        if let Some(Entry { state: State::Open(commands), .. }) = self.table().get(key) {
            // One that has just closed needs no telling.
            let _ = commands.send(command);
        }
    }

    /// Tells every open connection something.
    pub(super) fn tell_all(&self, command: impl Fn() -> Command) {
        for entry in self.table().values() {
            if let State::Open(commands) = &entry.state {
                let _ = commands.send(command());
            }
        }
    }
}

/// The right to a name. Dropping it frees the name.
pub(super) struct Reservation {
    names: Arc<Names>,
    key: Key,
    number: u64,
}

impl Reservation {
    /// Says where the connection can be told things. Nothing happens when another has the name.
    pub(super) fn announce(&self, commands: mpsc::UnboundedSender<Command>) {
        if let Some(entry) = self.names.table().get_mut(&self.key)
            && entry.reservation == self.number
        {
            entry.state = State::Open(commands);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut table = self.names.table();
        if table.get(&self.key).is_some_and(|entry| entry.reservation == self.number) {
            table.remove(&self.key);
        }
    }
}
