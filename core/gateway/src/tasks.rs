//! Scheduled tasks: `scheduled-task/1`.
//!
//! Each task has a course, which goes on while its plugin is replaced and ends when it is withdrawn.
//! Time counts from [`begin`](Tasks::begin) on; what is asked for by name runs before that, too.

mod course;
mod rhythm;
mod service;

use crate::desk::Desk;
use course::{Course, Ground, Outcome, Work};
use loader_abi::class;
use loader_contract::scheduled_task::{CONTRACT, Plan, TaskList, method};
use loader_core::{CallOptions, Engine, message::Failure};
use rhythm::Rhythm;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

/// How many runs one plugin may have planned.
const PLANS: usize = 1024;

/// A plan lies no further ahead: a year.
const FURTHEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The scheduled tasks of every plugin.
#[derive(Clone)]
pub(crate) struct Tasks(Arc<Shared>);

struct Shared {
    desk: Arc<Desk>,
    courses: Mutex<BTreeMap<String, Arc<Course>>>,
    /// What is left of what each plugin may plan.
    plans: Mutex<HashMap<String, Arc<Semaphore>>>,
    begun: AtomicBool,
    /// The configuration is another.
    adjusted: Notify,
    ground: Ground,
}

impl Tasks {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(Arc::new(Shared {
            desk,
            courses: Mutex::default(),
            plans: Mutex::default(),
            begun: AtomicBool::new(false),
            adjusted: Notify::new(),
            ground: Ground::default(),
        }))
    }

    /// Tasks run by themselves from now on.
    pub(crate) fn begin(&self) {
        let Ok(engine) = self.0.desk.engine() else { return };
        if self.0.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut changes = engine.registry().changes();
        self.0.look(&engine);
        let tasks = self.clone();
        let following = async move {
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = tasks.0.adjusted.notified() => {}
                }
                tasks.0.look(&engine);
            }
        };
        let Ground { tracker, over, .. } = &self.0.ground;
        let over = over.clone();
        tracker.spawn(async move { over.run_until_cancelled(following).await });
    }

    /// The configuration is another: the tasks' own settings may be.
    pub(crate) fn adjust(&self) {
        self.0.adjusted.notify_one();
    }

    /// No run begins any more; those under way may take so long.
    pub(crate) async fn end(&self, drain: Duration) {
        let Ground { tracker, over, cut } = &self.0.ground;
        over.cancel();
        tracker.close();
        if tokio::time::timeout(drain, tracker.wait()).await.is_err() {
            cut.cancel();
            tracker.wait().await;
        }
    }

    /// Every task and how its runs went.
    fn list(&self) -> Result<TaskList, Failure> {
        self.0.look(&*self.0.desk.engine()?);
        let courses = self.0.courses();
        Ok(TaskList { tasks: courses.values().map(|course| course.listed()).collect() })
    }

    /// Runs a task now, as far down as who asks for it, and for as long as the task may take.
    async fn run(&self, task: &str, asked: CallOptions) -> Outcome {
        let CallOptions { depth, trace, .. } = asked;
        let options = CallOptions { depth, trace, ..CallOptions::by("gateway") };
        self.course(task)?.run(options).await
    }

    /// Has a task of a plugin's own run once, later.
    fn plan(&self, plugin: &str, plan: &Plan) -> Result<(), Failure> {
        let course = self.course(&plan.task)?;
        if course.plugin != plugin {
            let message =
                format!("the task `{}` belongs to the plugin `{}`", course.id, course.plugin);
            return Err(Failure::new(class::FORBIDDEN, "LDR-TASK-FOREIGN", message)
                .hint("plan the plugin's own tasks only"));
        }
        let left = self
            .0
            .plans()
            .entry(plugin.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(PLANS)))
            .clone();
        let place = left.try_acquire_owned().map_err(|_| {
            let message = format!("the plugin `{plugin}` has planned {PLANS} runs");
            Failure::new(class::EXHAUSTED, "LDR-TASK-PLANS", message)
                .hint("plan the next run only, and the one after it when that comes")
        })?;
        course.plan(Duration::from_millis(plan.after_ms).min(FURTHEST), place);
        Ok(())
    }

    fn course(&self, task: &str) -> Result<Arc<Course>, Failure> {
        self.0.look(&*self.0.desk.engine()?);
        self.0.courses().get(task).cloned().ok_or_else(|| {
            let message = format!("there is no task `{}`", task.escape_debug());
            Failure::new(class::NOT_FOUND, "LDR-TASK-UNKNOWN", message)
                .hint("see what there is: loader tasks list")
        })
    }
}

impl Shared {
    /// Begins the courses of tasks that are new, ends those of tasks that are gone, and lets the others
    /// go on by what is said of them now.
    fn look(&self, engine: &Engine) {
        // Whoever looks later knows no less.
        let mut courses = self.courses();
        let (snapshot, config) = (engine.snapshot(), self.desk.config());
        courses.retain(|id, course| {
            let offered = snapshot.capability(CONTRACT, id);
            let is_kept = offered.is_some_and(|offered| offered.plugin == course.plugin);
            if !is_kept {
                course.end();
            }
            is_kept
        });
        for offered in snapshot.capabilities(CONTRACT) {
            let rhythm = Rhythm::of(&offered.attributes, config.tasks.get(&offered.id));
            let course = courses.entry(offered.id.clone()).or_insert_with(|| {
                let work = self.work(&offered.id);
                Course::new(&offered.id, &offered.plugin, rhythm, &self.ground, work)
            });
            course.follow(rhythm);
            if self.begun.load(Ordering::Relaxed) {
                course.begin();
            }
        }
    }

    /// What a run of a task is: one call of whichever generation serves it then.
    fn work(&self, task: &str) -> Work {
        let (desk, task) = (self.desk.clone(), task.to_owned());
        Box::new(move |run, options| {
            let (desk, task) = (desk.clone(), task.clone());
            Box::pin(async move {
                let target = desk.engine()?.target(CONTRACT, Some(&task), method::RUN)?;
                target.ask(options, &run).await
            })
        })
    }

    fn courses(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Course>>> {
        self.courses.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
        self.plans.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
