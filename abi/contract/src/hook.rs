//! `hook/1`: a plugin takes part in what the gateway does. Each capability is one hook: the attribute
//! `on` names the event, and the event is the method that is called.
//!
//! | event | request | what it may change |
//! | --- | --- | --- |
//! | `before_model_resolve` | [`BeforeModelResolve`] | [`ModelOverride`] |
//! | `before_prompt_build` | [`BeforePromptBuild`] | [`PromptChange`] |
//! | `before_agent_start` (legacy) | [`BeforeAgentStart`] | [`AgentStartChange`] |
//! | `message_received` | [`MessageReceived`] | [`MessageChange`] |
//! | `before_reply` | [`BeforeReply`] | [`ReplyChange`] |
//! | `message_sent` | [`MessageSent`] | nothing |
//! | `before_tool_call` | [`BeforeToolCall`] | [`ToolCallChange`] |
//! | `after_tool_call` | [`AfterToolCall`] | [`ToolAnswerChange`] |
//! | `session_started`, `session_ended` | [`Session`] | nothing |
//! | `gateway_started`, `gateway_stopping` | [`GatewayMoment`] | nothing |
//! | `custom` | [`Custom`] | [`CustomChange`] |
//!
//! Hooks of an event are called one after another: the higher `priority` first, then in the order in
//! which their plugins were loaded. Each sees what those before it changed. One that fails, or takes
//! longer than its `deadline_ms`, is passed over with a warning (`on_failure = "open"`, the default),
//! or ends what it takes part in with an error (`"closed"`). An empty answer changes nothing.
//!
//! `before_agent_start` is kept for plugins that were written before its two successors; a plugin
//! that has it is told so.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
    text_inference::Message,
};

/// The contract's name.
pub const CONTRACT: &str = "hook/1";

/// Events, which are methods.
pub mod event {
    /// Before a model is looked up by its name.
    pub const BEFORE_MODEL_RESOLVE: &str = "before_model_resolve";
    /// Before the request goes to the provider.
    pub const BEFORE_PROMPT_BUILD: &str = "before_prompt_build";
    /// Both of the above at once; legacy.
    pub const BEFORE_AGENT_START: &str = "before_agent_start";
    /// A person's message has come.
    pub const MESSAGE_RECEIVED: &str = "message_received";
    /// An answer is about to be sent.
    pub const BEFORE_REPLY: &str = "before_reply";
    /// An answer was sent.
    pub const MESSAGE_SENT: &str = "message_sent";
    /// A tool is about to be called.
    pub const BEFORE_TOOL_CALL: &str = "before_tool_call";
    /// A tool has answered.
    pub const AFTER_TOOL_CALL: &str = "after_tool_call";
    /// A conversation begins.
    pub const SESSION_STARTED: &str = "session_started";
    /// A conversation has been quiet for long, or the gateway stops.
    pub const SESSION_ENDED: &str = "session_ended";
    /// The gateway's port listens.
    pub const GATEWAY_STARTED: &str = "gateway_started";
    /// The gateway is about to stop.
    pub const GATEWAY_STOPPING: &str = "gateway_stopping";
    /// Something a plugin made up.
    pub const CUSTOM: &str = "custom";

    /// Every event.
    pub const ALL: [&str; 13] = [
        BEFORE_MODEL_RESOLVE,
        BEFORE_PROMPT_BUILD,
        BEFORE_AGENT_START,
        MESSAGE_RECEIVED,
        BEFORE_REPLY,
        MESSAGE_SENT,
        BEFORE_TOOL_CALL,
        AFTER_TOOL_CALL,
        SESSION_STARTED,
        SESSION_ENDED,
        GATEWAY_STARTED,
        GATEWAY_STOPPING,
        CUSTOM,
    ];
}

/// Methods that the host answers.
pub mod method {
    /// Every hook in the order they are called.
    pub const LIST: &str = "list";
    /// Calls the hooks of `custom` and answers what came of the payload.
    pub const FIRE: &str = "fire";
}

/// How long a hook may take when its manifest does not say, in milliseconds.
pub const DEADLINE_MS: u64 = 1000;

const fn handler(name: &'static str, about: &'static str) -> Method {
    Method::call(name, about).optional().idempotent()
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-HOOK",
    methods: &[
        handler(event::BEFORE_MODEL_RESOLVE, "Chooses the model."),
        handler(event::BEFORE_PROMPT_BUILD, "Adds to the prompt."),
        handler(event::BEFORE_AGENT_START, "Legacy: both of the above."),
        handler(event::MESSAGE_RECEIVED, "Looks at a person's message, changes or drops it."),
        handler(event::BEFORE_REPLY, "Looks at an answer, changes or drops it."),
        handler(event::MESSAGE_SENT, "Hears of an answer that was sent."),
        handler(event::BEFORE_TOOL_CALL, "Looks at a tool's arguments, changes or refuses them."),
        handler(event::AFTER_TOOL_CALL, "Looks at a tool's answer, changes it."),
        handler(event::SESSION_STARTED, "Hears of a conversation that begins."),
        handler(event::SESSION_ENDED, "Hears of a conversation that ended."),
        handler(event::GATEWAY_STARTED, "Hears that the port listens."),
        handler(event::GATEWAY_STOPPING, "Hears that the gateway is about to stop."),
        handler(event::CUSTOM, "Hears what another plugin made up."),
    ],
    host_methods: &[
        Method::call(method::LIST, "Every hook in the order they are called.").idempotent(),
        Method::call(method::FIRE, "Calls the hooks of a custom event."),
    ],
    attributes: &[
        Attribute::new("on", Form::Word(&event::ALL), "The event.").required(),
        Attribute::new("name", Form::Text, "Of `custom`: which one; all without it."),
        Attribute::new(
            "priority",
            Form::Integer(-1000, 1000),
            "The higher comes first; 0 if unsaid.",
        ),
        Attribute::new(
            "deadline_ms",
            Form::Integer(1, 60_000),
            "How long it may take in milliseconds; 1,000 if unsaid.",
        ),
        Attribute::new(
            "on_failure",
            Form::Word(&["open", "closed"]),
            "Whether a failure is passed over or ends what the hook takes part in; open if unsaid.",
        ),
    ],
    ..Contract::new(CONTRACT, Class::Hook, "Takes part in what the gateway does.")
};

contract_types! {
    /// The request of `before_model_resolve`.
    #[derive(Default)]
    pub struct BeforeModelResolve {
        /// The model that was asked for, as `<provider>/<model>`.
        pub model: String,
        /// Who asks: `gateway`, or `plugin:<id>`.
        #[serde(default)]
        pub caller: String,
    }

    /// What `before_model_resolve` may change.
    #[derive(Default)]
    pub struct ModelOverride {
        /// Another provider's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provider: Option<String>,
        /// Another model's id within the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub model: Option<String>,
    }

    /// The request of `before_prompt_build`.
    #[derive(Default)]
    pub struct BeforePromptBuild {
        /// The model that will be asked.
        pub model: String,
        /// The conversation so far.
        #[serde(default)]
        pub messages: Vec<Message>,
        /// Who asks: `gateway`, or `plugin:<id>`.
        #[serde(default)]
        pub caller: String,
    }

    /// What `before_prompt_build` may change.
    #[derive(Default)]
    pub struct PromptChange {
        /// Instructions to put before the conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub system_prompt: Option<String>,
        /// Text to put before the last thing that the person said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prepend_context: Option<String>,
    }

    /// The request of the legacy `before_agent_start`.
    #[derive(Default)]
    pub struct BeforeAgentStart {
        /// The model that was asked for, as `<provider>/<model>`.
        pub model: String,
        /// The conversation so far.
        #[serde(default)]
        pub messages: Vec<Message>,
        /// Who asks: `gateway`, or `plugin:<id>`.
        #[serde(default)]
        pub caller: String,
    }

    /// What `before_agent_start` may change.
    #[derive(Default)]
    pub struct AgentStartChange {
        /// Another model.
        #[serde(flatten)]
        pub model: ModelOverride,
        /// What to add to the prompt.
        #[serde(flatten)]
        pub prompt: PromptChange,
    }

    /// The request of `message_received`.
    #[derive(Default)]
    pub struct MessageReceived {
        /// Where it came from.
        #[serde(flatten)]
        pub session: Session,
        /// Who wrote it: the sender's id.
        #[serde(default)]
        pub sender: String,
        /// What was written.
        pub text: String,
    }

    /// What `message_received` may change.
    #[derive(Default)]
    pub struct MessageChange {
        /// Another text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub text: Option<String>,
        /// Whether nobody is to answer it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub drop: bool,
    }

    /// The request of `before_reply`.
    #[derive(Default)]
    pub struct BeforeReply {
        /// Where it goes.
        #[serde(flatten)]
        pub session: Session,
        /// What is about to be sent.
        pub text: String,
    }

    /// What `before_reply` may change.
    #[derive(Default)]
    pub struct ReplyChange {
        /// Another text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub text: Option<String>,
        /// Whether nothing is to be sent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub drop: bool,
    }

    /// The request of `message_sent`.
    #[derive(Default)]
    pub struct MessageSent {
        /// Where it went.
        #[serde(flatten)]
        pub session: Session,
        /// What was sent.
        pub text: String,
    }

    /// The request of `before_tool_call`.
    #[derive(Default)]
    pub struct BeforeToolCall {
        /// The tool's name.
        pub tool: String,
        /// The arguments.
        #[serde(default)]
        pub arguments: serde_json::Value,
        /// Who calls it: `gateway` for a model or an operator, or `plugin:<id>`.
        #[serde(default)]
        pub caller: String,
    }

    /// What `before_tool_call` may change.
    #[derive(Default)]
    pub struct ToolCallChange {
        /// Other arguments; they are checked against the schema again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub arguments: Option<serde_json::Value>,
        /// Why the tool is not to be called; the caller is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refuse: Option<String>,
    }

    /// The request of `after_tool_call`.
    #[derive(Default)]
    pub struct AfterToolCall {
        /// The tool's name.
        pub tool: String,
        /// The arguments.
        #[serde(default)]
        pub arguments: serde_json::Value,
        /// What it answered.
        pub content: String,
        /// Whether it could not be done.
        #[serde(default)]
        pub failed: bool,
    }

    /// What `after_tool_call` may change.
    #[derive(Default)]
    pub struct ToolAnswerChange {
        /// Another text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub content: Option<String>,
    }

    /// A conversation: the request of `session_started` and `session_ended`.
    #[derive(Default, Eq, Hash)]
    pub struct Session {
        /// The channel's id.
        #[serde(default)]
        pub channel: String,
        /// The account.
        #[serde(default)]
        pub account: String,
        /// The conversation's id within the account.
        #[serde(default)]
        pub conversation: String,
    }

    /// The request of `gateway_started` and `gateway_stopping`.
    #[derive(Default)]
    pub struct GatewayMoment {
        /// The gateway's program and version.
        #[serde(default)]
        pub host: String,
    }

    /// The request of `custom`, and of the host's `fire`.
    #[derive(Default)]
    pub struct Custom {
        /// Which custom event: `<plugin>.<name>`.
        pub name: String,
        /// What it is about.
        #[serde(default)]
        pub payload: serde_json::Value,
    }

    /// What `custom` may change; the answer to `fire`.
    #[derive(Default)]
    pub struct CustomChange {
        /// Another payload.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub payload: Option<serde_json::Value>,
    }

    /// The host's answer to `list`.
    #[derive(Default)]
    pub struct HookList {
        /// The hooks: event by event, each in the order they are called.
        #[serde(default)]
        pub hooks: Vec<ListedHook>,
    }

    /// One hook.
    #[derive(Default)]
    pub struct ListedHook {
        /// Its capability id.
        pub id: String,
        /// The plugin.
        pub plugin: String,
        /// The event.
        pub on: String,
        /// Of `custom`: which one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
        /// The higher comes first.
        #[serde(default)]
        pub priority: i64,
        /// How long it may take, in milliseconds.
        #[serde(default)]
        pub deadline_ms: u64,
        /// Whether a failure is passed over.
        #[serde(default)]
        pub open: bool,
    }
}
