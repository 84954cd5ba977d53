//! `loader services`: what works as long as the gateway serves.

use loader_contract::background_service::{CONTRACT, ListedService, ServiceList, method};
use serde_json::json;

use super::call::asking;
use super::told::text;
use crate::context::Context;
use crate::output::{Answer, CommandResult, Output, table};

/// Lists the services.
pub(super) fn list(context: &Context, output: &Output) -> CommandResult {
    let list: ServiceList = asking(context, output, "services list", async |partner| {
        Ok(partner.answer(&format!("{CONTRACT}/{}", method::LIST), &json!({})).await?)
    })?;
    let row = |service: &ListedService| {
        let ListedService { id, plugin, state, output } = service;
        [id.clone(), plugin.clone(), text(&json!(state)), output.clone()]
    };
    let rows: Vec<_> = list.services.iter().map(row).collect();
    let heading = ["SERVICE", "PLUGIN", "STATE", "SAYS"];
    let text = if rows.is_empty() { String::new() } else { table(heading, &rows) };
    Ok(Answer { text, data: json!(list), warnings: Vec::new() }.into())
}
