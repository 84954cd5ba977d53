//! Where a generation's code runs: on threads of its own, or inline on the host's workers.

use super::calls::{self, Call};
use crate::crash::Resident;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::{
        self, Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{mpsc, oneshot},
};

/// Where a plugin's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// On so many threads of the generation's own. Can be unloaded.
    Thread {
        /// How many; at least one.
        threads: usize,
    },
    /// On the host's workers, within the caller's task. Never unloaded.
    Inline,
}

impl Placement {
    /// The placement's name in configuration and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thread { .. } => "thread",
            Self::Inline => "inline",
        }
    }
}

/// The threads of one generation, as callers see them.
pub(crate) struct Workers {
    workers: Vec<Worker>,
    next: AtomicUsize,
}

struct Worker {
    handle: Handle,
    calls: mpsc::UnboundedSender<Call>,
    pulse: Arc<Pulse>,
}

/// Tells whether a thread is inside plugin code: odd while it is.
#[derive(Default)]
pub(super) struct Pulse(AtomicU64);

impl Pulse {
    /// Goes on without leaving plugin code.
    pub(super) fn beat(&self) {
        self.0.fetch_add(2, Ordering::AcqRel);
    }
}

/// The threads of one generation, as their owner sees them.
pub(crate) struct Threads {
    threads: Vec<JoinHandle<()>>,
    stops: Vec<oneshot::Sender<()>>,
    /// Locked by `stop` alone; the lock makes the owner shareable.
    ended: Mutex<sync::mpsc::Receiver<()>>,
}

/// Starts the threads of a generation.
pub(crate) fn start(
    name: &str,
    count: usize,
    resident: Resident,
) -> std::io::Result<(Workers, Threads)> {
    let (ended_sender, ended) = sync::mpsc::channel();
    let mut workers = Vec::new();
    let mut threads = Vec::new();
    let mut stops = Vec::new();
    for index in 0..count.max(1) {
        let (stop, stopped) = oneshot::channel();
        let (runtime_sender, runtime) = sync::mpsc::channel::<Runtime>();
        let ended = ended_sender.clone();
        // The kernel shows fifteen bytes of a thread's name.
        let name: String = format!("{index}:{name}").chars().take(15).collect();
        let thread = thread::Builder::new().name(name).spawn(move || {
            resident.own_thread();
            if let Ok(runtime) = runtime.recv() {
                let _ = runtime.block_on(stopped);
            }
            let _ = ended.send(());
        })?;
        // Made after its thread: a runtime must not be dropped here, among the host's tasks, when
        // there can be no thread.
        let runtime = Builder::new_current_thread().build()?;
        let handle = runtime.handle().clone();
        let _ = runtime_sender.send(runtime);
        let (calls, waiting) = mpsc::unbounded_channel();
        let worker = Worker { handle, calls, pulse: Arc::default() };
        worker.spawn(calls::serve(waiting, worker.pulse.clone()));
        workers.push(worker);
        threads.push(thread);
        stops.push(stop);
    }
    Ok((
        Workers { workers, next: AtomicUsize::new(0) },
        Threads { threads, stops, ended: Mutex::new(ended) },
    ))
}

impl Worker {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(watch(task, self.pulse.clone()));
    }
}

impl Workers {
    /// Runs a task on one of the threads.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.next().spawn(task);
    }

    /// Makes a call on one of the threads. When they have ended, the call's answer is dropped.
    pub(super) fn call(&self, call: Call) {
        let _ = self.next().calls.send(call);
    }

    fn next(&self) -> &Worker {
        let index = match self.workers.len() {
            1 => 0,
            count => self.next.fetch_add(1, Ordering::Relaxed) % count,
        };
        &self.workers[index]
    }

    /// What the threads' pulses are now; see [`all_stuck`](Self::all_stuck).
    pub(crate) fn pulses(&self) -> Vec<u64> {
        self.workers.iter().map(|worker| worker.pulse.0.load(Ordering::Acquire)).collect()
    }

    /// Whether every thread has been inside the same poll since `earlier` was taken.
    pub(crate) fn all_stuck(&self, earlier: &[u64]) -> bool {
        let now = self.pulses();
        now.len() == earlier.len()
            && now.iter().zip(earlier).all(|(now, then)| now == then && now % 2 == 1)
    }
}

impl Threads {
    /// Asks the threads to end and waits for them; `false` when one does not end in time. Then the
    /// threads are left to themselves.
    pub(crate) fn stop(self, patience: Duration) -> bool {
        for stop in self.stops {
            let _ = stop.send(());
        }
        let ended = self.ended.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let deadline = Instant::now() + patience;
        for _ in &self.threads {
            let left = deadline.saturating_duration_since(Instant::now());
            if ended.recv_timeout(left).is_err() {
                return false;
            }
        }
        // Each has nothing left but its thread-local destructors. The kernel tells nobody but a joiner
        // when a thread is gone.
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_micros(100));
        }
        self.threads.into_iter().all(|thread| thread.join().is_ok())
    }
}

/// Lets a task's polls move the pulse of the thread it runs on.
pub(super) fn watch<F: Future<Output = ()>>(
    task: F,
    pulse: Arc<Pulse>,
) -> impl Future<Output = ()> + use<F> {
    Watched { task, pulse }
}

pin_project! {
    /// A task whose polls move the thread's pulse.
    struct Watched<F> {
        #[pin]
        task: F,
        pulse: Arc<Pulse>,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.pulse.0.fetch_add(1, Ordering::AcqRel);
        let polled = this.task.poll(context);
        this.pulse.0.fetch_add(1, Ordering::AcqRel);
        polled
    }
}
