//! What the program does: one module for each command.

mod abi;
mod call;
mod channels;
mod chat;
mod completions;
mod config;
mod dev;
mod doctor;
mod gateway;
mod hooks;
mod library;
mod new;
mod of_plugins;
mod partner;
mod plugins;
mod reloads;
mod run;
mod runtime;
mod services;
mod status;
mod tasks;
mod told;
mod tools;
mod tts;

use crate::args::{Abi, Arguments, Channels, Command, Config, Hooks, Services};
use crate::context::Context;
use crate::output::{CommandResult, Output};

/// Does what the arguments ask for.
pub(crate) fn execute(arguments: &Arguments, output: &Output) -> CommandResult {
    let read = |flags| Context::read(&arguments.global, flags);
    match &arguments.command {
        Command::Run(run) => run::run(run, &read(run::flags(run))?, output),
        Command::Dev(wanted) => dev::dev(wanted, &read(dev::flags(wanted))?, output),
        Command::Status(wanted) => status::status(&read(Vec::new())?, wanted),
        Command::Call(wanted) => call::call(wanted, &read(Vec::new())?, output),
        Command::Tools(wanted) => tools::execute(wanted, &read(Vec::new())?, output),
        Command::Tts(wanted) => tts::tts(wanted, &read(Vec::new())?, output),
        Command::Chat(chat) => chat::chat(chat, &read(Vec::new())?, output),
        Command::Plugins(command) => plugins::execute(command, &arguments.global, output),
        Command::Channels(Channels::List(wanted)) => {
            channels::list(&read(Vec::new())?, wanted, output)
        }
        Command::Channels(Channels::Add(wanted)) => {
            channels::add(&read(Vec::new())?, wanted, output)
        }
        Command::Channels(Channels::Remove(wanted)) => channels::remove(&read(Vec::new())?, wanted),
        Command::Hooks(Hooks::List) => hooks::list(&read(Vec::new())?, output),
        Command::Channels(Channels::Send(wanted)) => {
            channels::send(wanted, &read(Vec::new())?, output)
        }
        Command::Reloads(command) => reloads::execute(command, &read(Vec::new())?),
        Command::Tasks(wanted) => tasks::execute(wanted, &read(Vec::new())?, output),
        Command::Services(Services::List) => services::list(&read(Vec::new())?, output),
        Command::Config(Config::Show) => config::show(&read(Vec::new())?),
        Command::Config(Config::Validate) => config::validate(&read(Vec::new())?),
        Command::Config(Config::Schema) => Ok(config::schema()),
        Command::Config(Config::Apply(wanted)) => config::apply(&read(Vec::new())?, wanted),
        Command::Doctor(wanted) => doctor::doctor(wanted, &arguments.global, output),
        Command::Abi(Abi::Explain(explain)) => abi::explain(explain),
        Command::New(wanted) => new::new(wanted),
        Command::Completions(completions) => {
            let program = of_plugins::complete(&arguments.global);
            Ok(completions::completions(completions.shell, program))
        }
        Command::Help { long } => of_plugins::help(*long, &arguments.global),
        Command::OfPlugin(words) => of_plugins::run(words, &arguments.global, output),
        Command::TestChild(_) => plugins::test_child(),
        Command::Trial(trial) => loader_core::probe::child(&trial.library, trial.processor_seconds),
    }
}
