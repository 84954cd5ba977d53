//! What the gateway keeps itself: hooks, tasks, services and commands.

use super::unknown;
use loader_abi::class;
use loader_contract::{
    background_service::{self, ServiceList},
    chat_command::{self, ChatCommand, ChatReply},
    cli_command::{self, Exit, RunCommand},
    hook::{self, Custom, CustomChange, HookList},
    scheduled_task::{self, Plan, Run, RunReport, TaskList},
};
use loader_core::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::ServiceRequest,
};

pub(super) fn hook(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        hook::method::LIST => Reply::json(&HookList::default()),
        hook::method::FIRE => {
            let fired: Custom = from_json(&request.body)?;
            check_event(&request.caller.plugin, &fired.name)?;
            Reply::json(&CustomChange::default())
        }
        _ => Err(unknown(request)),
    }
}

/// A plugin fires events that begin with its own name.
fn check_event(plugin: &str, name: &str) -> Result<(), Failure> {
    let shown = name.escape_debug();
    let owner = name.split_once('.').filter(|(owner, rest)| !owner.is_empty() && !rest.is_empty());
    let (class, message) = match owner {
        Some((owner, _)) if owner == plugin => return Ok(()),
        Some((owner, _)) => {
            (class::FORBIDDEN, format!("`{shown}` is an event of the plugin `{owner}`"))
        }
        None => (class::INVALID, format!("`{shown}` names no event of a plugin")),
    };
    let hint = format!("name it <plugin>.<name>, such as `{plugin}.done`");
    Err(Failure::new(class, "LDR-HOOK-NAME", message).hint(hint))
}

/// Takes what the plugin plans for tasks of its own. There are no others.
pub(super) fn task(request: &ServiceRequest, own: &[String]) -> Result<Reply, Failure> {
    let (task, answer) = match request.method.as_str() {
        scheduled_task::method::LIST => return Reply::json(&TaskList::default()),
        scheduled_task::method::PLAN => (from_json::<Plan>(&request.body)?.task, Reply::json(&())?),
        scheduled_task::method::RUN => {
            let report = RunReport { output: "done".to_owned() };
            (from_json::<Run>(&request.body)?.task, Reply::json(&report)?)
        }
        _ => return Err(unknown(request)),
    };
    match own.contains(&task) {
        true => Ok(answer),
        false => {
            let message = format!("there is no task `{}`", task.escape_debug());
            Err(Failure::new(class::NOT_FOUND, "LDR-TASK-UNKNOWN", message))
        }
    }
}

pub(super) fn service(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        background_service::method::LIST => Reply::json(&ServiceList::default()),
        _ => Err(unknown(request)),
    }
}

/// Whatever a command is called, it does what it is told.
pub(super) fn chat(request: &ServiceRequest) -> Result<Reply, Failure> {
    if request.method != chat_command::method::RUN {
        return Err(unknown(request));
    }
    from_json::<ChatCommand>(&request.body)?;
    Reply::json(&ChatReply { text: "done".to_owned() })
}

pub(super) fn command(request: &ServiceRequest) -> Result<Vec<Message>, Failure> {
    if request.method != cli_command::method::RUN {
        return Err(unknown(request));
    }
    from_json::<RunCommand>(&request.body)?;
    Ok(vec![
        Message::head(Metadata::new(), Vec::new()),
        Message::data(b"done\n".to_vec()),
        Message::event(&Exit::default())?,
    ])
}
