//! One task's course: when its runs come, what becomes of those that meet, and how they went.

use super::rhythm::{Overlap, Rhythm};
use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::scheduled_task::{ListedTask, Run, RunReport};
use loader_core::{CallOptions, message::Failure, moment::now_ms};
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Does a task's work once.
pub(super) type Work = Box<dyn Fn(Run, CallOptions) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// What came of a run.
pub(super) type Outcome = Result<RunReport, Failure>;

/// What the courses of one gateway have in common.
#[derive(Clone, Default)]
pub(super) struct Ground {
    /// What goes on.
    pub(super) tracker: TaskTracker,
    /// No run begins any more.
    pub(super) over: CancellationToken,
    /// What goes on ends at once.
    pub(super) cut: CancellationToken,
}

/// One task's course.
pub(super) struct Course {
    /// The task's capability id.
    pub(super) id: String,
    /// The plugin.
    pub(super) plugin: String,
    rhythm: watch::Sender<Rhythm>,
    work: Work,
    tally: Mutex<Tally>,
    tracker: TaskTracker,
    /// This task runs no more.
    over: CancellationToken,
    cut: CancellationToken,
    begun: AtomicBool,
}

/// How a task's runs went.
#[derive(Default)]
struct Tally {
    /// Runs under way.
    running: usize,
    /// When the one that waits for them was due.
    queued: Option<u64>,
    /// Runs that were begun.
    begun: u64,
    ok: u64,
    failed: u64,
    skipped: u64,
    next: Option<Instant>,
    last_ms: Option<u64>,
    last_output: String,
    last_error: String,
}

impl Course {
    pub(super) fn new(
        id: &str,
        plugin: &str,
        rhythm: Rhythm,
        ground: &Ground,
        work: Work,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: id.to_owned(),
            plugin: plugin.to_owned(),
            rhythm: watch::Sender::new(rhythm),
            work,
            tally: Mutex::default(),
            tracker: ground.tracker.clone(),
            over: ground.over.child_token(),
            cut: ground.cut.clone(),
            begun: AtomicBool::new(false),
        })
    }

    /// Keeps time from now on; a second word changes nothing.
    pub(super) fn begin(self: &Arc<Self>) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let (course, over) = (self.clone(), self.over.clone());
        let keeping = async move { over.run_until_cancelled(course.keep_time()).await };
        self.tracker.spawn(keeping);
    }

    /// Goes on by this rhythm. The same one changes nothing; after another, the next run comes when one
    /// wait has passed.
    pub(super) fn follow(&self, rhythm: Rhythm) {
        self.rhythm.send_if_modified(|present| {
            let is_another = *present != rhythm;
            *present = rhythm;
            is_another
        });
    }

    /// No run begins any more. One that goes on may finish.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Lets a run come after a while, besides the usual ones. What is given is kept until then.
    pub(super) fn plan<T: Send + 'static>(self: &Arc<Self>, after: Duration, keep: T) {
        let course = self.clone();
        self.tracker.spawn(async move {
            let waited = course.over.run_until_cancelled(sleep(after)).await;
            drop(keep);
            if waited.is_some() && course.rhythm.borrow().enabled {
                course.come();
            }
        });
    }

    /// Runs it now, whatever its rhythm says, and waits for what comes of it.
    pub(super) async fn run(self: &Arc<Self>, options: CallOptions) -> Outcome {
        if self.over.is_cancelled() {
            let message = format!("the task `{}` runs no more: the gateway stops", self.id);
            return Err(Failure::new(class::UNAVAILABLE, "LDR-TASK-OVER", message));
        }
        let run = {
            let mut tally = self.tally();
            if tally.running > 0 && self.rhythm.borrow().overlap != Overlap::Allow {
                return Err(self.is_running());
            }
            tally.begin(now_ms())
        };
        let course = self.clone();
        let running = self.tracker.spawn(async move {
            let outcome = course.perform(run, options).await;
            // Its caller waits for this run, and not for one that came meanwhile.
            if let Some(next) = course.finish() {
                let tracker = course.tracker.clone();
                tracker.spawn(course.perform_all(next));
            }
            outcome
        });
        running.await.unwrap_or_else(|_| Err(Failure::cancelled()))
    }

    /// The task and how its runs went.
    pub(super) fn listed(&self) -> ListedTask {
        let (rhythm, tally) = (*self.rhythm.borrow(), self.tally());
        let left = tally.next.map(|next| next.saturating_duration_since(Instant::now()));
        ListedTask {
            id: self.id.clone(),
            plugin: self.plugin.clone(),
            enabled: rhythm.enabled,
            interval_ms: whole_ms(rhythm.interval),
            running: tally.running > 0,
            ok: tally.ok,
            failed: tally.failed,
            skipped: tally.skipped,
            next_ms: left.map(|left| now_ms() + whole_ms(left)),
            last_ms: tally.last_ms,
            last_output: tally.last_output.clone(),
            last_error: tally.last_error.clone(),
        }
    }

    async fn keep_time(self: Arc<Self>) {
        let mut changes = self.rhythm.subscribe();
        let mut rhythm = *changes.borrow_and_update();
        let mut due = Instant::now() + rhythm.first_wait();
        loop {
            let regular = rhythm.is_regular();
            self.tally().next = regular.then_some(due);
            tokio::select! {
                () = sleep_until(due), if regular => {
                    self.come();
                    // What was missed while the machine slept is not made up for.
                    due = (due + rhythm.wait()).max(Instant::now());
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    rhythm = *changes.borrow_and_update();
                    due = Instant::now() + rhythm.wait();
                }
            }
        }
    }

    /// The time of a run has come.
    fn come(self: &Arc<Self>) {
        let due_ms = now_ms();
        let run = {
            let mut tally = self.tally();
            match self.rhythm.borrow().overlap {
                Overlap::Queue if tally.running > 0 && tally.queued.is_none() => {
                    tally.queued = Some(due_ms);
                    return;
                }
                Overlap::Skip | Overlap::Queue if tally.running > 0 => {
                    tally.skipped += 1;
                    debug!(task = self.id, "left out: a run goes on");
                    return;
                }
                _ => tally.begin(due_ms),
            }
        };
        self.tracker.spawn(self.clone().perform_all(run));
    }

    /// Does a run, and the one that waits for it.
    async fn perform_all(self: Arc<Self>, run: Run) {
        let mut next = Some(run);
        while let Some(run) = next {
            // The work has counted and told what went wrong.
            let _ = self.perform(run, CallOptions::by("gateway")).await;
            next = self.finish();
        }
    }

    /// Does the work of a run that was begun, and counts it.
    async fn perform(&self, run: Run, mut options: CallOptions) -> Outcome {
        let number = run.number;
        let timeout = self.rhythm.borrow().timeout;
        if let Some(timeout) = timeout {
            options = options.within(timeout);
        }
        let outcome = self.cut.run_until_cancelled((self.work)(run, options)).await;
        let outcome = outcome.unwrap_or_else(|| Err(Failure::cancelled()));
        let mut tally = self.tally();
        match &outcome {
            Ok(report) => {
                debug!(task = self.id, plugin = self.plugin, number, "the task ran");
                tally.ok += 1;
                tally.last_output.clone_from(&report.output);
            }
            Err(failure) => {
                let Failure { code, message, hint, .. } = failure;
                warn!(
                    task = self.id,
                    plugin = self.plugin,
                    number,
                    code,
                    hint,
                    "the task failed: {message}"
                );
                tally.failed += 1;
                tally.last_error = format!("{message} ({code})");
            }
        }
        outcome
    }

    /// A run is over: the one that waited for it, if its turn has come.
    fn finish(&self) -> Option<Run> {
        let mut tally = self.tally();
        tally.running -= 1;
        if tally.running > 0 || self.over.is_cancelled() {
            return None;
        }
        let due_ms = tally.queued.take()?;
        Some(tally.begin(due_ms))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_running(&self) -> Failure {
        let message = format!("the task `{}` runs already", self.id);
        Failure::new(class::CONFLICT, "LDR-TASK-RUNNING", message)
            .hint("see when it is done: loader tasks list")
    }
}

impl Tally {
    fn begin(&mut self, due_ms: u64) -> Run {
        self.running += 1;
        self.begun += 1;
        self.last_ms = Some(now_ms());
        Run { task: String::new(), due_ms, number: self.begun }
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
