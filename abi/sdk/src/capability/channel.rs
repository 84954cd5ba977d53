//! `channel/1`: see [`loader_contract::channel`].

use crate::{Call, Host, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::channel::CONTRACT;
use loader_contract::channel::{
    AccountStatus, Capabilities, Connect, Disconnect, INBOX, InboundMessage, SendText, Sent,
    StatusList, inbox, method,
};
use std::future::Future;

/// A plugin that connects people. [`Call::capability`] says which of its channels is meant; one with several
/// names the channel in what it delivers and reports.
///
/// ```no_run
#[doc = include_str!("../../examples/channel.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/channel.toml")]
/// ```
pub trait Channel: Plugin {
    /// What the channel can do.
    fn capabilities(&self, call: Call) -> impl Future<Output = Result<Capabilities>> + Send;

    /// Starts connecting an account and keeps it connected until `disconnect`.
    fn connect(
        &self,
        call: Call,
        request: Connect,
    ) -> impl Future<Output = Result<AccountStatus>> + Send;

    /// Ends an account's connection; its credentials stay.
    fn disconnect(
        &self,
        call: Call,
        request: Disconnect,
    ) -> impl Future<Output = Result<AccountStatus>> + Send;

    /// How the accounts are.
    fn status(&self, call: Call) -> impl Future<Output = Result<StatusList>> + Send;

    /// Sends text, split at the network's limit.
    fn send(&self, call: Call, request: SendText) -> impl Future<Output = Result<Sent>> + Send;
}

impl Host {
    /// Hands a person's message to the gateway; returns once the gateway has taken it over.
    pub async fn deliver(&self, message: &InboundMessage) -> Result<()> {
        self.call_json(&format!("{INBOX}/{}", inbox::DELIVER), message).await
    }

    /// Reports how an account is.
    pub async fn report_status(&self, status: &AccountStatus) -> Result<()> {
        self.call_json(&format!("{INBOX}/{}", inbox::STATUS), status).await
    }
}

impl<P: Channel> Registration<P> {
    /// Provides `channel/1` under this id.
    #[must_use]
    pub fn channel(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| {
                Some(match name {
                    method::CAPABILITIES => invocation.answer_json(move |call, ()| async move {
                        plugin.capabilities(call).await
                    }),
                    method::CONNECT => invocation.answer_json(move |call, request| async move {
                        plugin.connect(call, request).await
                    }),
                    method::DISCONNECT => invocation.answer_json(move |call, request| async move {
                        plugin.disconnect(call, request).await
                    }),
                    method::STATUS => invocation
                        .answer_json(move |call, ()| async move { plugin.status(call).await }),
                    method::SEND => invocation.answer_json(move |call, request| async move {
                        plugin.send(call, request).await
                    }),
                    _ => return None,
                })
            },
            open: |_, _, _, _| None,
        })
    }
}
