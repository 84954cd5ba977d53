//! A state that comes from one of a version as high as its own.

use loader_sdk::prelude::*;

#[state(version = 2)]
pub struct Counters {
    total: u64,
}

#[state(version = 2, from = Counters)]
pub struct MoreCounters {
    total: u64,
}

impl From<Counters> for MoreCounters {
    fn from(old: Counters) -> Self {
        Self { total: old.total }
    }
}

fn main() {}
