//! The thread that looks: when events come, and now and then without them.

use super::{
    Options, Shared, Targets,
    eyes::Eyes,
    hints::Heard,
    look::look,
    plan::Plan,
    settling::{Look, Unrest, Verdict},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};
use tracing::debug;

/// How often the plan is drawn again because folders came and went meanwhile. Whatever still moves
/// then tells of itself.
const DRAWS: usize = 3;

/// How much longer than a full look took the next one waits at least, so that no flood of events
/// takes a processor for itself.
const EASE: u32 = 3;

pub(super) struct Tracker {
    shared: Arc<Shared>,
    options: Options,
    targets: Targets,
    eyes: Eyes,
    plan: Plan,
    /// Every file in question as it was when it was last at rest.
    known: HashMap<PathBuf, Look>,
    restless: BTreeMap<PathBuf, Unrest>,
    /// What is to be reported once its files are at rest.
    owed: BTreeSet<PathBuf>,
    /// When everything is looked at, whatever was heard.
    tick: Instant,
    /// Before when nothing is looked at because of events.
    rested: Instant,
}

impl Tracker {
    pub(super) fn new(shared: Arc<Shared>, options: Options) -> Self {
        let now = Instant::now();
        Self {
            eyes: Eyes::new(Arc::clone(&shared), options.retry),
            shared,
            options,
            targets: Targets::default(),
            plan: Plan::default(),
            known: HashMap::new(),
            restless: BTreeMap::new(),
            owed: BTreeSet::new(),
            tick: now,
            rested: now,
        }
    }

    /// Looks until the watch is dropped.
    pub(super) fn run(mut self) {
        let mut due = Instant::now();
        while let Some((heard, targets)) = self.shared.wait(due, self.rested) {
            due = self.pass(heard, targets);
        }
    }

    /// One turn. Returns when the next one is due, whatever is heard.
    fn pass(&mut self, heard: Heard, targets: Option<Targets>) -> Instant {
        let start = Instant::now();
        let is_due = start >= self.tick;
        if heard.is_incomplete || (is_due && !self.eyes.are_open()) {
            debug!("events were lost; everything is looked at and watched anew");
            self.eyes.close();
        }
        for folder in &heard.lost {
            self.eyes.lose(folder);
        }
        let is_full = is_due || heard.is_something || heard.is_incomplete || targets.is_some();
        if is_full {
            self.draw(targets, start);
            self.look_at_all(&heard);
        }
        let settling = self.settle();
        self.report();
        if is_full {
            let end = Instant::now();
            let sees_all = self.eyes.see(&self.plan.directories);
            self.tick = end + if sees_all { self.options.tick } else { self.options.poll };
            self.rested = end + (end - start) * EASE;
        }
        settling.map_or(self.tick, |at| at.min(self.tick))
    }

    /// Draws the plan and watches its folders, until what is watched is what is there.
    fn draw(&mut self, targets: Option<Targets>, now: Instant) {
        let is_retargeted = targets.is_some();
        self.targets = targets.unwrap_or_else(|| std::mem::take(&mut self.targets));
        let before = std::mem::take(&mut self.plan).units;
        for _ in 0..DRAWS {
            self.plan = Plan::draw(&self.targets);
            self.shared.attend(&self.plan);
            if self.options.poll_only || !self.eyes.watch(&self.plan.directories, now) {
                break;
            }
        }
        let units = &self.plan.units;
        if !is_retargeted {
            // A folder that nobody named is gone.
            let gone = before.into_keys().filter(|path| !units.contains_key(path));
            self.shared.deliver(gone.collect());
        }
        let files: BTreeSet<_> = units.values().flatten().collect();
        self.known.retain(|path, _| files.contains(path));
        self.restless.retain(|path, _| files.contains(path));
        self.owed.retain(|path| units.contains_key(path));
    }

    fn look_at_all(&mut self, heard: &Heard) {
        let now = Instant::now();
        for path in self.plan.units.values().flatten() {
            let sign = heard.signs.get(path).copied();
            if let Some(unrest) = self.restless.get_mut(path) {
                if let Some(sign) = sign {
                    unrest.sign(now, sign);
                }
                continue;
            }
            let known = self.known.get(path).copied();
            let found = look(path, known.flatten());
            // A second write in the same second shows in nothing but its event.
            let is_doubtful = found.is_some_and(|seen| seen.is_coarse())
                && (sign.is_some() || heard.is_incomplete);
            if known != Some(found) || is_doubtful {
                let mut unrest = Unrest::begin(now, found);
                if let Some(sign) = sign {
                    unrest.sign(now, sign);
                }
                self.restless.insert(path.clone(), unrest);
            }
        }
    }

    /// Looks at what is restless, and takes note of what came to rest. Returns when to do so again.
    fn settle(&mut self) -> Option<Instant> {
        let (mut settled, mut next) = (BTreeSet::new(), None::<Instant>);
        let (known, patience) = (&mut self.known, self.options.patience());
        self.restless.retain(|path, unrest| {
            let (found, now) = (look(path, unrest.last()), Instant::now());
            match unrest.judge(now, found, patience) {
                Verdict::Settled => {
                    let before = known.insert(path.clone(), found);
                    if before != Some(found) || found.is_some_and(|seen| seen.is_coarse()) {
                        settled.insert(path.clone());
                    }
                    false
                }
                Verdict::Again(at) => {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    if unrest.is_endless(now) {
                        debug!(path = %path.display(), "unsettled: the file does not come to rest");
                    }
                    true
                }
            }
        });
        if !settled.is_empty() {
            let units = self.plan.units.iter();
            let changed = units.filter(|(_, files)| !files.is_disjoint(&settled));
            self.owed.extend(changed.map(|(path, _)| path.clone()));
        }
        next
    }

    /// Reports what is owed and at rest; takes back what moves again before anybody heard of it.
    fn report(&mut self) {
        let is_moving = |path: &PathBuf| {
            let files = self.plan.units.get(path).into_iter().flatten();
            files.into_iter().any(|file| self.restless.contains_key(file))
        };
        if !self.restless.is_empty() {
            self.owed.extend(self.shared.withdraw(is_moving));
        }
        let (moving, ready) = std::mem::take(&mut self.owed).into_iter().partition(is_moving);
        self.owed = moving;
        self.shared.deliver(ready);
    }
}
