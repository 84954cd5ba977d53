//! `hook/1` as plugins and commands ask the host for it.

use super::Hooks;
use loader_abi::class;
use loader_contract::hook::{CONTRACT, Custom, HookList, method};
use loader_core::{
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};

impl Service for Hooks {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::LIST => {
                let hooks = self.table().map(|table| table.list()).unwrap_or_default();
                Reply::json(&HookList { hooks }).into()
            }
            method::FIRE => {
                let hooks = self.clone();
                Answer::later(async move {
                    let fired: Custom = from_json(&request.body)?;
                    check(&request, &fired.name)?;
                    Reply::json(&hooks.custom(&request.options, fired).await?)
                })
            }
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}

/// A plugin fires events that begin with its own name; who asks from outside fires what he wants.
fn check(request: &ServiceRequest, name: &str) -> Result<(), Failure> {
    let plugin = &*request.caller.plugin;
    let owner = name.split_once('.').filter(|(owner, rest)| !owner.is_empty() && !rest.is_empty());
    let refuse = |class, message: String| {
        let hint = format!("name it <plugin>.<name>, such as `{plugin}.done`");
        Err(Failure::new(class, "LDR-HOOK-NAME", message).hint(hint))
    };
    let shown = name.escape_debug();
    match owner {
        None => refuse(class::INVALID, format!("`{shown}` names no event of a plugin")),
        Some((owner, _)) if request.caller.generation != 0 && owner != plugin => {
            refuse(class::FORBIDDEN, format!("`{shown}` is an event of the plugin `{owner}`"))
        }
        Some(_) => Ok(()),
    }
}
