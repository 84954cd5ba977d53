//! The commands that plugins offer, from their manifests alone.

use clap::Command;
use loader_contract::cli_command::{self, Argument, CONTRACT};
use loader_core::discovery::Candidate;
use loader_core::manifest::Provided;
use serde_json::Value;

use super::grammar::grammar;
use crate::args::is_own;
use crate::finding::Finding;
use crate::output::harmless;

/// The commands of plugins.
#[derive(Default)]
pub(in crate::commands) struct Offer {
    pub(super) commands: Vec<Offered>,
    /// Why others are not among them.
    pub(in crate::commands) warnings: Vec<Finding>,
}

/// One command.
pub(super) struct Offered {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) arguments: Vec<Argument>,
    /// Whether it reads standard input.
    pub(super) input: bool,
    pub(super) grammar: Command,
}

impl Offer {
    /// What these plugins offer. A name that is the program's own stays so; what two plugins claim is of
    /// whoever the registry gives it to.
    pub(in crate::commands) fn of<'a>(plugins: impl IntoIterator<Item = &'a Candidate>) -> Self {
        let mut offer = Self::default();
        for (plugin, provided, names) in loader_gateway::owned(plugins) {
            if provided.contract.to_string() != CONTRACT {
                continue;
            }
            match Offered::read(plugin, provided, &names[1..]) {
                Ok(command) => offer.commands.push(command),
                Err(finding) => offer.warnings.push(finding),
            }
        }
        offer.commands.sort_by(|one, other| one.name.cmp(&other.name));
        offer
    }

    /// The command of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Offered> {
        self.commands.iter().find(|one| one.name == name)
    }

    /// The program's definitions with these commands among them.
    pub(in crate::commands) fn complete(&self, program: Command) -> Command {
        program.subcommands(self.commands.iter().map(|one| one.grammar.clone()))
    }

    /// The program's definitions with these commands under a heading of their own in its help.
    pub(super) fn explain(&self, program: Command) -> Command {
        if self.commands.is_empty() {
            return program;
        }
        let heading = program.get_styles().get_header();
        let width = self.commands.iter().map(|one| one.name.len()).max().unwrap_or_default();
        let lines = self
            .commands
            .iter()
            .map(|Offered { name, about, .. }| format!("\n  {name:<width$}  {}", harmless(about)));
        let told = format!("{heading}Commands of plugins:{heading:#}{}", lines.collect::<String>());
        let reference = program.get_after_long_help().map(|text| text.ansi().to_string());
        let long = format!("{told}\n\n{}", reference.unwrap_or_default());
        program.after_help(told).after_long_help(long)
    }
}

impl Offered {
    fn read(plugin: &Candidate, provided: &Provided, aliases: &[&str]) -> Result<Self, Finding> {
        let spec = plugin.spec();
        let warning = |code, message: String| {
            let finding = Finding::warning(code, message).at(&plugin.folder().join("plugin.toml"));
            Finding { plugin: Some(spec.id.clone()), ..finding }
        };
        let name = &provided.id;
        if is_own(name) {
            let message =
                format!("the command `{name}` is the loader's own; the plugin's is not offered");
            return Err(warning("LDR-COMMAND-OWN", message)
                .hint("its author gives the command another name"));
        }
        let senseless = |why: String| {
            let message = format!("the command `{}` is not offered: {why}", name.escape_debug());
            warning("LDR-COMMAND-ARGUMENTS", message)
                .hint("its author corrects `[provides]`; see docs/guides/commands-and-tasks.md")
        };
        let said = |key: &str| provided.attributes.get(key);
        let about = said("about").and_then(Value::as_str).unwrap_or_default().to_owned();
        let arguments = said("arguments").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        let arguments: Vec<Argument> = serde_json::from_value(arguments)
            .map_err(|error| senseless(format!("`arguments` makes no sense: {error}")))?;
        let can_be_asked = |alias: &&&str| cli_command::check(alias, &[]).is_ok() && !is_own(alias);
        let aliases = aliases.iter().filter(can_be_asked);
        let grammar = grammar(name, &about, &arguments)
            .map_err(senseless)?
            .visible_aliases(aliases.map(|alias| (*alias).to_owned()));
        Ok(Self {
            name: name.clone(),
            input: said("input") == Some(&Value::Bool(true)),
            about,
            arguments,
            grammar,
        })
    }
}
