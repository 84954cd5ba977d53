//! Replacing native code under load: one transaction for each reload, kept in a ledger.
//!
//! ```text
//! examine ─▶ start ─▶ check ─▶ (hold ─▶ export ─▶ import) ─▶ publish ─▶ watch ─▶ retire
//!                                     │                                   │
//!                       resume ◀──────┘      (hold ─▶ export ─▶ import) ◀─┤
//!                          └─▶ discard ◀──────────── return ◀─────────────┘
//! ```
//!
//! The steps in parentheses are for plugins with state. [`transaction`] is the machine, [`canary`] the
//! watch over a fresh generation, [`ledger`] the memory; the engine does what the machine says.

pub(crate) mod canary;
pub(crate) mod handover;
mod ledger;
mod transaction;

pub use canary::CanaryPolicy;
pub use ledger::{Cause, Ledger, Life, Reload, Step};
pub use transaction::Verdict;

pub(crate) use transaction::{Actor, Event, State, drive};
