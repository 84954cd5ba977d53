//! Contracts of one's own: a program that embeds the engine and its plugins agree on a name such as
//! `shout/1`, on methods, and on what their bodies hold. Nobody else needs to know.

use crate::{
    Answer, Call, Error, Metadata, Plugin, Registration, Result, Stream, registration::Capability,
};
use serde::de::DeserializeOwned;
use std::future::Future;

/// A plugin that serves contracts the SDK has no trait for.
///
/// ```no_run
/// # use loader_sdk::prelude::*;
/// # struct Shout;
/// # impl Plugin for Shout {
/// #     type Config = NoConfig;
/// #     async fn start(_: Host, _: NoConfig) -> Result<Self> {
/// #         Ok(Self)
/// #     }
/// # }
/// impl Custom for Shout {
///     async fn call(&self, _: Call, request: Request) -> Result<Answer> {
///         match request.method() {
///             "shout" => Answer::json(&request.json::<String>()?.to_uppercase()),
///             _ => Err(request.unknown()),
///         }
///     }
/// }
///
/// export_plugin! {
///     plugin: Shout,
///     id: "shout",
///     provides: [contract "shout/1": "shout"],
/// }
/// # fn main() {}
/// ```
pub trait Custom: Plugin {
    /// Answers one call. A method the contract does not have is [`Request::unknown`].
    fn call(&self, call: Call, request: Request) -> impl Future<Output = Result<Answer>> + Send;

    /// Handles one stream until it ends. By default the contract has no streams.
    ///
    /// Accept it by sending a [`head`](crate::Message::head) message first; an error before that is
    /// the caller's, one after it ends the stream.
    fn open(
        &self,
        call: Call,
        request: Request,
        stream: Stream,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (call, stream);
        async move { Err(request.unknown()) }
    }
}

/// What was asked of a plugin under a contract of its own.
#[derive(Debug)]
pub struct Request {
    contract: &'static str,
    method: String,
    metadata: Metadata,
    body: Vec<u8>,
}

impl Request {
    /// The contract, for a plugin that serves several: `shout/1`.
    pub fn contract(&self) -> &str {
        self.contract
    }

    /// The method of the contract.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What was said besides the body.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The body, at most 1 MiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, owned.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Reads the body as JSON; an empty one is `null`. An error is the caller's.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        crate::registration::parse(&self.body)
    }

    /// The error for a method the contract does not have.
    pub fn unknown(&self) -> Error {
        Error::unimplemented(&format!("{}/{}", self.contract, self.method))
    }
}

impl<P: Custom> Registration<P> {
    /// Provides a contract of one's own under this id.
    #[must_use]
    pub fn contract(self, contract: &'static str, id: &'static str) -> Self {
        self.add(Capability {
            contract,
            id,
            call: |plugin, name, invocation| {
                let (contract, method) = (invocation.contract, name.to_owned());
                Some(invocation.answer_raw(move |call, metadata, body| async move {
                    let request = Request { contract, method, metadata, body };
                    let answer = plugin.call(call, request).await?;
                    Ok((answer.metadata, answer.body))
                }))
            },
            open: |plugin, name, invocation, stream| {
                let (contract, method) = (invocation.contract, name.to_owned());
                Some(invocation.handle_raw(
                    stream,
                    move |call, metadata, body, stream| async move {
                        let request = Request { contract, method, metadata, body };
                        plugin.open(call, request, stream).await
                    },
                ))
            },
        })
    }
}
