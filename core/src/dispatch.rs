//! Calls on their way to a plugin: deadline, concurrency limit, breaker, metrics, lease.

mod breaker;
mod limits;
mod metrics;

pub use breaker::BreakerPolicy;
pub use metrics::MetricsSnapshot;

pub(crate) use metrics::Reading;

use crate::{
    generation::{
        Capabilities, CapabilityCall, CapabilityStream, Door, Generation, Invocation, Kind, Lease,
        call_id,
    },
    message::{Failure, Message, Metadata, Reply},
    registry::Registry,
    stream::StreamEnd,
};
use arc_swap::ArcSwapOption;
use breaker::Breaker;
use futures_util::future::BoxFuture;
use limits::{Concurrency, OwnedPlace};
use loader_abi::{
    CallContext, MAX_BODY_BYTES, NO_DEADLINE, TraceContext, abi_stable::std_types::RString, class,
    operation,
};
use metrics::Metrics;
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

/// What a plugin may ask of the host, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPolicy {
    /// The most calls at once.
    pub max_concurrent: usize,
    /// The deadline of calls that bring none.
    pub timeout: Duration,
    /// When to stop calling.
    pub breaker: BreakerPolicy,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            max_concurrent: 1024,
            timeout: Duration::from_secs(60),
            breaker: BreakerPolicy::default(),
        }
    }
}

/// One plugin as its callers know it: stays the same while generations come and go.
pub(crate) struct Served {
    id: Arc<str>,
    slot: ArcSwapOption<Generation>,
    /// Told when calls that wait for a handover may look again.
    changed: Notify,
    concurrency: Concurrency,
    breaker: Breaker,
    metrics: Metrics,
    /// In nanoseconds.
    timeout: AtomicU64,
}

impl AsRef<Concurrency> for Served {
    fn as_ref(&self) -> &Concurrency {
        &self.concurrency
    }
}

impl Served {
    pub(crate) fn new(id: Arc<str>, policy: CallPolicy) -> Self {
        Self {
            id,
            slot: ArcSwapOption::empty(),
            changed: Notify::new(),
            concurrency: Concurrency::new(policy.max_concurrent),
            breaker: Breaker::new(policy.breaker),
            metrics: Metrics::default(),
            timeout: AtomicU64::new(nanoseconds(policy.timeout)),
        }
    }

    /// Calls that begin from now on obey this policy.
    pub(crate) fn adjust(&self, policy: CallPolicy) {
        self.concurrency.adjust(policy.max_concurrent);
        self.breaker.adjust(policy.breaker);
        self.timeout.store(nanoseconds(policy.timeout), Ordering::Relaxed);
    }

    /// Sends calls to this generation from now on.
    pub(crate) fn serve(&self, generation: Option<Arc<Generation>>) {
        // The old reference is dropped here; the keeper holds the last one.
        self.slot.store(generation);
        self.breaker.reset();
        self.changed.notify_waiters();
    }

    /// Lets calls that wait for a handover look again.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// The counters that a watch over a generation compares.
    pub(crate) fn reading(&self) -> Reading {
        self.metrics.read()
    }

    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.concurrency.now()
    }

    pub(crate) fn breaker_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How long a call that begins now may take.
    fn time_for(&self, options: &CallOptions, began: Instant) -> Duration {
        match options.deadline {
            Some(deadline) => deadline.saturating_duration_since(began),
            None => Duration::from_nanos(self.timeout.load(Ordering::Relaxed)),
        }
    }

    /// The right to call the generation that serves, waiting while state is handed over.
    async fn lease(&self, kind: Kind, until: Option<Instant>) -> Result<Lease, Failure> {
        if let Some(lease) = self.lease_now(kind)? {
            return Ok(lease);
        }
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(lease) = self.lease_now(kind)? {
                return Ok(lease);
            }
            match until {
                None => changed.await,
                Some(until) => tokio::time::timeout_at(until.into(), changed)
                    .await
                    .map_err(|_| Failure::deadline())?,
            }
        }
    }

    /// The same at once; nothing while state is handed over.
    fn lease_now(&self, kind: Kind) -> Result<Option<Lease>, Failure> {
        // A generation may begin to retire between the look and the lease; its successor is in the
        // slot by then.
        for _ in 0..64 {
            let Some(generation) = self.slot.load_full() else { break };
            match generation.lease(kind) {
                Ok(lease) => return Ok(Some(lease)),
                // It is held: because it gives its state away, or because another has it already.
                Err(Door::Held) if self.is_served(&generation) => return Ok(None),
                Err(_) => {}
            }
        }
        Err(Failure::new(
            class::UNAVAILABLE,
            "LDR-CALL-NOT-SERVED",
            format!("the plugin `{}` is not served now", self.id),
        )
        .hint(format!("loader plugins inspect {}", self.id)))
    }

    fn is_served(&self, generation: &Arc<Generation>) -> bool {
        self.slot.load().as_ref().is_some_and(|served| Arc::ptr_eq(served, generation))
    }

    fn admit(&self) -> Result<(), Failure> {
        self.breaker.admit().map_err(|wait| {
            self.metrics.refused();
            let mut failure = Failure::new(
                class::UNAVAILABLE,
                "LDR-CALL-BREAKER",
                format!("the plugin `{}` failed too often in a row and is not called now", self.id),
            )
            .hint(format!("loader plugins inspect {}", self.id));
            failure.retry_after = Some(wait);
            failure
        })
    }

    fn busy(&self) -> Failure {
        self.metrics.refused();
        let most = self.concurrency.most();
        Failure::new(
            class::EXHAUSTED,
            "LDR-CALL-BUSY",
            format!("the plugin `{}` is serving {most} calls already", self.id),
        )
        .hint(format!("raise plugins.entries.{}.max_concurrent_calls", self.id))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Everything about a call besides its body.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Who calls: `gateway`, or `plugin:<id>`.
    pub caller: Arc<str>,
    /// When the caller stops waiting; none means the plugin's own timeout.
    pub deadline: Option<Instant>,
    /// The trace the call belongs to.
    pub trace: TraceContext,
    /// Equal keys mean the same intent; empty when there is no such promise.
    pub idempotency_key: String,
    /// How many plugin-to-plugin calls led here.
    pub depth: u32,
    /// Whether doing it twice does no more than doing it once. Such a call of a fresh generation that
    /// fails by the plugin's own fault is made again with the generation before.
    pub idempotent: bool,
}

impl CallOptions {
    /// A call by this caller, with the plugin's own timeout.
    pub fn by(caller: impl Into<Arc<str>>) -> Self {
        Self {
            caller: caller.into(),
            deadline: None,
            trace: TraceContext::default(),
            idempotency_key: String::new(),
            depth: 0,
            idempotent: false,
        }
    }

    /// Says that doing it twice does no more than doing it once.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sets when the caller stops waiting.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.deadline = Instant::now().checked_add(time);
        self
    }
}

/// One method of one capability, found once and called often. Follows the plugin's generations.
#[derive(Clone)]
pub struct Target {
    served: Arc<Served>,
    operation: Arc<str>,
    capability: Arc<str>,
}

/// A stream to a plugin.
pub struct OpenStream {
    /// The head of the plugin's answer.
    pub head: Message,
    /// The caller's side. Dropping its receiver cancels the plugin's handling.
    pub end: StreamEnd,
    place: OwnedPlace<Served>,
}

impl Target {
    /// The plugin that answers.
    pub fn plugin(&self) -> &str {
        &self.served.id
    }

    fn invocation(
        &self,
        options: &CallOptions,
        time: Duration,
        mut metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Invocation, Failure> {
        if body.len() > MAX_BODY_BYTES {
            return Err(Failure::new(
                class::EXHAUSTED,
                "LDR-CALL-TOO-LARGE",
                format!("a call's body may have at most {MAX_BODY_BYTES} bytes"),
            ));
        }
        metadata.push(operation::CAPABILITY_KEY, self.capability.as_bytes());
        let remaining = nanoseconds(time);
        let context = CallContext {
            call_id: call_id(NEXT_CALL.fetch_add(1, Ordering::Relaxed), options.depth),
            remaining_ns: remaining,
            trace: options.trace,
            caller: (&*options.caller).into(),
            depth: options.depth,
            idempotency_key: options.idempotency_key.as_str().into(),
        };
        Ok(Invocation { operation: self.operation.clone(), context, metadata, body })
    }

    /// Calls the plugin.
    pub async fn call(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        self.call_and_judge(options, metadata, body, |_| Judgement::Sound).await
    }

    /// Calls the plugin, and judges its answer: one that breaks the contract is the plugin's own fault
    /// as much as an error is.
    pub async fn call_and_judge(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
        judge: impl Fn(&Reply) -> Judgement,
    ) -> Result<Reply, Failure> {
        let served = &*self.served;
        served.admit()?;
        let _place = served.concurrency.enter().ok_or_else(|| served.busy())?;
        let began = Instant::now();
        let time = served.time_for(&options, began);
        let lease = served.lease(Kind::Call, began.checked_add(time)).await?;
        let invocation = self.invocation(&options, time, metadata, body)?;
        let generation = lease.generation().clone();
        let spare = self.spare(&options, &generation, &invocation);
        let (mut result, is_at_fault) = Self::attempt(lease, invocation, began, time, &judge).await;
        if is_at_fault {
            generation.canary().failed();
            if let Some((behind, invocation)) = spare {
                let again = Self::attempt(behind, invocation, began, time, &judge).await;
                if !again.1 {
                    result = again.0;
                }
            }
        }
        let failure = result.as_ref().err().map(|failure| failure.class);
        served.metrics.call_ended(failure, began.elapsed());
        served.breaker.record(failure);
        result
    }

    /// The call once more, and who could answer it should the generation that is watched fail.
    fn spare(
        &self,
        options: &CallOptions,
        generation: &Generation,
        invocation: &Invocation,
    ) -> Option<(Lease, Invocation)> {
        if !options.idempotent {
            return None;
        }
        let behind = generation.canary().behind()?;
        let lease = behind.answering()?.lease_behind(Kind::Call)?;
        Some((lease, invocation.again()))
    }

    /// Makes a call. Beside the result comes whether the plugin is at fault.
    async fn attempt(
        lease: Lease,
        invocation: Invocation,
        began: Instant,
        time: Duration,
        judge: impl Fn(&Reply) -> Judgement,
    ) -> (Result<Reply, Failure>, bool) {
        let observed = lease.generation().observer().begin_call(invocation.context.call_id);
        let answer = pin!(lease.call(invocation));
        let result = by_deadline(began, time, answer).await;
        drop(observed);
        match result {
            Ok(reply) => match judge(&reply) {
                Judgement::Sound => (Ok(reply), false),
                Judgement::Faulty => (Ok(reply), true),
                Judgement::Broken(failure) => (Err(failure), true),
            },
            Err(failure) => {
                let is_at_fault = failure.is_own_fault();
                (Err(failure), is_at_fault)
            }
        }
    }

    /// Calls the plugin with nothing around the call: no context, limit, deadline, breaker or
    /// metrics. The floor that [`call`](Self::call) is measured against.
    pub async fn call_bare(&self, metadata: Metadata, body: Vec<u8>) -> Result<Reply, Failure> {
        let lease = self.served.lease(Kind::Call, None).await?;
        let context = CallContext {
            call_id: 0,
            remaining_ns: NO_DEADLINE,
            trace: TraceContext::default(),
            caller: RString::new(),
            depth: 0,
            idempotency_key: RString::new(),
        };
        lease.call(Invocation { operation: self.operation.clone(), context, metadata, body }).await
    }

    /// Opens a stream to the plugin. The deadline holds until the head of the answer; then the
    /// caller watches over the stream itself.
    pub async fn open(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<OpenStream, Failure> {
        let served = &*self.served;
        served.admit()?;
        let place = OwnedPlace::enter(&self.served).ok_or_else(|| served.busy())?;
        let began = Instant::now();
        let time = served.time_for(&options, began);
        let lease = served.lease(Kind::Other, began.checked_add(time)).await?;
        let invocation = self.invocation(&options, time, metadata, body)?;
        let generation = lease.generation().clone();
        let spare = self.spare(&options, &generation, &invocation);
        let mut result = Self::attempt_open(lease, invocation, began, time).await;
        if result.as_ref().is_err_and(Failure::is_own_fault) {
            generation.canary().failed();
            if let Some((behind, invocation)) = spare {
                let again = Self::attempt_open(behind, invocation, began, time).await;
                if again.is_ok() {
                    result = again;
                }
            }
        }
        let failure = result.as_ref().err().map(|failure| failure.class);
        served.metrics.stream_opened(failure);
        served.breaker.record(failure);
        result.map(|(head, end)| OpenStream { head, end, place })
    }

    async fn attempt_open(
        lease: Lease,
        invocation: Invocation,
        began: Instant,
        time: Duration,
    ) -> Result<(Message, StreamEnd), Failure> {
        let observed = lease.generation().observer().begin_call(invocation.context.call_id);
        let head = pin!(lease.open(invocation));
        let result = by_deadline(began, time, head).await;
        drop(observed);
        result
    }
}

/// What a consumer thinks of an answer.
#[derive(Debug)]
pub enum Judgement {
    /// It is as the contract has it.
    Sound,
    /// It is an answer, and tells of a defect: a server error. The caller gets it, and it speaks
    /// against a generation that is watched.
    Faulty,
    /// It breaks the contract; this is what the caller gets instead.
    Broken(Failure),
}

/// The future's result, unless the time passes first. Looks at the future before it sets a timer, so
/// that an answer that is ready costs none.
async fn by_deadline<T>(
    began: Instant,
    time: Duration,
    mut future: Pin<&mut impl Future<Output = Result<T, Failure>>>,
) -> Result<T, Failure> {
    let Some(deadline) = began.checked_add(time) else { return future.await };
    let first = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    if let Poll::Ready(result) = first {
        return result;
    }
    tokio::time::timeout_at(deadline.into(), future)
        .await
        .unwrap_or_else(|_| Err(Failure::deadline()))
}

/// Finds capabilities and calls them, for the gateway and for plugins.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    registry: Arc<Registry>,
}

impl Dispatcher {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// The target of a contract's method: of this capability, or of the first one.
    pub(crate) fn target(
        &self,
        contract: &str,
        id: Option<&str>,
        method: &str,
    ) -> Result<Target, Failure> {
        let snapshot = self.registry.snapshot();
        let capability = match id {
            Some(id) => snapshot.capability(contract, id),
            None => snapshot.capabilities(contract).next(),
        };
        let capability = capability.ok_or_else(|| {
            let what =
                id.map_or_else(|| format!("`{contract}`"), |id| format!("`{contract}` as `{id}`"));
            Failure::new(
                class::NOT_FOUND,
                "LDR-CALL-NO-CAPABILITY",
                format!("no plugin provides {what}"),
            )
            .hint("loader plugins list")
        })?;
        Ok(Target {
            served: capability.served.clone(),
            operation: format!("{contract}/{method}").into(),
            capability: capability.id.as_str().into(),
        })
    }
}

impl Capabilities for Dispatcher {
    fn call(&self, call: CapabilityCall) -> BoxFuture<'static, Result<Reply, Failure>> {
        let target = self.target(&call.contract, call.capability.as_deref(), &call.method);
        Box::pin(async move { target?.call(options_of(&call), call.metadata, call.body).await })
    }

    fn open(&self, call: CapabilityCall) -> BoxFuture<'static, Result<CapabilityStream, Failure>> {
        let target = self.target(&call.contract, call.capability.as_deref(), &call.method);
        Box::pin(async move {
            let stream = target?.open(options_of(&call), call.metadata, call.body).await?;
            let OpenStream { head, end, place } = stream;
            Ok(CapabilityStream { head, end, place: Box::new(place) })
        })
    }
}

fn options_of(call: &CapabilityCall) -> CallOptions {
    CallOptions {
        caller: call.caller.clone(),
        deadline: call.deadline,
        trace: call.trace,
        idempotency_key: call.idempotency_key.clone(),
        depth: call.depth,
        idempotent: false,
    }
}
