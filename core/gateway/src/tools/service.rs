//! `tool/1` as plugins, commands and HTTP clients ask the host for it.

use super::Tools;
use loader_contract::tool::{CONTRACT, CallTool, method};
use loader_core::{
    message::{Reply, from_json},
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
                let asked: CallTool = from_json(&request.body)?;
                let engine = tools.desk.engine()?;
                Reply::json(&tools.find(&engine, &asked.tool).await?.listed)
            }),
            method::CALL => Answer::later(async move {
                let asked: CallTool = from_json(&request.body)?;
                Reply::json(&tools.call(request.options, asked).await?)
            }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}
