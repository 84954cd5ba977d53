//! `tool/1`: see [`loader_contract::tool`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::tool::CONTRACT;
use loader_contract::tool::{CallTool, ToolAnswer, ToolDescription, method};
use schemars::JsonSchema;
use std::future::Future;

/// A plugin with tools. [`Call::capability`] says which of them is meant.
///
/// ```no_run
#[doc = include_str!("../../examples/tool.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/tool.toml")]
/// ```
pub trait Tool: Plugin {
    /// What the tool does and takes.
    fn describe(&self, call: Call) -> impl Future<Output = Result<ToolDescription>> + Send;

    /// Has it done. The host has checked the arguments against the schema.
    ///
    /// What the caller may do something about is [`ToolAnswer::failed`]; an error says that the tool
    /// itself does not work.
    fn call(
        &self,
        call: Call,
        request: CallTool,
    ) -> impl Future<Output = Result<ToolAnswer>> + Send;
}

/// Describes a tool whose arguments are this type: a struct with [`#[arguments]`](crate::arguments).
pub fn describe_tool<T: JsonSchema>(description: &str) -> ToolDescription {
    let parameters = loader_contract::schema::of::<T>();
    ToolDescription { description: description.to_owned(), parameters }
}

/// Reads a tool's arguments. An error is the caller's.
pub fn arguments_of<T: serde::de::DeserializeOwned>(request: &CallTool) -> Result<T> {
    T::deserialize(&request.arguments).map_err(|error| {
        crate::Error::invalid("LDR-CALL-REQUEST", format!("the arguments make no sense: {error}"))
    })
}

impl<P: Tool> Registration<P> {
    /// Provides `tool/1` under this id.
    #[must_use]
    pub fn tool(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::DESCRIBE => Some(
                    invocation
                        .answer_json(move |call, ()| async move { plugin.describe(call).await }),
                ),
                method::CALL => Some(invocation.answer_json(move |call, request| async move {
                    plugin.call(call, request).await
                })),
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}
