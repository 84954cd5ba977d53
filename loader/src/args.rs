//! What can be written on the command line. Nothing is decided here.

mod abi;
mod beyond;
mod call;
mod channels;
mod chat;
mod completions;
mod config;
mod dev;
mod doctor;
mod global;
mod hooks;
mod new;
mod plugins;
mod reloads;
mod run;
mod services;
mod status;
mod tasks;
mod test;
mod tools;
mod trial;
mod tts;

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};

pub(crate) use self::abi::{Abi, Explain};
pub(crate) use self::beyond::{is_own, own};
pub(crate) use self::call::Call;
pub(crate) use self::channels::{AddAccount, Channels, ListChannels, RemoveAccount, SendToChannel};
pub(crate) use self::chat::Chat;
pub(crate) use self::completions::Completions;
pub(crate) use self::config::{Config, ConfigApply};
pub(crate) use self::dev::Dev;
pub(crate) use self::doctor::Doctor;
pub(crate) use self::global::{Colour, Global, Setting};
pub(crate) use self::hooks::Hooks;
pub(crate) use self::new::{Kind, New};
pub(crate) use self::plugins::{
    Allow, Clear, Deny, Diff, Install, Link, Pack, Plugins, Quarantine, Reload, Remove, Rollback,
    Search, Update,
};
pub(crate) use self::reloads::Reloads;
pub(crate) use self::run::Run;
pub(crate) use self::services::Services;
pub(crate) use self::status::Status;
pub(crate) use self::tasks::Tasks;
pub(crate) use self::test::{Test, TestChild};
pub(crate) use self::tools::{CallTool, Tools};
pub(crate) use self::trial::Trial;
pub(crate) use self::tts::{Tts, TtsList};

use crate::env_vars;
use crate::exit_code::Exit;

/// The program's version and that of the interface plugins are built against.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{} (plugin interface {})", env!("CARGO_PKG_VERSION"), loader_abi::ABI_VERSION_TEXT)
});

/// What `--help` says after everything else.
static REFERENCE: LazyLock<String> = LazyLock::new(|| {
    let codes = Exit::ALL.map(|exit| format!("  {:<4} {}\n", exit.code(), exit.meaning()));
    let names = env_vars::ALL.map(|one| format!("  {}\n      {}\n", one.name, one.meaning));
    let names = names.concat().replace('`', "");
    let codes = codes.concat().replace('`', "");
    format!("Exit codes:\n{codes}\nEnvironment:\n{names}{EXAMPLES}")
});

const EXAMPLES: &str = "
Examples:
  loader run                                   start the gateway
  loader chat --model echo/echo Hello          ask a model
  loader plugins list                          see which plugins would be loaded
  loader config show                           see every setting and where it comes from
  loader --plugins-dir ./plugins plugins list  look for plugins somewhere else";

/// A gateway made of native plugins.
///
/// Finds plugins beside their manifests, proves them fit before one instruction of them runs, loads
/// exactly the bytes it proved, and serves every capability they register. Plugins are native code
/// with all the rights of this program: install only those you trust.
#[derive(Parser)]
#[command(name = "loader", version = VERSION.as_str(), after_long_help = REFERENCE.as_str())]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Reads the command line. A mistake in it ends the program.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Self {
        let words = gather_settings(words.into_iter().collect());
        Self::try_parse_from(&words)
            .unwrap_or_else(|mistake| beyond::read(&words).unwrap_or_else(|| mistake.exit()))
    }
}

/// Puts every `--set` behind the command: of those before and after it, the parser would forget the
/// ones before.
fn gather_settings(words: Vec<OsString>) -> Vec<OsString> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (mut kept, mut settings) = (Vec::new(), Vec::new());
    let mut options = words[..end].iter().cloned();
    while let Some(word) = options.next() {
        if word == "--set" {
            settings.push(word);
            settings.extend(options.next());
        } else if word.as_encoded_bytes().starts_with(b"--set=") {
            settings.push(word);
        } else {
            kept.push(word);
        }
    }
    kept.into_iter().chain(settings).chain(words[end..].iter().cloned()).collect()
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Status(Status),
    Chat(Chat),
    Call(Call),
    Tts(Tts),
    #[command(subcommand)]
    Tools(Tools),
    #[command(subcommand)]
    Plugins(Plugins),
    #[command(subcommand)]
    Channels(Channels),
    #[command(subcommand)]
    Hooks(Hooks),
    #[command(subcommand)]
    Reloads(Reloads),
    #[command(subcommand)]
    Tasks(Tasks),
    #[command(subcommand)]
    Services(Services),
    #[command(subcommand)]
    Config(Config),
    Doctor(Doctor),
    #[command(subcommand)]
    Abi(Abi),
    New(New),
    Dev(Dev),
    Completions(Completions),
    #[command(name = Trial::COMMAND)]
    Trial(Trial),
    /// The help of the whole program.
    #[command(skip)]
    Help {
        long: bool,
    },
    /// A command that is not the program's own, and what follows it.
    #[command(skip)]
    OfPlugin(Vec<OsString>),
    #[command(name = TestChild::COMMAND)]
    TestChild(TestChild),
}

impl Command {
    /// The command's name in the schema of its JSON output.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Run(_) => "run",
            Self::Status(_) => "status",
            Self::Chat(_) => "chat",
            Self::Call(_) => "call",
            Self::Tools(Tools::List) => "tools.list",
            Self::Tools(Tools::Call(_)) => "tools.call",
            Self::Tts(Tts { list: None, .. }) => "tts",
            Self::Tts(Tts { list: Some(TtsList::Voices), .. }) => "tts.voices",
            Self::Tts(Tts { list: Some(TtsList::Providers), .. }) => "tts.providers",
            Self::Plugins(Plugins::List) => "plugins.list",
            Self::Plugins(Plugins::Inspect(_)) => "plugins.inspect",
            Self::Plugins(Plugins::Install(_)) => "plugins.install",
            Self::Plugins(Plugins::Update(_)) => "plugins.update",
            Self::Plugins(Plugins::Rollback(_)) => "plugins.rollback",
            Self::Plugins(Plugins::Remove(_)) => "plugins.remove",
            Self::Plugins(Plugins::History(_)) => "plugins.history",
            Self::Plugins(Plugins::Diff(_)) => "plugins.diff",
            Self::Plugins(Plugins::Search(_)) => "plugins.search",
            Self::Plugins(Plugins::Pack(_)) => "plugins.pack",
            Self::Plugins(Plugins::Link(_)) => "plugins.link",
            Self::Plugins(Plugins::Unlink(_)) => "plugins.unlink",
            Self::Plugins(Plugins::Deny(_)) => "plugins.deny",
            Self::Plugins(Plugins::Allow(_)) => "plugins.allow",
            Self::Plugins(Plugins::Reload(_)) => "plugins.reload",
            Self::Plugins(Plugins::Doctor(_)) => "plugins.doctor",
            Self::Plugins(Plugins::Audit(_)) => "plugins.audit",
            Self::Plugins(Plugins::Test(_)) => "plugins.test",
            Self::Plugins(Plugins::Quarantine(Quarantine::List)) => "plugins.quarantine.list",
            Self::Plugins(Plugins::Quarantine(Quarantine::Clear(_))) => "plugins.quarantine.clear",
            Self::Channels(Channels::List(_)) => "channels.list",
            Self::Hooks(Hooks::List) => "hooks.list",
            Self::Channels(Channels::Send(_)) => "channels.send",
            Self::Channels(Channels::Add(_)) => "channels.add",
            Self::Channels(Channels::Remove(_)) => "channels.remove",
            Self::Reloads(Reloads::List) => "reloads.list",
            Self::Reloads(Reloads::Show(_)) => "reloads.show",
            Self::Reloads(Reloads::Wait(_)) => "reloads.wait",
            Self::Tasks(Tasks::List) => "tasks.list",
            Self::Tasks(Tasks::Run(_)) => "tasks.run",
            Self::Services(Services::List) => "services.list",
            Self::Config(Config::Show) => "config.show",
            Self::Config(Config::Validate) => "config.validate",
            Self::Config(Config::Schema) => "config.schema",
            Self::Config(Config::Apply(_)) => "config.apply",
            Self::Abi(Abi::Explain(_)) => "abi.explain",
            Self::Doctor(_) => "doctor",
            Self::New(_) => "new",
            Self::Dev(_) => "dev",
            Self::Completions(_) => "completions",
            Self::Trial(_) => Trial::COMMAND,
            Self::Help { .. } => "help",
            Self::OfPlugin(words) => {
                words.first().and_then(|word| word.to_str()).unwrap_or("command")
            }
            Self::TestChild(_) => TestChild::COMMAND,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn settings_before_and_after_the_command_count_in_their_order() {
        let words = ["loader", "--set", "a=1", "plugins", "list", "--set=b=2", "--set", "a=3"];
        let arguments = Arguments::read(words.map(OsString::from));
        let keys: Vec<_> = arguments.global.settings.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "a"]);
    }

    #[test]
    fn every_command_and_option_is_documented() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{argument} has no description");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }
}
