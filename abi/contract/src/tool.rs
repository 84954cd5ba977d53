//! `tool/1`: something a model, a person or another plugin can have done. The capability's id is the
//! tool's name.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `describe` | call | none | [`ToolDescription`] |
//! | `call` | call | [`CallTool`] | [`ToolAnswer`] |
//!
//! The host serves the same contract: under it, `list` answers every tool ([`ToolList`]), and `describe`
//! ([`ListedTool`]) and `call` take the tool's name from [`CallTool::tool`]. The host asks a plugin once
//! in each generation's life what its tool takes, checks arguments against that before the plugin sees
//! them, lets hooks look at them, and bounds the answer.
//!
//! What went wrong in doing it, and the model may do something about, is an answer with
//! [`ToolAnswer::failed`]; an error says that the tool itself does not work.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "tool/1";

/// Methods.
pub mod method {
    /// What the tool does and takes.
    pub const DESCRIBE: &str = "describe";
    /// Has it done.
    pub const CALL: &str = "call";
    /// Every tool; answered by the host.
    pub const LIST: &str = "list";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-TOOL",
    methods: &[
        Method::call(method::DESCRIBE, "What the tool does and takes.").idempotent(),
        Method::call(method::CALL, "Has it done."),
    ],
    host_methods: &[Method::call(method::LIST, "Every tool, with its schema.").idempotent()],
    attributes: &[
        Attribute::new("about", Form::Text, "What it does, for lists made without opening it."),
        Attribute::new("read_only", Form::Boolean, "Whether it changes nothing anywhere."),
    ],
    ..Contract::new(CONTRACT, Class::Surface, "Does something for a model, a person or a plugin.")
};

/// The most bytes of an answer's text that the host takes.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

contract_types! {
    /// The answer to `describe`.
    #[derive(Default)]
    pub struct ToolDescription {
        /// What it does and when to use it, in words for a model.
        pub description: String,
        /// The JSON Schema of its arguments: an object.
        pub parameters: serde_json::Value,
    }

    /// The request of `call`.
    #[derive(Default)]
    pub struct CallTool {
        /// The tool's name, where the host is asked; empty where a plugin is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub tool: String,
        /// The arguments: an object that matches the schema.
        #[serde(default)]
        pub arguments: serde_json::Value,
    }

    /// The answer to `call`.
    #[derive(Default)]
    pub struct ToolAnswer {
        /// What came of it, in words for a model; at most 256 KiB.
        pub content: String,
        /// Whether it could not be done; `content` says why.
        #[serde(default)]
        pub failed: bool,
        /// The same for programs, if there is more to say.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        pub data: serde_json::Value,
    }

    /// The host's answer to `list`.
    #[derive(Default)]
    pub struct ToolList {
        /// The tools, in the order they should be shown.
        #[serde(default)]
        pub tools: Vec<ListedTool>,
        /// The tools that cannot be used, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub left_out: Vec<LeftOutTool>,
    }

    /// One tool.
    #[derive(Default)]
    pub struct ListedTool {
        /// Its name.
        pub name: String,
        /// The plugin that provides it.
        #[serde(default)]
        pub plugin: String,
        /// What it does and takes.
        #[serde(flatten)]
        pub description: ToolDescription,
    }

    /// One tool that cannot be used.
    #[derive(Default)]
    pub struct LeftOutTool {
        /// Its name.
        pub name: String,
        /// The plugin that provides it.
        #[serde(default)]
        pub plugin: String,
        /// A stable code.
        pub code: String,
        /// Why it cannot be used.
        pub message: String,
    }
}

impl ToolAnswer {
    /// It was done.
    pub fn done(content: impl Into<String>) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// It could not be done.
    pub fn failed(content: impl Into<String>) -> Self {
        Self { content: content.into(), failed: true, ..Self::default() }
    }
}
