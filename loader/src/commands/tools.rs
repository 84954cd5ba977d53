//! `loader tools`: what plugins can have done.

use loader_contract::tool::{CONTRACT, CallTool, ListedTool, ToolAnswer, ToolList, method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::call::asking;
use super::partner::Partner;
use crate::args;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome, Output, harmless, table, unwritable};

/// Does what the arguments ask for.
pub(super) fn execute(command: &args::Tools, context: &Context, output: &Output) -> CommandResult {
    asking(context, output, "tools", async |partner| match command {
        args::Tools::List => list(partner, context).await,
        args::Tools::Call(wanted) => call(partner, wanted, output).await,
    })
}

async fn list(partner: &Partner, context: &Context) -> CommandResult {
    let list: ToolList = ask(partner, method::LIST, &Value::Null).await?;
    let config = &context.resolved.config.tools;
    let about = |tool: &ListedTool| {
        let description = harmless(&tool.description.description);
        let first = description.lines().next().unwrap_or_default();
        first.split_inclusive(". ").next().unwrap_or_default().trim().to_owned()
    };
    let rows = list.tools.iter().map(|tool| {
        let is_offered = if config.offers(&tool.name) { "offered" } else { "-" };
        [tool.name.clone(), tool.plugin.clone(), is_offered.to_owned(), about(tool)]
    });
    let rows: Vec<_> = rows.collect();
    let text = match rows.is_empty() {
        true => "No plugin that is loaded has a tool.\n".to_owned(),
        false => table(["TOOL", "PLUGIN", "TO MODELS", "WHAT IT DOES"], &rows),
    };
    let tools = list.tools.iter().map(|tool| {
        let mut said = json!(tool);
        said["offered"] = json!(config.offers(&tool.name));
        said
    });
    let data = json!({ "tools": tools.collect::<Vec<_>>(), "left_out": list.left_out });
    let warnings = list.left_out.iter().filter_map(|tool| {
        let mut said = json!(tool);
        said["severity"] = json!("warning");
        Finding::from_json(&said)
    });
    Ok(Answer { text, data, warnings: warnings.collect() }.into())
}

async fn call(partner: &Partner, wanted: &args::CallTool, output: &Output) -> CommandResult {
    let tool = wanted.name.clone();
    let arguments = match &wanted.object {
        Some(json) => serde_json::from_str(json).map_err(|error| {
            Finding::error("LDR-CALL-REQUEST", format!("the arguments are not JSON: {error}"))
                .hint("write them as '{\"key\": \"value\"}', or as --arg key=value")
        })?,
        None if wanted.arguments.is_empty() => Value::Null,
        None => {
            let named = CallTool { tool: tool.clone(), arguments: Value::Null };
            let listed: ListedTool = ask(partner, method::DESCRIBE, &named).await?;
            read(&listed.description.parameters, &wanted.arguments)?
        }
    };
    let answer: ToolAnswer = ask(partner, method::CALL, &CallTool { tool, arguments }).await?;
    let data = json!(answer);
    if answer.failed {
        let failed = Finding::error("LDR-TOOL-FAILED", harmless(&answer.content));
        return Ok(Outcome::Objected(Answer { text: String::new(), data, warnings: vec![failed] }));
    }
    let mut text = answer.content;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if output.is_json() {
        return Ok(Answer { text, data, warnings: Vec::new() }.into());
    }
    output.write_for_people(&text).map_err(|error| unwritable(&error))?;
    Ok(Outcome::Ended(Exit::Success))
}

/// Arguments as they are written: text where the tool's schema has text, else JSON.
fn read(schema: &Value, written: &[(String, String)]) -> Result<Value, Finding> {
    let mut arguments = Map::new();
    for (key, value) in written {
        let kind = &schema["properties"][key]["type"];
        let is_text =
            kind == "string" || kind.as_array().is_some_and(|of| of.contains(&json!("string")));
        let value = match is_text {
            true => json!(value),
            false => serde_json::from_str(value).map_err(|error| {
                let message = format!("the value of `{key}` is not JSON: {error}");
                Finding::error("LDR-CALL-REQUEST", message)
                    .hint("loader tools list --json shows what each tool takes")
            })?,
        };
        arguments.insert(key.clone(), value);
    }
    Ok(Value::Object(arguments))
}

/// Asks the host's own service of tools.
async fn ask<T: DeserializeOwned>(
    partner: &Partner,
    method: &str,
    request: &impl Serialize,
) -> Result<T, Finding> {
    partner.answer(&format!("{CONTRACT}/{method}"), request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_where_the_tool_takes_text() {
        let schema = json!({ "properties": {
            "text": { "type": ["string", "null"] }, "number": { "type": "integer" },
        } });
        let written = |key: &str, value: &str| read(&schema, &[(key.to_owned(), value.to_owned())]);
        assert_eq!(written("text", "42"), Ok(json!({ "text": "42" })));
        assert_eq!(written("number", "42"), Ok(json!({ "number": 42 })));
        assert_eq!(written("other", "[1]"), Ok(json!({ "other": [1] })));
        assert_eq!(written("number", "many").expect_err("no JSON").code, "LDR-CALL-REQUEST");
    }
}
