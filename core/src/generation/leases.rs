//! How many are inside a generation, and whether more may come in.
//!
//! The count and the door are one word: whoever comes in learns at the same moment what the door says,
//! and whoever shuts the door learns at the same moment who is inside. This file is also compiled into
//! the model checks, with their atomics in the place of `sync`.

use super::sync::{
    AtomicU64,
    Ordering::{AcqRel, Acquire},
};

/// How many are inside, and the door: two bits of the door, then the calls, then everything else.
pub(crate) struct Leases(AtomicU64);

/// What somebody is inside for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call: short, and waited for when state is handed over.
    Call,
    /// A stream, or a step of the host's own.
    Other,
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody.
    Open,
    /// Nobody for a moment: state is being handed over, here or elsewhere.
    Held,
    /// Nobody any more.
    Closed,
}

const HELD: u64 = 1;
const CLOSED: u64 = 2;
const CALL: u64 = 1 << 2;
const OTHER: u64 = 1 << 33;

impl Kind {
    const fn unit(self) -> u64 {
        match self {
            Self::Call => CALL,
            Self::Other => OTHER,
        }
    }
}

impl Door {
    const fn of(word: u64) -> Self {
        match word {
            _ if word & CLOSED != 0 => Self::Closed,
            _ if word & HELD != 0 => Self::Held,
            _ => Self::Open,
        }
    }
}

impl Leases {
    /// Nobody inside, the door open.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Comes in, whatever the door says; the answer is what it says. Every `enter` needs a
    /// [`leave`](Self::leave), also of those who turn back at once.
    pub(crate) fn enter(&self, kind: Kind) -> Door {
        Door::of(self.0.fetch_add(kind.unit(), AcqRel))
    }

    /// Goes out. `true` when somebody may be waiting for that.
    pub(crate) fn leave(&self, kind: Kind) -> bool {
        Door::of(self.0.fetch_sub(kind.unit(), AcqRel)) != Door::Open
    }

    /// Lets nobody in for a moment.
    pub(crate) fn hold(&self) {
        self.0.fetch_or(HELD, AcqRel);
    }

    /// Lets everybody in again, unless the door was closed for good.
    pub(crate) fn release(&self) {
        self.0.fetch_and(!HELD, AcqRel);
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, AcqRel);
    }

    /// Calls inside.
    pub(crate) fn calls(&self) -> usize {
        (self.0.load(Acquire) % OTHER / CALL) as usize
    }

    /// Everybody inside.
    pub(crate) fn all(&self) -> usize {
        let word = self.0.load(Acquire);
        (word % OTHER / CALL + word / OTHER) as usize
    }
}
