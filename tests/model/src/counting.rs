//! Who is inside a generation: no call runs while state is moved, none is inside one that is gone, and
//! whoever waits for the last one to leave is woken.

use crate::loomed::leases::{Door, Kind, Leases};
use loom::{
    sync::{
        Arc, Notify,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

struct Generation {
    leases: Leases,
    left: Notify,
    /// Nobody may be inside.
    alone: AtomicBool,
}

impl Generation {
    fn new() -> Arc<Self> {
        Arc::new(Self { leases: Leases::new(), left: Notify::new(), alone: AtomicBool::new(false) })
    }

    /// Tries to come in, and is inside for a moment if it may.
    fn call(&self) -> bool {
        let door = self.leases.enter(Kind::Call);
        if door == Door::Open {
            assert!(!self.alone.load(SeqCst), "a call is inside that must not be");
        }
        if self.leases.leave(Kind::Call) {
            self.left.notify();
        }
        door == Door::Open
    }

    fn await_calls(&self) {
        while self.leases.calls() > 0 {
            self.left.wait();
        }
    }
}

/// Every schedule with up to three switches at unfortunate moments: more of them is hours.
fn check(schedule: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(schedule);
}

#[test]
fn no_call_is_inside_while_state_is_moved() {
    check(|| {
        let generation = Generation::new();
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let generation = generation.clone();
                thread::spawn(move || generation.call())
            })
            .collect();
        generation.leases.hold();
        generation.await_calls();
        generation.alone.store(true, SeqCst);
        generation.alone.store(false, SeqCst);
        generation.leases.release();
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(generation.leases.all(), 0);
        assert!(generation.call(), "the door is open again");
    });
}

#[test]
fn no_call_is_inside_once_a_closed_generation_is_empty() {
    check(|| {
        let generation = Generation::new();
        let caller = {
            let generation = generation.clone();
            thread::spawn(move || (generation.call(), generation.call()))
        };
        generation.leases.close();
        generation.await_calls();
        generation.alone.store(true, SeqCst);
        generation.leases.release();
        let _ = caller.join().unwrap();
        assert_eq!(generation.leases.enter(Kind::Call), Door::Closed, "closed is for good");
    });
}

#[test]
fn a_stream_does_not_keep_state_from_being_moved_and_keeps_the_generation() {
    check(|| {
        let generation = Generation::new();
        assert_eq!(generation.leases.enter(Kind::Other), Door::Open);
        let stream = {
            let generation = generation.clone();
            thread::spawn(move || generation.leases.leave(Kind::Other))
        };
        generation.leases.hold();
        generation.await_calls();
        stream.join().unwrap();
        assert_eq!(generation.leases.all(), 0);
    });
}
