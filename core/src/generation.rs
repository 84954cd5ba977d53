//! One life of a plugin: its threads, its object, the calls it is serving.
//!
//! * Everything of the plugin runs on the generation's own threads (or, inline, on the host's).
//! * A call holds a [`Lease`] until the answer is a value of the host's.
//! * The plugin's object is dropped by [`retire`] alone, on a thread of the generation. Should a
//!   bug ever drop a generation otherwise, the object is leaked rather than run on a host thread.

mod calls;
mod ends;
mod executor;
mod host;
mod leases;
mod relay;
mod retire;
mod start;

/// What [`leases`] is made of; a model check brings its own.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

pub use executor::Placement;
pub use retire::{Retained, Retirement};

pub(crate) use host::{Capabilities, CapabilityCall, CapabilityStream, call_id};
pub(crate) use leases::{Door, Kind};
pub(crate) use retire::{Departure, Keeper};
pub(crate) use start::{Launch, LaunchError, Launched, Limits, launch};

use crate::{
    crash::{Resident, Visiting},
    emission::Observer,
    message::{Failure, Message, Metadata, Reply},
    reload::canary::Canary,
    stream::{self, End, Ending, StreamEnd},
};
use calls::Call;
use executor::Workers;
use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use leases::Leases;
use loader_abi::{
    CallContext, CallError, CallFuture, MAX_BODY_BYTES, NO_DEADLINE, PluginBox, TraceContext,
    abi_stable::std_types::{RBox, RResult, RString},
    class, operation,
};
use relay::Relay;
use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// One life of a plugin, as callers see it. Reached through a [`Lease`] only.
pub(crate) struct Generation {
    number: u64,
    resident: Resident,
    /// `plugin:<id>`.
    origin: Arc<str>,
    /// Taken by the reaper alone.
    plugin: Option<PluginBox>,
    /// None when the plugin is placed inline.
    workers: Option<Workers>,
    relay: Relay,
    observer: Arc<Observer>,
    leases: Leases,
    /// Told when somebody leaves while the door is not open.
    left: Notify,
    canary: Canary,
    /// Ends every call under way.
    cancelled: CancellationToken,
    late: AtomicU64,
}

impl Drop for Generation {
    fn drop(&mut self) {
        if let Some(plugin) = self.plugin.take() {
            std::mem::forget(plugin);
        }
    }
}

/// The right to call a generation; it cannot retire before every lease is gone.
pub(crate) struct Lease {
    generation: Arc<Generation>,
    kind: Kind,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.generation.leases.leave(self.kind) {
            self.generation.left.notify_waiters();
        }
    }
}

/// One operation on its way to a plugin.
pub(crate) struct Invocation {
    pub(crate) operation: Arc<str>,
    pub(crate) context: CallContext,
    pub(crate) metadata: Metadata,
    pub(crate) body: Vec<u8>,
}

impl Invocation {
    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        let Self { operation, context, metadata, body } = self;
        Self {
            operation: operation.clone(),
            context: context.clone(),
            metadata: metadata.clone(),
            body: body.clone(),
        }
    }

    /// An operation of the host's own, such as a step of the lifecycle.
    pub(crate) fn of_host(
        operation: &str,
        id: u64,
        deadline: Option<Duration>,
        body: Vec<u8>,
    ) -> Self {
        let remaining = deadline.map(|deadline| u64::try_from(deadline.as_nanos()));
        Self {
            operation: operation.into(),
            context: CallContext {
                call_id: id,
                remaining_ns: remaining.map_or(NO_DEADLINE, |left| left.unwrap_or(NO_DEADLINE)),
                trace: TraceContext::default(),
                caller: RString::from("host"),
                depth: 0,
                idempotency_key: RString::new(),
            },
            metadata: Metadata::new(),
            body,
        }
    }
}

impl Generation {
    /// The generation's number, unique in the process.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the plugin runs.
    pub(crate) fn is_inline(&self) -> bool {
        self.workers.is_none()
    }

    /// Calls under way.
    pub(crate) fn leases(&self) -> usize {
        self.leases.all()
    }

    /// The watch over it.
    pub(crate) fn canary(&self) -> &Canary {
        &self.canary
    }

    /// Answers that came after their caller had gone.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    pub(crate) fn observer(&self) -> &Arc<Observer> {
        &self.observer
    }

    /// The pulses of the generation's threads; empty when it has none.
    pub(crate) fn pulses(&self) -> Vec<u64> {
        self.workers.as_ref().map(Workers::pulses).unwrap_or_default()
    }

    /// Whether every thread has been inside one poll since `earlier`.
    pub(crate) fn all_stuck(&self, earlier: &[u64]) -> bool {
        self.workers.as_ref().is_some_and(|workers| workers.all_stuck(earlier))
    }

    /// Takes a lease, if the door is open.
    pub(crate) fn lease(self: &Arc<Self>, kind: Kind) -> Result<Lease, Door> {
        let door = self.leases.enter(kind);
        let lease = Lease { generation: self.clone(), kind };
        if door == Door::Open { Ok(lease) } else { Err(door) }
    }

    /// Takes a lease of a generation that another stands before, unless it is retiring.
    pub(crate) fn lease_behind(self: &Arc<Self>, kind: Kind) -> Option<Lease> {
        let door = self.leases.enter(kind);
        let lease = Lease { generation: self.clone(), kind };
        (door != Door::Closed).then_some(lease)
    }

    /// Lets no call in until [`release`](Self::release), and waits until those inside are done; an
    /// error when they are not in time.
    pub(crate) async fn hold(&self, patience: Duration) -> Result<(), usize> {
        self.leases.hold();
        if self.await_leaving(patience, Leases::calls).await {
            Ok(())
        } else {
            Err(self.leases.calls())
        }
    }

    /// Ends every call and stream under way.
    pub(crate) fn cut_off(&self) {
        self.cancelled.cancel();
    }

    /// Lets calls in again.
    pub(crate) fn release(&self) {
        self.leases.release();
    }

    /// Waits until nobody of whom `inside` counts is left; `false` when the time is up.
    async fn await_leaving(&self, patience: Duration, inside: fn(&Leases) -> usize) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if inside(&self.leases) == 0 {
                return true;
            }
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                return inside(&self.leases) == 0;
            }
        }
    }

    /// Calls the plugin as the host itself, whether calls are let in or not.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        operation: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        self.leases.enter(Kind::Other);
        let lease = Lease { generation: self.clone(), kind: Kind::Other };
        let call = lease.call(Invocation::of_host(operation, 0, Some(patience), body));
        tokio::time::timeout(patience, call).await.unwrap_or_else(|_| Err(Failure::deadline()))
    }

    /// Ready when calls under way are to end; never for those that are not to.
    async fn cancelled(&self, cancellable: bool) {
        if cancellable {
            self.cancelled.cancelled().await;
        } else {
            std::future::pending().await
        }
    }

    fn plugin(&self) -> &PluginBox {
        self.plugin.as_ref().expect("the reaper takes the plugin when no lease is left")
    }

    /// Enters the plugin on the current thread; the answer is to be polled there too.
    ///
    /// Not an `async fn`: the invocation crosses at once instead of moving through futures.
    fn enter(&self, invocation: Invocation) -> Visiting<CallFuture> {
        let Invocation { operation, context, metadata, body } = invocation;
        let visit = self.resident.visit(&operation);
        let future =
            self.plugin().call((&*operation).into(), context, metadata.into_abi(), body.into());
        drop(visit);
        self.resident.visiting(operation, future)
    }

    /// The answer as a value of the host's.
    async fn answer(&self, future: &mut Visiting<CallFuture>) -> Result<Reply, Failure> {
        match AssertUnwindSafe(future).catch_unwind().await {
            Ok(RResult::ROk(reply)) if reply.body.len() > MAX_BODY_BYTES => {
                Err(self.too_long(reply.body.len()))
            }
            Ok(RResult::ROk(reply)) => Ok(Reply::from_abi(reply)),
            Ok(RResult::RErr(error)) => Err(self.failure(error)),
            Err(_) => Err(self.unguarded_panic()),
        }
    }

    /// Calls the plugin on the current thread.
    async fn invoke(&self, invocation: Invocation) -> Result<Reply, Failure> {
        let mut future = self.enter(invocation);
        self.answer(&mut future).await
    }

    async fn handle(&self, invocation: Invocation, end: StreamEnd) -> Result<(), Failure> {
        let Invocation { operation, context, metadata, body } = invocation;
        let stream = ends::lend(end, &self.relay, &self.origin);
        let future = {
            let _visit = self.resident.visit(&operation);
            let metadata = metadata.into_abi();
            self.plugin().open((&*operation).into(), context, metadata, body.into(), stream)
        };
        let future = self.resident.visiting(operation, future);
        match AssertUnwindSafe(future).catch_unwind().await {
            Ok(RResult::ROk(())) => Ok(()),
            Ok(RResult::RErr(error)) => Err(self.failure(error)),
            Err(_) => Err(self.unguarded_panic()),
        }
    }

    fn failure(&self, error: RBox<CallError>) -> Failure {
        Failure::from_abi(error, self.origin.to_string())
    }

    fn too_long(&self, bytes: usize) -> Failure {
        let message = format!(
            "the plugin answered a call with {bytes} bytes; a call's answer may have at most \
             {MAX_BODY_BYTES}"
        );
        let mut failure = Failure::new(class::INTERNAL, "LDR-CALL-ANSWER-SIZE", message)
            .hint("its author lets it stream what is longer");
        failure.origin = self.origin.to_string();
        failure
    }

    fn unguarded_panic(&self) -> Failure {
        let mut failure =
            Failure::new(class::PANIC, "LDR-CALL-PANIC", "the plugin panicked outside its guards");
        failure.origin = self.origin.to_string();
        failure
    }

    fn retired() -> Failure {
        Failure::new(
            class::UNAVAILABLE,
            "LDR-CALL-RETIRED",
            "the plugin stopped before it answered",
        )
    }
}

impl Lease {
    pub(crate) fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Calls the plugin. Dropping the future cancels the call on the plugin's own thread.
    pub(crate) fn call(
        self,
        invocation: Invocation,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        let cancellable = !operation::is_lifecycle(&invocation.operation);
        let generation = self.generation.clone();
        match &generation.workers {
            None => {
                let future = self.generation.enter(invocation);
                Either::Left(self.answer_here(future, cancellable))
            }
            Some(workers) => {
                let (answer, receiver) = oneshot::channel();
                workers.call(Call { lease: self, invocation, cancellable, answer });
                Either::Right(async move {
                    receiver.await.unwrap_or_else(|_| Err(Generation::retired()))
                })
            }
        }
    }

    /// Waits for the answer within the caller's task.
    async fn answer_here(
        self,
        mut future: Visiting<CallFuture>,
        cancellable: bool,
    ) -> Result<Reply, Failure> {
        let generation = &*self.generation;
        let answer = pin!(generation.answer(&mut future));
        let answer = or_gone(answer, || generation.cancelled(cancellable)).await;
        answer.unwrap_or_else(|| Err(Generation::retired()))
    }

    /// Opens a stream. Dropping the receiving half of the answer cancels the plugin's handling.
    pub(crate) async fn open(
        self,
        invocation: Invocation,
    ) -> Result<(Message, StreamEnd), Failure> {
        let (near, far) = stream::pair();
        let ending = far.sender.ending();
        let gone = far.sender.closed();
        let generation = self.generation.clone();
        let job = async move {
            let lease = self;
            let generation = &lease.generation;
            let handled = {
                let handling = pin!(generation.handle(invocation, far));
                let gone = async {
                    tokio::select! {
                        () = gone => {}
                        () = generation.cancelled.cancelled() => {}
                    }
                };
                or_gone(handling, || gone).await
            };
            if let Some(Err(failure)) = &handled
                && failure.is_own_fault()
            {
                generation.canary.failed();
            }
            end(ending, handled);
        };
        match &generation.workers {
            Some(_) => spawn(&generation, job),
            None => drop(tokio::spawn(job)),
        }
        drop(generation);
        stream::accept(near).await
    }
}

fn end(ending: Ending, handled: Option<Result<(), Failure>>) {
    ending.end(match handled {
        Some(Ok(())) => End::Done,
        Some(Err(failure)) => End::Failed(failure),
        None => End::Cancelled,
    });
}

fn spawn(generation: &Generation, job: impl Future<Output = ()> + Send + 'static) {
    match &generation.workers {
        Some(workers) => workers.spawn(job),
        None => unreachable!("an inline generation has no threads to run a job on"),
    }
}

/// The future's output, or nothing when it is to end first. Looks at the future before it makes
/// `gone`, so that an answer that is ready costs no registration.
async fn or_gone<F: Future, G: Future<Output = ()>>(
    mut future: Pin<&mut F>,
    gone: impl FnOnce() -> G,
) -> Option<F::Output> {
    let first = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    if let Poll::Ready(output) = first {
        return Some(output);
    }
    match select(future, pin!(gone())).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
