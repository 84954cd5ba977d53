//! Reloads under load: the engine's transaction driven over a model of a plugin, with callers, other
//! reloads and every kind of failure at any time.
//!
//! What must hold in every schedule: a call runs in one generation that is not gone and owns the state;
//! every call is answered; in the end one generation serves, the door open; state that did not get lost
//! on a failed return counts every call.

use crate::{
    shuttled::leases::{Door, Kind, Leases},
    transaction::{Actor, Event, State, TABLE, Verdict, drive},
};
use shuttle::{
    rand::{Rng, thread_rng},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

/// Schedules of the short form; `LOADER_MODEL_SCHEDULES=1000000` is the long one.
const SCHEDULES: usize = 20_000;

struct Generation {
    leases: Leases,
    /// Whether it owns the state.
    owns: AtomicBool,
    count: AtomicU64,
    /// What it gave away, until somebody says who goes on.
    given: Mutex<Option<u64>>,
    gone: AtomicBool,
}

impl Generation {
    fn door(&self) -> Door {
        let door = self.leases.enter(Kind::Other);
        self.leases.leave(Kind::Other);
        door
    }

    fn new(owns: bool) -> Arc<Self> {
        Arc::new(Self {
            leases: Leases::new(),
            owns: AtomicBool::new(owns),
            count: AtomicU64::new(0),
            given: Mutex::new(None),
            gone: AtomicBool::new(false),
        })
    }
}

struct Plugin {
    slot: Mutex<Arc<Generation>>,
    changed: Condvar,
    turn: Mutex<()>,
    stateful: bool,
    /// Whether some return could not hand state back.
    lost: AtomicBool,
}

impl Plugin {
    fn serving(&self) -> Arc<Generation> {
        self.slot.lock().unwrap().clone()
    }

    /// As the dispatcher does it: a lease, or a wait while state is handed over.
    fn call(&self) {
        loop {
            let generation = self.serving();
            let door = generation.leases.enter(Kind::Call);
            if door == Door::Open {
                for _ in 0..2 {
                    assert!(!generation.gone.load(SeqCst), "a call in a generation that is gone");
                    if self.stateful {
                        assert!(generation.owns.load(SeqCst), "a call without the state");
                    }
                    thread::yield_now();
                }
                generation.count.fetch_add(1, SeqCst);
                generation.leases.leave(Kind::Call);
                return;
            }
            generation.leases.leave(Kind::Call);
            let mut slot = self.slot.lock().unwrap();
            while Arc::ptr_eq(&slot, &generation) && generation.door() == Door::Held {
                slot = self.changed.wait(slot).unwrap();
            }
        }
    }

    fn serve(&self, generation: Arc<Generation>) -> Arc<Generation> {
        let mut slot = self.slot.lock().unwrap();
        let before = std::mem::replace(&mut *slot, generation);
        self.changed.notify_all();
        before
    }

    fn release(&self, generation: &Generation) {
        generation.leases.release();
        let _slot = self.slot.lock().unwrap();
        self.changed.notify_all();
    }
}

struct Reload<'a> {
    plugin: &'a Plugin,
    fresh: Option<Arc<Generation>>,
    old: Option<Arc<Generation>>,
    /// As in the engine: what arrived, or nothing of what was asked for.
    exported: Option<Option<u64>>,
}

fn fails() -> bool {
    thread_rng().gen_bool(0.2)
}

fn hold(generation: &Generation) -> Event {
    generation.leases.hold();
    for _ in 0..8 {
        if generation.leases.calls() == 0 {
            return Event::Done;
        }
        thread::yield_now();
    }
    Event::Failed
}

/// A generation that is asked for its state while nobody is inside, or that is about to be cut off. The
/// answer may be lost, though the state was given.
fn export(generation: &Generation) -> Option<u64> {
    if fails() {
        return None;
    }
    generation.owns.store(false, SeqCst);
    let count = generation.count.load(SeqCst);
    *generation.given.lock().unwrap() = Some(count);
    if fails() { None } else { Some(count) }
}

/// A generation takes a state, or without one what it gave away itself.
fn import(generation: &Generation, state: Option<u64>) -> Event {
    if fails() {
        return Event::Failed;
    }
    let given = generation.given.lock().unwrap().take();
    if let Some(state) = state.or(given) {
        generation.count.store(state, SeqCst);
    }
    generation.owns.store(true, SeqCst);
    Event::Done
}

fn end(generation: &Generation) {
    generation.leases.close();
    while generation.leases.all() > 0 {
        thread::yield_now();
    }
    generation.gone.store(true, SeqCst);
}

impl Actor for Reload<'_> {
    async fn act(&mut self, state: State, _: Option<Verdict>) -> Event {
        thread::yield_now();
        match state {
            State::Examine if thread_rng().gen_bool(0.1) => Event::Unchanged,
            State::Examine if fails() => Event::Failed,
            State::Start if fails() => Event::Failed,
            State::Start => {
                self.fresh = Some(Generation::new(!self.plugin.stateful));
                Event::Done
            }
            State::Check if fails() => Event::Failed,
            State::Check if self.plugin.stateful => Event::Stateful,
            State::Hold => hold(&self.plugin.serving()),
            State::Export => {
                let state = export(&self.plugin.serving());
                self.exported = Some(state);
                if state.is_some() { Event::Done } else { Event::Failed }
            }
            State::Import => import(self.fresh.as_ref().unwrap(), self.exported.unwrap()),
            State::Publish => {
                self.old = Some(self.plugin.serve(self.fresh.take().unwrap()));
                Event::Done
            }
            State::Watch if fails() => {
                if self.plugin.stateful {
                    Event::Stateful
                } else {
                    Event::Failed
                }
            }
            State::Resume => {
                let old = self.plugin.serving();
                let event = self.exported.map_or(Event::Done, |state| import(&old, state));
                if event == Event::Failed {
                    self.plugin.lost.store(true, SeqCst);
                    old.owns.store(true, SeqCst);
                }
                self.plugin.release(&old);
                event
            }
            State::HoldBack => match hold(&self.plugin.serving()) {
                Event::Failed => {
                    // Calls that do not finish are cut off; what they did is lost.
                    self.plugin.lost.store(true, SeqCst);
                    while self.plugin.serving().leases.calls() > 0 {
                        thread::yield_now();
                    }
                    Event::Failed
                }
                event => event,
            },
            State::ExportBack => match export(&self.plugin.serving()) {
                Some(state) => {
                    self.exported = Some(Some(state));
                    Event::Done
                }
                None => {
                    self.plugin.lost.store(true, SeqCst);
                    Event::Failed
                }
            },
            State::ImportBack => {
                let old = self.old.as_ref().unwrap();
                let event = import(old, self.exported.unwrap());
                if event == Event::Failed {
                    self.plugin.lost.store(true, SeqCst);
                    old.owns.store(true, SeqCst);
                }
                event
            }
            State::Return => {
                let old = self.old.take().unwrap();
                old.leases.release();
                self.fresh = Some(self.plugin.serve(old));
                Event::Done
            }
            State::Discard => {
                end(&self.fresh.take().unwrap());
                Event::Done
            }
            State::Retire => {
                end(&self.old.take().unwrap());
                Event::Done
            }
            _ => Event::Done,
        }
    }
}

fn reload(plugin: &Plugin) {
    let _turn = plugin.turn.lock().unwrap();
    let mut reload = Reload { plugin, fresh: None, old: None, exported: None };
    let verdict = shuttle::future::block_on(drive(&mut reload)).expect("a legal course");
    assert!(verdict.is_some(), "a reload without a verdict");
    assert!(reload.fresh.is_none() && reload.old.is_none(), "a generation nobody ends");
}

fn schedule(stateful: bool) {
    const CALLERS: usize = 3;
    const CALLS: usize = 2;
    let plugin = Arc::new(Plugin {
        slot: Mutex::new(Generation::new(true)),
        changed: Condvar::new(),
        turn: Mutex::new(()),
        stateful,
        lost: AtomicBool::new(false),
    });
    let mut threads = Vec::new();
    for _ in 0..CALLERS {
        let plugin = plugin.clone();
        threads.push(thread::spawn(move || (0..CALLS).for_each(|_| plugin.call())));
    }
    for _ in 0..2 {
        let plugin = plugin.clone();
        threads.push(thread::spawn(move || reload(&plugin)));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let serving = plugin.serving();
    assert!(!serving.gone.load(SeqCst), "what serves is gone");
    assert_eq!(serving.door(), Door::Open, "the door stays shut");
    assert!(serving.owns.load(SeqCst), "nobody owns the state");
    if stateful && !plugin.lost.load(SeqCst) {
        assert_eq!(serving.count.load(SeqCst), (CALLERS * CALLS) as u64, "state was lost");
    }
}

fn schedules() -> usize {
    let said = std::env::var("LOADER_MODEL_SCHEDULES").ok();
    // Half for each kind of plugin.
    said.map_or(SCHEDULES, |said| said.parse().expect("a number")) / 2
}

#[test]
fn reloads_of_a_plugin_without_state_hold_under_every_schedule() {
    shuttle::check_random(|| schedule(false), schedules());
}

#[test]
fn reloads_of_a_plugin_with_state_hold_under_every_schedule() {
    shuttle::check_random(|| schedule(true), schedules());
}

/// Every state but the last.
const STATES: [State; 15] = [
    State::Examine,
    State::Start,
    State::Check,
    State::Hold,
    State::Export,
    State::Import,
    State::Publish,
    State::Watch,
    State::Resume,
    State::HoldBack,
    State::ExportBack,
    State::ImportBack,
    State::Return,
    State::Discard,
    State::Retire,
];

#[test]
fn every_state_leads_somewhere_and_every_way_ends() {
    for (state, event, next, _) in TABLE {
        let again = TABLE.iter().filter(|row| (row.0, row.1) == (*state, *event)).count();
        assert_eq!(again, 1, "{state:?} {event:?} is there {again} times");
        let goes_on = *next == State::Over || TABLE.iter().any(|row| row.0 == *next);
        assert!(goes_on, "{next:?} is a dead end");
    }
    // Every step may go well; and every step may fail but for those that undo and end.
    for state in STATES {
        let legal = |event| TABLE.iter().any(|row| (row.0, row.1) == (state, event));
        assert!(legal(Event::Done), "{state:?} cannot go well");
        let may_fail = !matches!(state, State::Return | State::Discard | State::Retire);
        assert_eq!(legal(Event::Failed), may_fail, "{state:?}");
    }
    // No way is longer than the table: there is no circle.
    fn longest(state: State, depth: usize) -> usize {
        assert!(depth <= TABLE.len(), "a circle");
        let rows = TABLE.iter().filter(|row| row.0 == state);
        rows.map(|row| longest(row.2, depth + 1)).max().unwrap_or(depth)
    }
    assert!(longest(State::Examine, 0) > 8);
    // A verdict is known, once, on every way.
    fn walk(state: State, verdict: Option<Verdict>) {
        if state == State::Over {
            assert!(verdict.is_some());
        }
        for row in TABLE.iter().filter(|row| row.0 == state) {
            assert!(!(verdict.is_some() && row.3.is_some()), "two verdicts at {state:?}");
            walk(row.2, verdict.or(row.3));
        }
    }
    walk(State::Examine, None);
}
