//! `hook/1` as plugins and commands ask the host for it.

use super::Hooks;
use loader_abi::class;
use loader_contract::hook::{CONTRACT, Custom, HookList, method};
use loader_core::{
    Snapshot,
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
                    check(&request, &fired.name, &hooks.0.desk.engine()?.snapshot())?;
                    Reply::json(&hooks.custom(&request.options, fired).await?)
                })
            }
            method => Answer::unimplemented(CONTRACT, method),
        }
    }
}

/// A plugin fires events that begin with its own id; who asks from outside fires what he wants.
fn check(request: &ServiceRequest, name: &str, plugins: &Snapshot) -> Result<(), Failure> {
    let plugin = &*request.caller.plugin;
    let refuse = |class, message: String| {
        let hint = format!("name it <plugin>.<name>, such as `{plugin}.done`");
        Err(Failure::new(class, "LDR-HOOK-NAME", message).hint(hint))
    };
    let shown = name.escape_debug();
    if !name.split_once('.').is_some_and(|(owner, rest)| !owner.is_empty() && !rest.is_empty()) {
        return refuse(class::INVALID, format!("`{shown}` names no event of a plugin"));
    }
    if request.caller.generation == 0 || is_of(name, plugin) && !is_nearer(name, plugin, plugins) {
        return Ok(());
    }
    refuse(class::FORBIDDEN, format!("`{shown}` is no event of the plugin `{plugin}`"))
}

/// Whether an event's name begins with a plugin's id.
fn is_of(name: &str, plugin: &str) -> bool {
    let rest = name.strip_prefix(plugin).and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|rest| !rest.is_empty())
}

/// Whether it begins with the id of another plugin, which begins with this one's.
fn is_nearer(name: &str, plugin: &str, plugins: &Snapshot) -> bool {
    plugins.plugins().any(|other| other.id.len() > plugin.len() && is_of(name, &other.id))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn an_event_is_of_the_plugin_whose_whole_id_it_begins_with() {
        assert!(is_of("acme.memory.stored", "acme.memory"));
        assert!(is_of("one/vendor.sold", "one/vendor"));
        for (name, plugin) in [
            ("acme.memory", "acme.memory"),
            ("acme.memory.", "acme.memory"),
            ("acme.memories.stored", "acme.memory"),
            ("stored", ""),
        ] {
            assert!(!is_of(name, plugin), "{name} {plugin}");
        }
    }
}
