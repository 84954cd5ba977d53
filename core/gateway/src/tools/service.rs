//! `tool/1` as plugins, commands and HTTP clients ask the host for it.

use super::Tools;
use loader_abi::operation;
use loader_contract::tool::{CONTRACT, CallTool, method};
use loader_core::{
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};

impl Service for Tools {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let tools = self.clone();
        match request.method.as_str() {
            method::LIST => Answer::later(async move { Reply::json(&tools.list().await?) }),
            method::DESCRIBE => Answer::later(async move {
                let asked = asked(&request)?;
                let engine = tools.desk.engine()?;
                Reply::json(&tools.find(&engine, &asked.tool).await?.listed)
            }),
            method::CALL => Answer::later(async move {
                let asked = asked(&request)?;
                Reply::json(&tools.call(request.options, asked).await?)
            }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }

    /// Nobody gets round the check of arguments, the hooks and the limits by naming the tool.
    fn answers_for_named(&self, method: &str) -> bool {
        matches!(method, method::DESCRIBE | method::CALL)
    }
}

/// What is asked. A tool that is named as a capability is the one that is meant.
fn asked(request: &ServiceRequest) -> Result<CallTool, Failure> {
    let asked: Option<CallTool> = from_json(&request.body)?;
    let mut asked = asked.unwrap_or_default();
    if let Some(named) = request.metadata.get_text(operation::CAPABILITY_KEY) {
        named.clone_into(&mut asked.tool);
    }
    Ok(asked)
}
