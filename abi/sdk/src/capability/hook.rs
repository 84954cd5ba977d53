//! `hook/1`: see [`loader_contract::hook`].

use crate::{Call, Error, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::hook::CONTRACT;
use loader_contract::hook::{
    AfterToolCall, AgentStartChange, BeforeAgentStart, BeforeModelResolve, BeforePromptBuild,
    BeforeReply, BeforeToolCall, Custom, CustomChange, GatewayMoment, MessageChange,
    MessageReceived, MessageSent, ModelOverride, PromptChange, ReplyChange, Session,
    ToolAnswerChange, ToolCallChange, event,
};
use std::future::Future;

/// The trait with a method for each event, and the table that calls them.
macro_rules! hooks {
    ($($(#[$about:meta])* $method:ident = $event:path: $request:ty => $change:ty;)*) => {
        /// A plugin that takes part in what the gateway does: one method for each event, of which it
        /// implements those that its manifest's hooks name under `on`. [`Call::capability`] says
        /// which of its hooks is called. `Default::default()` changes nothing.
        ///
        /// ```no_run
        #[doc = include_str!("../../examples/hook.rs")]
        /// # fn main() {}
        /// ```
        ///
        /// Its manifest:
        ///
        /// ```toml
        #[doc = include_str!("../../examples/hook.toml")]
        /// ```
        pub trait Hook: Plugin {
            $(
                $(#[$about])*
                fn $method(
                    &self,
                    call: Call,
                    request: $request,
                ) -> impl Future<Output = Result<$change>> + Send {
                    let _ = (call, request);
                    async { Err(Error::unimplemented(concat!("hook/1/", stringify!($method)))) }
                }
            )*
        }

        impl<P: Hook> Registration<P> {
            /// Provides `hook/1` under this id.
            #[must_use]
            pub fn hook(self, id: &'static str) -> Self {
                self.add(Capability {
                    contract: CONTRACT,
                    id,
                    call: |plugin, name, invocation| {
                        Some(match name {
                            $(
                                $event => invocation.answer_json(move |call, request| async move {
                                    plugin.$method(call, request).await
                                }),
                            )*
                            _ => return None,
                        })
                    },
                    open: |_, _, _, _| None,
                })
            }
        }
    };
}

hooks! {
    /// Chooses the model.
    before_model_resolve = event::BEFORE_MODEL_RESOLVE: BeforeModelResolve => ModelOverride;
    /// Adds to the prompt.
    before_prompt_build = event::BEFORE_PROMPT_BUILD: BeforePromptBuild => PromptChange;
    /// Legacy: both of the above at once. Implement those instead.
    before_agent_start = event::BEFORE_AGENT_START: BeforeAgentStart => AgentStartChange;
    /// Looks at a person's message, changes or drops it.
    message_received = event::MESSAGE_RECEIVED: MessageReceived => MessageChange;
    /// Looks at an answer that is about to be sent, changes or drops it.
    before_reply = event::BEFORE_REPLY: BeforeReply => ReplyChange;
    /// Hears of an answer that was sent.
    message_sent = event::MESSAGE_SENT: MessageSent => ();
    /// Looks at a tool's arguments, changes or refuses them.
    before_tool_call = event::BEFORE_TOOL_CALL: BeforeToolCall => ToolCallChange;
    /// Looks at a tool's answer, changes it.
    after_tool_call = event::AFTER_TOOL_CALL: AfterToolCall => ToolAnswerChange;
    /// Hears of a conversation that begins.
    session_started = event::SESSION_STARTED: Session => ();
    /// Hears of a conversation that has been quiet for long.
    session_ended = event::SESSION_ENDED: Session => ();
    /// Hears that the gateway's port listens.
    gateway_started = event::GATEWAY_STARTED: GatewayMoment => ();
    /// Hears that the gateway is about to stop.
    gateway_stopping = event::GATEWAY_STOPPING: GatewayMoment => ();
    /// Hears what another plugin made up.
    custom = event::CUSTOM: Custom => CustomChange;
}
