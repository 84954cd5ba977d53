//! The task that owns a connection.
//!
//! Everything happens in one loop, one thing at a time, so that a change of holders falls between two
//! things and never into one: nothing is lost, doubled or reordered. What a holder had not read when it
//! went is read by the next one; what it had queued is still sent. While a holder does not read, the
//! other side is not read either.

use super::{
    holder::{Claim, Holder, Refusal},
    lent::{Ended, Lent},
    names::Reservation,
    unread::{Gone, Unread},
};
use crate::{
    message::{Failure, Message},
    stream::{End, Receiver, Sender},
};
use std::{future::pending, ops::ControlFlow, pin::Pin, task::Poll, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, timeout},
};

/// How long the last words may take.
const LINGER: Duration = Duration::from_secs(5);

/// What the task can be told.
pub(in crate::services) enum Command<A> {
    /// Somebody wants to hold the connection.
    Claim(Claim<A>),
    /// Nobody is to hold it any more.
    Close,
    /// A generation is gone.
    Release { generation: u64 },
}

impl<A> Command<A> {
    /// Answers for a connection that is closed.
    pub(super) fn turn_away(self) {
        if let Self::Claim(claim) = self {
            let _ = claim.reply.send(Refusal::Closed(Box::new(claim.holder)));
        }
    }
}

/// Starts serving a connection to its first holder. One without a name has no other.
pub(super) fn spawn<L: Lent>(
    lent: L,
    address: L::Address,
    reservation: Option<Reservation<Command<L::Address>>>,
    holder: Holder,
) {
    let (commands, orders) = mpsc::unbounded_channel();
    if let Some(reservation) = &reservation {
        reservation.announce(commands);
    }
    let unread = Unread::default();
    let mut loan =
        Loan { lent, address, reservation, unread, holder: None, is_known: false, orphaned: None };
    loan.take_on(holder, false);
    tokio::spawn(loan.serve(orders));
}

/// A connection that is lent, or waits to be.
struct Loan<L: Lent> {
    lent: L,
    address: L::Address,
    /// The name; none for a connection without one, or once it is free for another.
    reservation: Option<Reservation<Command<L::Address>>>,
    unread: Unread,
    holder: Option<Holder>,
    /// Whether some holder knew that it held the connection.
    is_known: bool,
    /// When the wait for the next holder is over.
    orphaned: Option<Pin<Box<Sleep>>>,
}

/// What happened next.
enum Happening<A> {
    Stepped(Option<Message>),
    Given(Result<Message, End>),
    Room,
    HolderLeft,
    Expired,
    Ordered(Command<A>),
}

impl<L: Lent> Loan<L> {
    async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Command<L::Address>>) {
        while self.deliver().is_continue() {
            let happening = self.next(&mut orders).await;
            if self.handle(happening).is_break() {
                break;
            }
        }
        // The name first: whoever asks for it now gets a connection of its own.
        self.reservation = None;
        orders.close();
        while let Ok(command) = orders.try_recv() {
            command.turn_away();
        }
        let _ = timeout(LINGER, self.lent.part()).await;
    }

    async fn next(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Command<L::Address>>,
    ) -> Happening<L::Address> {
        let waits = !self.unread.is_empty();
        let (reads, sender, receiver, outcome) = match &mut self.holder {
            Some(Holder { sender, receiver, outcome, .. }) => {
                (!waits, Some(&*sender), receiver.as_ref(), Some(outcome))
            }
            None => (!self.unread.is_full(), None, None, None),
        };
        let takes = !self.lent.is_sending();
        tokio::select! {
            read = self.lent.step(reads) => Happening::Stepped(read),
            given = or_never(receiver.map(Receiver::receive)), if takes => Happening::Given(given),
            () = or_never(sender.map(Sender::writable)), if waits => Happening::Room,
            () = or_never(sender.map(Sender::closed)) => Happening::HolderLeft,
            () = or_never(outcome.map(oneshot::Sender::closed)) => Happening::HolderLeft,
            () = or_never(self.orphaned.as_mut()) => Happening::Expired,
            Some(order) = orders.recv() => Happening::Ordered(order),
        }
    }

    fn handle(&mut self, happening: Happening<L::Address>) -> ControlFlow<()> {
        match happening {
            Happening::Stepped(read) => {
                if let Some(message) = read {
                    self.unread.push(message);
                }
                if self.lent.is_parting() {
                    self.mute();
                }
            }
            Happening::Room => {}
            Happening::Given(Ok(message)) => {
                if let Err(failure) = self.lent.queue(message) {
                    return self.dismiss(Err(failure));
                }
            }
            Happening::Given(Err(end)) => {
                self.lent.hush(&end);
                self.mute();
            }
            Happening::HolderLeft => return self.orphan(End::Cancelled),
            Happening::Expired => return ControlFlow::Break(()),
            Happening::Ordered(Command::Claim(claim)) => return self.consider(claim),
            Happening::Ordered(Command::Close) => return self.dismiss(Ok(())),
            Happening::Ordered(Command::Release { generation }) => {
                if self.holder.as_ref().is_some_and(|holder| holder.generation == generation) {
                    return self.orphan(End::Superseded);
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Gives the holder what was read, and, after the last of it, the end.
    fn deliver(&mut self) -> ControlFlow<()> {
        if let Some(holder) = &self.holder
            && let Err(Gone) = self.unread.deliver(&holder.sender)
        {
            return self.orphan(End::Cancelled);
        }
        if !self.unread.is_empty() {
            return ControlFlow::Continue(());
        }
        match (self.lent.ended(), &self.holder) {
            (None, _) => ControlFlow::Continue(()),
            (Some(_), None) => ControlFlow::Break(()),
            (Some(Ended::Gone(outcome)), Some(_)) => self.dismiss(outcome),
            (Some(Ended::Silent), Some(holder)) => {
                // The holder may still speak. The name is free before the end is seen.
                self.reservation = None;
                holder.sender.end(End::Done);
                if holder.receiver.is_none() && !self.lent.is_sending() {
                    return self.dismiss(Ok(()));
                }
                ControlFlow::Continue(())
            }
        }
    }

    fn take_on(&mut self, holder: Holder, adopted: bool) {
        holder.welcome(self.lent.head(adopted));
        self.orphaned = None;
        self.holder = Some(holder);
    }

    /// Stops listening to the holder.
    fn mute(&mut self) {
        if let Some(holder) = &mut self.holder {
            holder.receiver = None;
        }
    }

    /// Decides on a wish to hold the connection.
    fn consider(&mut self, claim: Claim<L::Address>) -> ControlFlow<()> {
        // A holder may have left a moment ago.
        let left = self.holder.as_ref().is_some_and(Holder::has_left);
        let flow = if left { self.orphan(End::Cancelled) } else { ControlFlow::Continue(()) };
        if self.holder.is_some() {
            let _ = claim.reply.send(Refusal::Held);
        } else if flow.is_continue() && claim.address == self.address {
            self.take_on(claim.holder, true);
        } else {
            // The name first: whoever asks for it now gets a connection of its own.
            self.reservation = None;
            Command::Claim(claim).turn_away();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Parts from the holder and waits for the next one, if there is something to wait for.
    fn orphan(&mut self, end: End) -> ControlFlow<()> {
        let Some(mut holder) = self.holder.take() else { return ControlFlow::Continue(()) };
        self.collect(&mut holder);
        let keep = holder.keep;
        let sender = holder.part(end, Ok(()));
        self.is_known |= !self.unread.take_back(&sender);
        // What nobody knows of nobody comes back to: the next one would take it for another.
        if !self.is_known || keep.is_zero() || self.lent.is_parting() || self.reservation.is_none()
        {
            return ControlFlow::Break(());
        }
        self.orphaned = Some(Box::pin(sleep(keep)));
        ControlFlow::Continue(())
    }

    /// Tells the holder how it ended. Nothing is left but to send what it gave, and goodbye.
    fn dismiss(&mut self, outcome: Result<(), Failure>) -> ControlFlow<()> {
        if let Some(mut holder) = self.holder.take() {
            self.collect(&mut holder);
            // The name is free before the end is seen.
            self.reservation = None;
            let end = outcome.clone().map_or_else(End::Failed, |()| End::Done);
            holder.part(end, outcome);
        }
        ControlFlow::Break(())
    }

    /// Takes what the holder gave and the loop has not come to yet.
    fn collect(&mut self, holder: &mut Holder) {
        let Some(receiver) = holder.receiver.take() else { return };
        loop {
            match receiver.try_receive() {
                // What cannot be sent has nobody left to be told.
                Poll::Ready(Ok(message)) => drop(self.lent.queue(message)),
                Poll::Ready(Err(end)) => return self.lent.hush(&end),
                Poll::Pending => return,
            }
        }
    }
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
