//! What an account is to do, and whether it does so.
//!
//! The account's task is two: the *keeper* of the connection and the *teller* of reports. Each stands
//! still and goes on by itself, so that one that cannot stand still does not hold up the other.

use crate::{signal::Signal, state::Progress};
use std::mem;

/// What an account is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Be connected.
    Stay,
    /// Stand still, so that another can go on.
    Rest,
    /// End.
    Leave,
}

struct State {
    wish: Wish,
    keeper_rests: bool,
    /// Where the keeper goes on; nowhere when it has given up.
    progress: Option<Progress>,
    teller_rests: bool,
    /// Whether the task is no more.
    over: bool,
}

/// The course of one account.
pub(super) struct Course(Signal<State>);

impl Course {
    /// A course that begins here; nowhere for an account that has given up.
    pub(super) fn from(progress: Option<Progress>) -> Self {
        Self(Signal::new(State {
            wish: Wish::Stay,
            keeper_rests: true,
            progress,
            teller_rests: true,
            over: false,
        }))
    }

    /// The account is to end. Whether nobody said so before.
    pub(super) fn leave(&self) -> bool {
        self.0.change(|state| mem::replace(&mut state.wish, Wish::Leave) != Wish::Leave)
    }

    /// Lets the account stand still, and waits until it does or is no more.
    pub(super) async fn rest(&self) {
        self.0.change(|state| {
            if state.wish == Wish::Stay {
                state.wish = Wish::Rest;
            }
        });
        let rests = |state: &mut State| state.over || (state.keeper_rests && state.teller_rests);
        self.0.until(|state| rests(state).then_some(())).await;
    }

    /// Ends the rest.
    pub(super) fn go_on(&self) {
        self.0.change(|state| {
            if state.wish == Wish::Rest {
                state.wish = Wish::Stay;
            }
        });
    }

    /// Where an account at rest goes on.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.0.look(|state| state.progress.clone())
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.0.look(|state| state.wish == Wish::Leave)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.look(|state| state.over)
    }

    /// Waits until the account is to end.
    pub(super) async fn leaves(&self) {
        self.0.until(|state| (state.wish == Wish::Leave).then_some(())).await;
    }

    /// Waits until the account is to stand still.
    pub(super) async fn rests(&self) {
        self.0.until(|state| (state.wish == Wish::Rest).then_some(())).await;
    }

    /// Waits until the account is not to be connected any more.
    pub(super) async fn turns(&self) -> Wish {
        self.0.until(|state| (state.wish != Wish::Stay).then_some(state.wish)).await
    }

    /// Waits until the task is no more.
    pub(super) async fn is_gone(&self) {
        self.0.until(|state| state.over.then_some(())).await;
    }

    /// The keeper stands still here.
    pub(super) fn keeper_stops(&self, progress: Option<Progress>) {
        self.0.change(|state| {
            state.keeper_rests = true;
            state.progress = progress;
        });
    }

    /// Waits until the keeper may go on, and says where; `None` when there is nothing more to do.
    pub(super) async fn keeper_goes(&self) -> Option<Progress> {
        let goes = self.0.until(|state| match state.wish {
            Wish::Rest => None,
            Wish::Leave => Some(None),
            Wish::Stay => {
                state.keeper_rests = state.progress.is_none();
                Some(state.progress.take())
            }
        });
        goes.await
    }

    /// The teller stands still.
    pub(super) fn teller_stops(&self) {
        self.0.change(|state| state.teller_rests = true);
    }

    /// Waits until the teller may go on; `false` when there is nothing more to do.
    pub(super) async fn teller_goes(&self) -> bool {
        let goes = self.0.until(|state| match state.wish {
            Wish::Rest => None,
            Wish::Leave => Some(false),
            Wish::Stay => {
                state.teller_rests = false;
                Some(true)
            }
        });
        goes.await
    }

    /// The task is no more.
    pub(super) fn end(&self) {
        self.0.change(|state| state.over = true);
    }
}
