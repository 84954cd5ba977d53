//! The host as one generation sees it: services, other plugins' capabilities, observation.

use super::{ends, relay::Relay};
use crate::{
    dispatch::CallOptions,
    emission::Observer,
    message::{Failure, Message, Metadata, Reply},
    service::{self, AbortOnDrop, Answer, Service, ServiceCaller, ServiceRequest, Services},
    stream::StreamEnd,
};
use futures_util::future::BoxFuture;
use loader_abi::{
    CallContext, CallError, CallFuture, Duplex, Emission, Field, Host, NO_DEADLINE, OpenFuture,
    Opened,
    abi_stable::std_types::{RBox, RResult, RStr, RVec},
    async_ffi::FutureExt,
    operation,
};
use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::oneshot};

/// A plugin's call to another plugin, by capability.
#[derive(Debug)]
pub(crate) struct CapabilityCall {
    pub(crate) contract: String,
    pub(crate) method: String,
    pub(crate) capability: Option<String>,
    pub(crate) options: CallOptions,
    pub(crate) metadata: Metadata,
    pub(crate) body: Vec<u8>,
}

/// A stream to another plugin: the head of its answer, and the caller's side.
pub(crate) struct CapabilityStream {
    pub(crate) head: Message,
    pub(crate) end: StreamEnd,
    /// What the stream takes up for as long as the caller has a half of it.
    pub(crate) place: Place,
}

/// Something that is given back by dropping it.
pub(crate) type Place = Box<dyn Any + Send + Sync>;

/// Reaches capabilities of other plugins. The registry's dispatcher is the only one.
pub(crate) trait Capabilities: Send + Sync + 'static {
    fn call(&self, call: CapabilityCall) -> BoxFuture<'static, Result<Reply, Failure>>;
    fn open(&self, call: CapabilityCall) -> BoxFuture<'static, Result<CapabilityStream, Failure>>;
}

/// The host object of one generation.
pub(crate) struct HostLink {
    pub(crate) caller: ServiceCaller,
    /// `plugin:<id>`.
    pub(crate) origin: Arc<str>,
    pub(crate) services: Services,
    pub(crate) capabilities: Arc<dyn Capabilities>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) relay: Relay,
    pub(crate) runtime: Handle,
}

/// A call's depth, kept in the top byte of its id so that a nested call needs no lookup.
pub(crate) fn depth_of(call_id: u64) -> u32 {
    (call_id >> 56) as u32
}

/// A call's id from a counter and its depth.
pub(crate) fn call_id(counter: u64, depth: u32) -> u64 {
    u64::from(depth.min(0xff)) << 56 | (counter & ((1 << 56) - 1))
}

fn deadline_of(context: &CallContext) -> Option<Instant> {
    (context.remaining_ns != NO_DEADLINE)
        .then(|| Instant::now().checked_add(Duration::from_nanos(context.remaining_ns)))
        .flatten()
}

impl HostLink {
    fn service_request(
        &self,
        method: &str,
        context: &CallContext,
        metadata: RVec<Field>,
        body: RVec<u8>,
    ) -> ServiceRequest {
        ServiceRequest {
            method: method.to_owned(),
            caller: self.caller.clone(),
            options: self.onward(context),
            metadata: Metadata::from_abi(metadata),
            body: body.into_vec(),
        }
    }

    /// What goes with a call that the one in this context leads to.
    fn onward(&self, context: &CallContext) -> CallOptions {
        CallOptions {
            caller: self.origin.clone(),
            deadline: deadline_of(context),
            trace: context.trace,
            idempotency_key: context.idempotency_key.to_string(),
            depth: depth_of(context.call_id) + 1,
            idempotent: false,
        }
    }

    /// The service that answers a request. Who names a capability asks the plugin that has it, though
    /// the host may serve the same contract, unless the service sees to that too.
    fn service(
        &self,
        contract: &str,
        method: &str,
        metadata: &RVec<Field>,
    ) -> Option<&Arc<dyn Service>> {
        let names_one = metadata.iter().any(|field| field.key == operation::CAPABILITY_KEY);
        self.services.get(contract).filter(|one| !names_one || one.answers_for_named(method))
    }

    fn capability_call(
        &self,
        contract: &str,
        method: &str,
        context: &CallContext,
        metadata: RVec<Field>,
        body: RVec<u8>,
    ) -> CapabilityCall {
        let metadata = Metadata::from_abi(metadata);
        CapabilityCall {
            contract: contract.to_owned(),
            method: method.to_owned(),
            capability: metadata.get_text(operation::CAPABILITY_KEY).map(str::to_owned),
            options: self.onward(context),
            metadata,
            body: body.into_vec(),
        }
    }

    /// Runs host work on the host's runtime and lets the plugin wait for it.
    fn later(
        &self,
        work: impl Future<Output = Result<Reply, Failure>> + Send + 'static,
    ) -> CallFuture {
        let (sender, receiver) = oneshot::channel();
        let task = self.runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        let abort = AbortOnDrop(Some(task.abort_handle()));
        let waiting = async move {
            let _abort = abort;
            answer(receiver.await.unwrap_or_else(|_| Err(Failure::cancelled())))
        };
        self.relay.wrap(waiting).into_ffi()
    }
}

fn answer(result: Result<Reply, Failure>) -> RResult<loader_abi::Reply, RBox<CallError>> {
    match result {
        Ok(reply) => RResult::ROk(reply.into_abi()),
        Err(failure) => RResult::RErr(failure.into_abi()),
    }
}

fn ready(result: Result<Reply, Failure>) -> CallFuture {
    let result = answer(result);
    async move { result }.into_ffi()
}

fn refused(failure: Failure) -> OpenFuture {
    let failure = failure.into_abi();
    async move { RResult::RErr(failure) }.into_ffi()
}

impl Host for HostLink {
    fn call(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: RVec<Field>,
        body: RVec<u8>,
    ) -> CallFuture {
        let Some((contract, method)) = operation::split(operation.as_str()) else {
            return ready(Err(Failure::unimplemented(operation.as_str())));
        };
        if let Some(service) = self.service(contract, method, &metadata) {
            let request = self.service_request(method, &context, metadata, body);
            return match service.call(request) {
                Answer::Ready(result) => ready(result),
                Answer::Later(work) => self.later(work),
            };
        }
        let call = self.capability_call(contract, method, &context, metadata, body);
        self.later(self.capabilities.call(call))
    }

    fn open(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: RVec<Field>,
        body: RVec<u8>,
    ) -> OpenFuture {
        let Some((contract, method)) = operation::split(operation.as_str()) else {
            return refused(Failure::unimplemented(operation.as_str()));
        };
        let (relay, borrower) = (self.relay.clone(), self.origin.clone());
        if let Some(service) = self.service(contract, method, &metadata) {
            let request = self.service_request(method, &context, metadata, body);
            let opening = service::open_on(&self.runtime, service, request);
            let waiting = async move {
                let opened = opening.await;
                let lent = |(head, end)| (head, ends::lend(end, &relay, &borrower));
                answer_opened(opened.map(lent))
            };
            return self.relay.wrap(waiting).into_ffi();
        }
        let call = self.capability_call(contract, method, &context, metadata, body);
        let opening = self.capabilities.open(call);
        let (sender, receiver) = oneshot::channel();
        let task = self.runtime.spawn(async move {
            let _ = sender.send(opening.await);
        });
        let abort = AbortOnDrop(Some(task.abort_handle()));
        let waiting = async move {
            let _abort = abort;
            let opened = receiver.await.unwrap_or_else(|_| Err(Failure::cancelled()));
            answer_opened(opened.map(|CapabilityStream { head, end, place }| {
                (head, ends::lend_with(end, place, &relay, &borrower))
            }))
        };
        self.relay.wrap(waiting).into_ffi()
    }

    fn emit(&self, emission: Emission<'_>) {
        self.observer.emit(&emission);
    }

    fn enabled(&self, level: u32, target: RStr<'_>) -> bool {
        self.observer.enabled(level, target.as_str())
    }
}

fn answer_opened(opened: Result<(Message, Duplex), Failure>) -> RResult<Opened, RBox<CallError>> {
    match opened {
        Ok((head, stream)) => {
            let head = Reply { metadata: head.metadata, body: head.body }.into_abi();
            RResult::ROk(Opened { head, stream })
        }
        Err(failure) => RResult::RErr(failure.into_abi()),
    }
}
