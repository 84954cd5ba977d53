//! Connections that the host owns and lends by name: what `net/1` and `websocket/1` have in common.
//!
//! [`names`] says who may open, take over or close what. A [`keeper`] is a task of its own that owns a
//! connection and serves whoever holds it, or nobody, so that the connection outlives the stream, the
//! call and the generation that asked for it. Of the connection itself it knows what [`Lent`] says.

mod holder;
mod keeper;
mod lent;
mod names;
mod unread;

pub(super) use holder::Holder;
pub(super) use keeper::Command;
pub(super) use lent::{Ended, Lent};

use crate::message::Failure;
use holder::{Claim, Refusal};
use names::{Key, Names, Reserved};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The names of one kind of connection.
pub(super) type Loans<L> = Names<Command<<L as Lent>::Address>>;

/// Gives the open connection of this name to a holder, or a new one. Without a name it is a new one, and
/// nobody takes it over.
pub(super) async fn hold<L: Lent>(
    names: &Arc<Loans<L>>,
    key: Key,
    address: L::Address,
    mut holder: Holder,
    dial: impl Future<Output = Result<L, Failure>>,
) -> Result<(), Failure> {
    let reservation = loop {
        if key.1.is_empty() {
            break None;
        }
        let commands = match names.reserve(&key, &holder.sender) {
            Reserved::New(reservation) => break Some(reservation),
            Reserved::Open(commands) => commands,
            Reserved::Taken => return Err(L::held(&key.1)),
        };
        let (reply, refusal) = oneshot::channel();
        let claim = Command::Claim(Claim { address: address.clone(), holder, reply });
        if let Err(unheard) = commands.send(claim) {
            unheard.0.turn_away();
        }
        holder = match refusal.await {
            Ok(Refusal::Closed(holder)) => *holder,
            Ok(Refusal::Held) => return Err(L::held(&key.1)),
            Err(_) => return Ok(()),
        };
        // It has just closed, and its name is free.
    };
    keeper::spawn(dial.await?, address, reservation, holder);
    Ok(())
}
