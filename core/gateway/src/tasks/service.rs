//! `scheduled-task/1` as the operator and plugins ask the host for it.

use super::Tasks;
use loader_contract::scheduled_task::{CONTRACT, Plan, Run, method};
use loader_core::{
    message::{Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};

impl Service for Tasks {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let tasks = self.clone();
        // All of it later: what begins on the way belongs on the host's runtime, and not on the thread of
        // a plugin that asks.
        match request.method.as_str() {
            method::LIST => Answer::later(async move { Reply::json(&tasks.list()?) }),
            method::PLAN => Answer::later(async move {
                let plan: Plan = from_json(&request.body)?;
                tasks.plan(&request.caller.plugin, &plan)?;
                Reply::json(&())
            }),
            method::RUN => Answer::later(async move {
                let wanted: Run = from_json(&request.body)?;
                Reply::json(&tasks.run(&wanted.task, request.options).await?)
            }),
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}
