//! `channel/1`: a plugin connects people: a chat network, with one connection per account.
//!
//! The host calls (all required):
//!
//! | method | request | answer |
//! | --- | --- | --- |
//! | `capabilities` | none | [`Capabilities`] |
//! | `connect` | [`Connect`] | [`AccountStatus`] |
//! | `disconnect` | [`Disconnect`] | [`AccountStatus`] |
//! | `status` | none | [`StatusList`] |
//! | `send` | [`SendText`] | [`Sent`] |
//!
//! `connect` starts connecting and returns; the plugin keeps the account connected, with backoff,
//! until `disconnect`. With other settings for an account that is there already it connects anew; with
//! the same ones it does nothing. Every change of state is reported through the host service
//! [`INBOX`]`/status`, and every message from people through [`INBOX`]`/deliver`. The host answers
//! `deliver` once it has taken the message over. Messages of one conversation are delivered, and
//! answered, in order.
//!
//! `send` must not send twice for the same `idempotency_key`. A failure before the network took the
//! text has class unavailable and may be tried again; one after it must not.
//!
//! The host serves `send` of the same contract, and picks the channel's account if none is named.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method, Stability},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "channel/1";

/// The host service through which channels report.
pub const INBOX: &str = "channel-inbox/1";

/// Methods.
pub mod method {
    /// What the channel can do.
    pub const CAPABILITIES: &str = "capabilities";
    /// Connects an account and keeps it connected.
    pub const CONNECT: &str = "connect";
    /// Ends an account's connection; credentials stay.
    pub const DISCONNECT: &str = "disconnect";
    /// How the accounts are.
    pub const STATUS: &str = "status";
    /// Sends text.
    pub const SEND: &str = "send";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    stability: Stability::Stable,
    clash: "LDR-CONFLICT-CHANNEL",
    methods: &[
        Method::call(method::CAPABILITIES, "What the channel can do.").idempotent(),
        Method::call(method::CONNECT, "Connects an account and keeps it connected.").idempotent(),
        Method::call(method::DISCONNECT, "Ends an account's connection.").idempotent(),
        Method::call(method::STATUS, "How the accounts are.").idempotent(),
        Method::call(method::SEND, "Sends text."),
    ],
    attributes: &[
        Attribute::new("label", Form::Text, "The channel's name for people."),
        Attribute::new("selection_label", Form::Text, "Its name where one is chosen from many."),
        Attribute::new("detail_label", Form::Text, "A second name, where there is space for more."),
        Attribute::new("docs_path", Form::Text, "Where to read more."),
        Attribute::new("docs_label", Form::Text, "What a link there says."),
        Attribute::new("blurb", Form::Text, "What it is, in one line."),
        Attribute::new(
            "prefer_over",
            Form::Texts,
            "Plugins that it is to be listed instead of, where they have the same channel.",
        ),
        Attribute::new("markdown_capable", Form::Boolean, "Whether it understands Markdown."),
        Attribute::new(
            "exposure",
            Form::Switches(&["configured", "setup", "docs"]),
            "Where it wants to be seen; everywhere, unless it says otherwise.",
        ),
    ],
    ..Contract::new(CONTRACT, Class::Capability, "Connects people: a chat network.")
};

/// Methods of [`INBOX`], answered by the host.
pub mod inbox {
    /// Takes an [`InboundMessage`](super::InboundMessage).
    pub const DELIVER: &str = "deliver";
    /// Takes an [`AccountStatus`](super::AccountStatus).
    pub const STATUS: &str = "status";
}

/// Error codes of this contract.
pub mod code {
    /// No such account is connected. Class not-found.
    pub const UNKNOWN_ACCOUNT: &str = "unknown_account";
    /// The account is not connected now. Class unavailable.
    pub const NOT_CONNECTED: &str = "not_connected";
    /// The account's settings are wrong. Class invalid.
    pub const ACCOUNT_INVALID: &str = "account_invalid";
    /// The conversation's id makes no sense to this channel. Class invalid.
    pub const UNKNOWN_CONVERSATION: &str = "unknown_conversation";
}

contract_types! {
    /// The answer to `capabilities`.
    #[derive(Default)]
    pub struct Capabilities {
        /// The longest text the network takes in one piece; the plugin splits longer ones.
        #[serde(default)]
        pub text_limit: Option<TextLimit>,
        /// Whether there are conversations of several people.
        #[serde(default)]
        pub groups: bool,
        /// Whether there are conversations of two.
        #[serde(default)]
        pub direct: bool,
    }

    /// A limit and its unit.
    #[derive(Eq, Copy)]
    pub struct TextLimit {
        /// The number.
        pub limit: u32,
        /// What is counted.
        pub unit: TextUnit,
    }

    /// What a [`TextLimit`] counts.
    #[derive(Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum TextUnit {
        /// Bytes of UTF-8.
        Bytes,
        /// Unicode scalar values.
        Characters,
        /// UTF-16 code units.
        Utf16,
    }

    /// The request of `connect`.
    #[derive(Default)]
    pub struct Connect {
        /// The account's name in the configuration.
        pub account: String,
        /// The account's settings.
        #[serde(default)]
        pub config: serde_json::Value,
    }

    /// The request of `disconnect`.
    #[derive(Default)]
    pub struct Disconnect {
        /// The account's name.
        pub account: String,
        /// Why, for the network and the log.
        #[serde(default)]
        pub reason: String,
    }

    /// The answer to `status`.
    #[derive(Default)]
    pub struct StatusList {
        /// Every account that was connected and not disconnected since.
        #[serde(default)]
        pub accounts: Vec<AccountStatus>,
    }

    /// How one account is.
    #[derive(Default)]
    pub struct AccountStatus {
        /// The channel, in reports of a plugin that provides several; otherwise empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub channel: String,
        /// The account's name.
        pub account: String,
        /// The state.
        pub state: AccountState,
        /// Who the account is on the network, once known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub identity: String,
        /// Why it is so, in one sentence without secrets.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub detail: String,
        /// When the next try comes, in milliseconds, while reconnecting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub retry_in_ms: Option<u64>,
    }

    /// The state of an account.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum AccountState {
        /// Not connected, and not trying.
        #[default]
        Disconnected,
        /// The first try is under way.
        Connecting,
        /// Connected and ready to send.
        Connected,
        /// The connection was lost; trying again.
        Reconnecting,
        /// Trying again makes no sense until the settings change.
        Failed,
    }

    /// The request of `send`.
    #[derive(Default)]
    pub struct SendText {
        /// The channel, where the host is asked; empty where a plugin is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub channel: String,
        /// The account to send from; where the host is asked and there is only one, it may be empty.
        #[serde(default)]
        pub account: String,
        /// Where to: the id of an inbound message's conversation, or one the channel documents.
        pub conversation: String,
        /// What to say; the plugin splits it at the network's limit.
        pub text: String,
        /// The message this answers, where the network has replies.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub reply_to: String,
    }

    /// The answer to `send`.
    #[derive(Default)]
    pub struct Sent {
        /// The pieces' ids, where the network has them.
        #[serde(default)]
        pub message_ids: Vec<String>,
        /// How many pieces it took.
        #[serde(default)]
        pub pieces: u32,
    }

    /// A message from a person.
    #[derive(Default)]
    pub struct InboundMessage {
        /// The channel, where the plugin provides several; otherwise empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub channel: String,
        /// The account that received it.
        pub account: String,
        /// The conversation: where an answer goes.
        pub conversation: Conversation,
        /// Who wrote it.
        pub sender: Person,
        /// What was said, without the address (`bot: `) in front.
        pub text: String,
        /// The network's id of the message; empty where it has none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub message_id: String,
        /// When it was said, in milliseconds since 1970.
        #[serde(default)]
        pub timestamp_ms: u64,
        /// Whether the bot was spoken to: a direct message, its name, a reply to it.
        #[serde(default)]
        pub addressed: bool,
    }

    /// A conversation.
    #[derive(Default)]
    pub struct Conversation {
        /// The id within the account.
        pub id: String,
        /// Several people, or two.
        #[serde(default)]
        pub kind: ConversationKind,
    }

    /// The kind of a conversation.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum ConversationKind {
        /// Two people.
        #[default]
        Direct,
        /// Several people.
        Group,
    }

    /// A person.
    #[derive(Default)]
    pub struct Person {
        /// The id on the network.
        pub id: String,
        /// The name shown.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
    }
}
