//! The capabilities a plugin provides, as `export_plugin!` lists them.

use crate::{
    Call, Metadata, Plugin, Result, Stream,
    current::{self, Current},
    guard::Guarded,
    state::{Handover, State, Vtable},
};
use futures_util::TryFutureExt as _;
use loader_abi::{
    CallFuture, HandleFuture, Reply, abi_stable::std_types::RVec, async_ffi::FutureExt,
};
use loader_contract::lifecycle;
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, sync::Arc};

/// One incoming operation, before its body is understood.
pub(crate) struct Invocation {
    /// The contract as the plugin registered it.
    pub(crate) contract: &'static str,
    pub(crate) current: Current,
    pub(crate) call: Call,
    pub(crate) metadata: Metadata,
    pub(crate) body: RVec<u8>,
}

/// What a capability answers a call with; `None` when it has no such method.
pub(crate) type CallHandler<P> = fn(Arc<P>, &str, Invocation) -> Option<CallFuture>;

/// How a capability handles a stream; `None` when it has no such method.
pub(crate) type OpenHandler<P> = fn(Arc<P>, &str, Invocation, Stream) -> Option<HandleFuture>;

/// One capability of a plugin.
pub(crate) struct Capability<P> {
    pub(crate) contract: &'static str,
    pub(crate) id: &'static str,
    pub(crate) call: CallHandler<P>,
    pub(crate) open: OpenHandler<P>,
}

/// The capabilities of a plugin. `export_plugin!` fills it; each capability adds a method.
pub struct Registration<P> {
    capabilities: Vec<Capability<P>>,
    handover: Option<Vtable<P>>,
}

impl<P: Plugin> Registration<P> {
    #[doc(hidden)]
    pub fn new() -> Self {
        Self { capabilities: Vec::new(), handover: None }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn handing_over<S: State>(mut self) -> Self
    where
        P: Handover<State = S>,
    {
        self.handover = Some(Vtable::new());
        self
    }

    pub(crate) fn handover(&self) -> Option<&Vtable<P>> {
        self.handover.as_ref()
    }

    pub(crate) fn add(mut self, capability: Capability<P>) -> Self {
        self.capabilities.push(capability);
        self
    }

    pub(crate) fn find(&self, contract: &str, id: Option<&str>) -> Option<&Capability<P>> {
        // The id first: most that do not match differ there.
        self.capabilities.iter().find(|capability| {
            id.is_none_or(|id| id == capability.id) && capability.contract == contract
        })
    }

    pub(crate) fn describe(&self) -> lifecycle::Registrations {
        let capabilities = self.capabilities.iter().map(|capability| lifecycle::Registration {
            contract: capability.contract.to_owned(),
            id: capability.id.to_owned(),
            methods: Vec::new(),
        });
        lifecycle::Registrations { capabilities: capabilities.collect() }
    }

    pub(crate) fn contracts(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.capabilities.iter().map(|capability| capability.contract)
    }
}

impl<P: Plugin> Default for Registration<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl Invocation {
    /// Answers with what an author's method returns, as JSON both ways.
    pub(crate) fn answer_json<Q, A, F>(
        self,
        method: impl FnOnce(Call, Q) -> F + Send + 'static,
    ) -> CallFuture
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize,
        F: Future<Output = Result<A>> + Send + 'static,
    {
        let Self { current, call, body, .. } = self;
        Guarded::new(current, async move {
            let request = parse(&body)?;
            drop(body);
            let answer = method(call, request).await?;
            Ok(Reply { metadata: RVec::new(), body: RVec::from(serde_json::to_vec(&answer)?) })
        })
        .into_ffi()
    }

    /// Answers with raw bytes.
    pub(crate) fn answer_raw<F>(
        self,
        method: impl FnOnce(Call, Metadata, Vec<u8>) -> F + Send + 'static,
    ) -> CallFuture
    where
        F: Future<Output = Result<(Metadata, Vec<u8>)>> + Send + 'static,
    {
        let Self { current, call, metadata, body, .. } = self;
        // The method's future is made here and not inside another one: its arguments move once less.
        let answer = current::scope(current, || method(call, metadata, body.into_vec()));
        let reply = |(metadata, body): (Metadata, Vec<u8>)| Reply {
            metadata: metadata.0,
            body: RVec::from(body),
        };
        Guarded::new(current, answer.map_ok(reply)).into_ffi()
    }

    /// Handles a stream whose request is JSON.
    pub(crate) fn handle_json<Q, F>(
        self,
        stream: Stream,
        method: impl FnOnce(Call, Q, Stream) -> F + Send + 'static,
    ) -> HandleFuture
    where
        Q: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let Self { current, call, body, .. } = self;
        Guarded::new(current, async move {
            let request = parse(&body)?;
            drop(body);
            method(call, request, stream).await
        })
        .into_ffi()
    }

    /// Handles a stream whose request is raw bytes.
    pub(crate) fn handle_raw<F>(
        self,
        stream: Stream,
        method: impl FnOnce(Call, Metadata, Vec<u8>, Stream) -> F + Send + 'static,
    ) -> HandleFuture
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let Self { current, call, metadata, body, .. } = self;
        Guarded::new(current, method(call, metadata, body.into_vec(), stream)).into_ffi()
    }
}

/// Reads a JSON body; an empty one is `null`. An error is the caller's.
pub(crate) fn parse<Q: DeserializeOwned>(body: &[u8]) -> Result<Q> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        crate::Error::invalid("LDR-CALL-REQUEST", format!("the request makes no sense: {error}"))
    })
}
