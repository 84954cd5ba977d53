//! Counts the words of a text, for a model, a person or another plugin.

use loader_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What the tool takes. The comments are what a model reads.
#[arguments]
struct Arguments {
    /// The text whose words are counted.
    text: String,
}

struct Words;

impl Plugin for Words {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Tool for Words {
    async fn describe(&self, _: Call) -> Result<ToolDescription> {
        Ok(describe_tool::<Arguments>("Counts the words of a text."))
    }

    async fn call(&self, _: Call, request: CallTool) -> Result<ToolAnswer> {
        let Arguments { text } = arguments_of(&request)?;
        Ok(count(&text))
    }
}

/// The answer for a text. What the caller may do something about is no error.
fn count(text: &str) -> ToolAnswer {
    match text.split_whitespace().count() {
        0 => ToolAnswer::failed("the text has no words"),
        1 => ToolAnswer::done("1 word"),
        words => ToolAnswer::done(format!("{words} words")),
    }
}

export_plugin! {
    plugin: Words,
    id: "{{name}}",
    provides: [tool: "{{name}}"],
}
