//! One call or stream on its way to a plugin, from the breaker to the counters.

use super::{CallOptions, OpenStream, limits::OwnedPlace, open_stream::Answering, served::Served};
use crate::{
    generation::{Invocation, Kind, Lease, call_id},
    message::{Failure, Message, Metadata, Reply},
    reload::canary::Behind,
    stream::StreamEnd,
};
use loader_abi::{
    CallContext, MAX_BODY_BYTES, MAX_DEPTH, NO_DEADLINE, TraceContext,
    abi_stable::std_types::RString, class, operation,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

/// One method of one capability, found once and called often. Follows the plugin's generations.
#[derive(Clone)]
pub struct Target {
    pub(super) served: Arc<Served>,
    pub(super) operation: Arc<str>,
    pub(super) capability: Arc<str>,
}

impl Target {
    /// The plugin that answers.
    pub fn plugin(&self) -> &str {
        &self.served.id
    }

    /// The place of the plugin in the order in which plugins were loaded; a reload keeps it.
    pub fn place(&self) -> u64 {
        self.served.place
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
        if options.depth > MAX_DEPTH {
            return Err(Failure::new(
                class::EXHAUSTED,
                "LDR-CALL-DEPTH",
                format!("plugins called each other {MAX_DEPTH} times deep"),
            ));
        }
        // Whoever asked may have named it by an alias, which the plugin does not know.
        metadata.set(operation::CAPABILITY_KEY, self.capability.as_bytes());
        let remaining = super::served::nanoseconds(time);
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
        self.call_and_judge(options, metadata, body, |_| false).await
    }

    /// Calls the plugin. An answer that tells of a defect, such as a server error, goes to the caller, and
    /// speaks against a generation that is watched.
    pub async fn call_and_judge(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
        is_at_fault: impl Fn(&Reply) -> bool,
    ) -> Result<Reply, Failure> {
        let take = |reply: Reply| {
            let is_at_fault = is_at_fault(&reply);
            (Ok(reply), is_at_fault)
        };
        self.call_and_take(options, metadata, body, take).await
    }

    /// Calls the plugin, and reads its answer: one that breaks the contract is the plugin's own fault
    /// as much as an error is.
    pub async fn call_and_read<T>(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
        read: impl Fn(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let take = |reply| {
            let read = read(reply).map_err(|failure| self.accuse(failure));
            let is_at_fault = read.is_err();
            (read, is_at_fault)
        };
        self.call_and_take(options, metadata, body, take).await
    }

    /// Asks the plugin in JSON and reads its answer, as [`call_and_read`](Self::call_and_read) does.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        options: CallOptions,
        request: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = Reply::json(request)?.body;
        self.call_and_read(options, Metadata::new(), body, |reply| reply.read()).await
    }

    /// Calls the plugin. What is made of its answer comes with whether the plugin is at fault.
    async fn call_and_take<T>(
        &self,
        options: CallOptions,
        metadata: Metadata,
        body: Vec<u8>,
        take: impl Fn(Reply) -> (Result<T, Failure>, bool),
    ) -> Result<T, Failure> {
        let served = &*self.served;
        served.admit()?;
        let _place = served.concurrency.enter().ok_or_else(|| served.busy())?;
        let began = Instant::now();
        let time = served.time_for(&options, began);
        let lease = served.lease(Kind::Call, began.checked_add(time)).await?;
        let invocation = self.invocation(&options, time, metadata, body)?;
        let number = lease.generation().number();
        let watched = lease.generation().canary().behind();
        let spare = spare(&options, watched.as_deref(), &invocation);
        let (mut result, is_at_fault) = Self::attempt(lease, invocation, began, time, &take).await;
        if is_at_fault && let Some(behind) = watched {
            behind.note_failure();
            if let Some((behind, invocation)) = spare {
                let again = Self::attempt(behind, invocation, began, time, &take).await;
                if !again.1 {
                    result = again.0;
                }
            }
        }
        let failure = result.as_ref().err().map(|failure| failure.class);
        served.call_ended(number, failure, began.elapsed());
        result.map_err(|failure| self.name(failure))
    }

    /// A failure as the plugin's own, in this operation.
    fn accuse(&self, failure: Failure) -> Failure {
        failure.of_plugin(self.plugin(), &self.operation)
    }

    /// The same where it is the host that found out: that the plugin did not answer in time, or not as it
    /// has to.
    fn name(&self, failure: Failure) -> Failure {
        match failure.is_own_fault() && failure.origin == "host" {
            true => self.accuse(failure),
            false => failure,
        }
    }

    /// Makes a call. Beside the result comes whether the plugin is at fault.
    async fn attempt<T>(
        lease: Lease,
        invocation: Invocation,
        began: Instant,
        time: Duration,
        take: impl Fn(Reply) -> (Result<T, Failure>, bool),
    ) -> (Result<T, Failure>, bool) {
        let observed = lease.generation().observer().begin_call(invocation.context.call_id);
        let answer = pin!(lease.call(invocation));
        let result = by_deadline(began, time, answer).await;
        drop(observed);
        match result {
            Ok(reply) => take(reply),
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
        let number = lease.generation().number();
        let watched = lease.generation().canary().behind();
        let spare = spare(&options, watched.as_deref(), &invocation);
        let mut result = Self::attempt_open(lease, invocation, began, time).await;
        if let Err(failure) = &result
            && failure.is_own_fault()
            && let Some(behind) = &watched
        {
            // What the plugin's handling of a stream fails with is noted where it ends.
            if failure.origin == "host" {
                behind.note_failure();
            }
            if let Some((behind, invocation)) = spare {
                let again = Self::attempt_open(behind, invocation, began, time).await;
                if again.is_ok() {
                    result = again;
                }
            }
        }
        let failure = result.as_ref().err().map(|failure| failure.class);
        served.stream_opened(number, failure);
        let (head, end) = result.map_err(|failure| self.name(failure))?;
        let operation = self.operation.clone();
        let failed = AtomicBool::new(false);
        let answering = Answering { place, operation, generation: number, watched, failed };
        Ok(OpenStream { head, end, answering: Some(answering) })
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

/// The call once more, and who could answer it should the generation that is watched fail.
fn spare(
    options: &CallOptions,
    watched: Option<&Behind>,
    invocation: &Invocation,
) -> Option<(Lease, Invocation)> {
    if !options.idempotent {
        return None;
    }
    let lease = watched?.answering()?.lease_behind(Kind::Call)?;
    Some((lease, invocation.again()))
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
