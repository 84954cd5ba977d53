//! The thread that looks: when events come, and now and then without them.

use super::{
    Options, Shared, Targets, Turn,
    eyes::Eyes,
    look::look,
    plan::Plan,
    settling::{Look, Sign, Unrest, Verdict},
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

/// How many times as long as a full look took the next one waits at least, so that no flood of
/// events takes a processor for itself.
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
        while let Some(turn) = self.shared.wait(due, self.rested) {
            due = self.pass(turn);
        }
    }

    /// One turn. Returns when the next one is due, whatever is heard.
    fn pass(&mut self, turn: Turn) -> Instant {
        let start = Instant::now();
        let is_due = start >= self.tick;
        let is_full = is_due || turn.wide.is_some() || turn.targets.is_some();
        let wide = turn.wide.unwrap_or_default();
        if wide.is_incomplete || (is_due && !self.eyes.are_open()) {
            debug!("events were lost; everything is looked at and watched anew");
            self.eyes.close();
        }
        for folder in &wide.lost {
            self.eyes.lose(folder);
        }
        if is_full {
            self.draw(turn.targets, start);
            let files: BTreeSet<_> = self.plan.units.values().flatten().cloned().collect();
            for path in files {
                let sign = turn.near.get(&path).copied().flatten();
                self.look_at(path, sign, wide.is_incomplete);
            }
        } else {
            for (path, sign) in turn.near {
                self.look_at(path, sign, false);
            }
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

    /// Looks at a file in question, unless it is known to be restless; then the sign is noted.
    fn look_at(&mut self, path: PathBuf, sign: Option<Sign>, is_incomplete: bool) {
        let now = Instant::now();
        if !self.restless.contains_key(&path) {
            let known = self.known.get(&path).copied();
            let found = look(&path, known.flatten());
            // A second write in the same second shows in nothing but its event.
            let is_doubtful =
                found.is_some_and(|seen| seen.is_coarse()) && (sign.is_some() || is_incomplete);
            if known == Some(found) && !is_doubtful {
                return;
            }
            self.restless.insert(path.clone(), Unrest::begin(now, found));
        }
        if let (Some(sign), Some(unrest)) = (sign, self.restless.get_mut(&path)) {
            unrest.sign(now, sign);
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
