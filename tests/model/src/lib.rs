//! The engine's own files under other atomics: what is checked here is what runs.
//!
//! `leases` is compiled twice, for loom and for shuttle; `transaction` knows no atomics. Nothing of them
//! is copied.

#![cfg(test)]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "the files are the engine's: one is compiled twice, and not all of each is used here"
)]

mod counting;
mod loomed;
mod reloading;
mod shuttled;

#[path = "../../../core/src/reload/transaction.rs"]
mod transaction;
