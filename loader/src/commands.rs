//! What the program does: one module for each command.

mod abi;
mod chat;
mod completions;
mod config;
mod library;
mod plugins;
mod run;

use crate::args::{Abi, Arguments, Command, Config, Plugins, Quarantine};
use crate::context::Context;
use crate::output::{CommandResult, Output};

/// Does what the arguments ask for.
pub(crate) fn execute(arguments: &Arguments, output: &Output) -> CommandResult {
    let read = |flags| Context::read(&arguments.global, flags);
    match &arguments.command {
        Command::Run(run) => run::run(run, &read(run::flags(run))?, output),
        Command::Chat(chat) => chat::chat(chat, &read(Vec::new())?, output),
        Command::Plugins(Plugins::List) => plugins::list(&read(Vec::new())?),
        Command::Plugins(Plugins::Inspect(inspect)) => {
            plugins::inspect(&read(Vec::new())?, &inspect.id)
        }
        Command::Plugins(Plugins::Install(install)) => {
            plugins::install(&read(Vec::new())?, install, output)
        }
        Command::Plugins(Plugins::Update(update)) => {
            plugins::update(&read(Vec::new())?, update, output)
        }
        Command::Plugins(Plugins::Rollback(rollback)) => {
            plugins::rollback(&read(Vec::new())?, rollback)
        }
        Command::Plugins(Plugins::Remove(remove)) => {
            plugins::remove(&read(Vec::new())?, remove, output)
        }
        Command::Plugins(Plugins::History(history)) => {
            plugins::history(&read(Vec::new())?, history.id.as_deref())
        }
        Command::Plugins(Plugins::Diff(diff)) => plugins::diff(&read(Vec::new())?, diff),
        Command::Plugins(Plugins::Search(wanted)) => {
            plugins::search(&read(Vec::new())?, &wanted.word, output)
        }
        Command::Plugins(Plugins::Pack(wanted)) => {
            plugins::pack(&read(Vec::new())?, wanted, output)
        }
        Command::Plugins(Plugins::Link(link)) => plugins::link(&read(Vec::new())?, link),
        Command::Plugins(Plugins::Unlink(unlink)) => {
            plugins::unlink(&read(Vec::new())?, &unlink.id)
        }
        Command::Plugins(Plugins::Deny(deny)) => plugins::deny(&read(Vec::new())?, deny),
        Command::Plugins(Plugins::Allow(allow)) => plugins::allow(&read(Vec::new())?, allow),
        Command::Plugins(Plugins::Audit(audit)) => {
            plugins::audit(&read(Vec::new())?, audit.subject.as_deref())
        }
        Command::Plugins(Plugins::Quarantine(Quarantine::List)) => {
            plugins::quarantined(&read(Vec::new())?)
        }
        Command::Plugins(Plugins::Quarantine(Quarantine::Clear(clear))) => {
            plugins::release(&read(Vec::new())?, clear)
        }
        Command::Config(Config::Show) => config::show(&read(Vec::new())?),
        Command::Config(Config::Validate) => config::validate(&read(Vec::new())?),
        Command::Config(Config::Schema) => Ok(config::schema()),
        Command::Abi(Abi::Explain(explain)) => abi::explain(explain),
        Command::Completions(completions) => Ok(completions::completions(completions.shell)),
        Command::Trial(trial) => loader_core::probe::child(&trial.library, trial.processor_seconds),
    }
}
