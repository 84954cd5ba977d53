//! `loader config validate`: everything that can be known to be wrong before anything is started.

use std::collections::BTreeSet;

use loader_contract::{channel, scheduled_task, speech, text_inference, tool, web_fetch};
use loader_core::Survey;
use loader_core::diagnostic::Diagnostic;
use loader_core::manifest::{Provided, UsualSecrets};
use loader_core::nearest::nearest;
use loader_core::services::secrets;
use loader_gateway::config::Config;
use loader_gateway::setup;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::http::Policy;
use crate::logging::Filter;
use crate::output::{Answer, CommandResult, Refusal};
use crate::secrets::{Whereabouts, hint};

/// Checks the configuration, the plugins' own included.
pub(in crate::commands) fn validate(context: &Context) -> CommandResult {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let mut findings = context.warnings();
    findings.extend(survey.diagnostics.iter().map(|one| as_warning(one.clone())));
    findings.extend(check_plugins(&survey));
    findings.extend(check_values(context, &survey));

    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_error);
    if !errors.is_empty() {
        return Err(Refusal { exit: Exit::Configuration, errors, warnings });
    }
    let (files, settings) = (context.resolved.files.len(), context.resolved.settings.len());
    let plugins = survey.plugins.len();
    Ok(Answer {
        text: format!(
            "The configuration is valid: {}.\n",
            [count(settings, "setting"), count(files, "file"), count(plugins, "plugin")].join(", ")
        ),
        data: json!({ "files": files, "settings": settings, "plugins": plugins }),
        warnings,
    }
    .into())
}

/// What is wrong with values that have the right form.
pub(in crate::commands) fn check_values(context: &Context, survey: &Survey) -> Vec<Finding> {
    let config = &context.resolved.config;
    let mut findings: Vec<Finding> = Filter::parse(&config.log.filter).err().into_iter().collect();
    findings.extend(Policy::new(config, config.gateway.listen, [0; 32]).err().map(Finding::from));
    findings.extend(check_names(config, &Names(survey)));
    findings.extend(check_accounts(config, survey));
    findings.extend(check_secrets(context, survey));
    findings
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is wrong with the configuration of plugins. What else is wrong with a plugin is not the
/// configuration's fault, so it is a warning.
fn check_plugins(survey: &Survey) -> Vec<Finding> {
    let enabled = survey.plugins.iter().filter(|plugin| plugin.decision.enabled);
    let refused = enabled.filter_map(|plugin| plugin.verdict.as_ref().err()).flatten();
    refused
        .map(|diagnostic| match diagnostic.code {
            "LDR-CONFIG-PLUGIN" => Finding::from(diagnostic.clone()),
            _ => as_warning(diagnostic.clone()),
        })
        .collect()
}

fn as_warning(diagnostic: Diagnostic) -> Finding {
    Finding { severity: loader_core::diagnostic::Severity::Warning, ..Finding::from(diagnostic) }
}

/// The names that plugins give to what settings refer to.
struct Names<'a>(&'a Survey);

impl Names<'_> {
    fn plugins(&self) -> BTreeSet<&str> {
        self.0.plugins.iter().map(|plugin| plugin.candidate.id()).collect()
    }

    /// What plugins that are on provide of a contract.
    fn provided(&self, contract: &str) -> impl Iterator<Item = &Provided> {
        let plugins = self.0.plugins.iter().filter(|plugin| plugin.decision.enabled);
        let provided = plugins.flat_map(|plugin| &plugin.candidate.spec().provides);
        provided.filter(move |one| one.contract.to_string() == contract)
    }

    /// By ids and aliases.
    fn of(&self, contract: &str) -> BTreeSet<&str> {
        let provided = self.provided(contract);
        provided.flat_map(|one| [one.id.as_str()].into_iter().chain(one.aliases())).collect()
    }

    /// By ids alone, for settings that are about the one thing and no way to ask for it.
    fn ids(&self, contract: &str) -> BTreeSet<&str> {
        self.provided(contract).map(|one| one.id.as_str()).collect()
    }
}

/// Settings that name what no plugin has. They may be meant for a plugin that is not here yet.
fn check_names(config: &Config, names: &Names<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut check = |key: &str, what: &str, name: &str, known: &BTreeSet<&str>| {
        findings.extend(check_name(key, what, name, known));
    };
    let (known, plugins) = (names.plugins(), &config.plugins);
    for id in plugins.entries.keys() {
        check(&format!("plugins.entries.{id}"), "plugin", id, &known);
    }
    for (key, ids) in [("plugins.allow", &plugins.allow), ("plugins.deny", &plugins.deny)] {
        ids.iter().for_each(|id| check(key, "plugin", id, &known));
    }
    let (channels, models) = (names.ids(channel::CONTRACT), names.of(text_inference::CONTRACT));
    for (id, channel) in &config.channels {
        check(&format!("channels.{id}"), "channel", id, &channels);
        for (account, settings) in &channel.accounts {
            if let Some(model) = &settings.model {
                let key = format!("channels.{id}.accounts.{account}.model");
                check(&key, "provider", provider(model), &models);
            }
        }
    }
    check("models.default", "provider", provider(&config.models.default), &models);
    for (key, contract, wanted) in [
        ("speech.providers", speech::CONTRACT, &config.speech.providers),
        ("web_fetch.providers", web_fetch::CONTRACT, &config.web_fetch.providers),
    ] {
        let known = names.of(contract);
        wanted.iter().for_each(|name| check(key, "provider", name, &known));
    }
    let tools = names.ids(tool::CONTRACT);
    // A pattern may well fit nothing yet.
    for name in config.tools.enabled.iter().filter(|name| !name.contains('*')) {
        check("tools.enabled", "tool", name, &tools);
    }
    let tasks = names.ids(scheduled_task::CONTRACT);
    config.tasks.keys().for_each(|id| check(&format!("tasks.{id}"), "task", id, &tasks));
    findings
}

fn provider(model: &str) -> &str {
    model.split_once('/').map_or(model, |(provider, _)| provider)
}

fn check_name(key: &str, what: &str, name: &str, known: &BTreeSet<&str>) -> Option<Finding> {
    if known.contains(name) {
        return None;
    }
    let message = format!("`{key}` names the {what} `{name}`, which no plugin that is on provides");
    let message = match what {
        "plugin" => format!("`{key}` names the plugin `{name}`, which was not found"),
        _ => message,
    };
    let hint = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "see what there is: loader plugins list".to_owned(),
    };
    Some(Finding::warning("LDR-CFG-NAMES-NOTHING", message).hint(hint))
}

/// Secrets that settings refer to and that nothing says the place of.
fn check_secrets(context: &Context, survey: &Survey) -> Vec<Finding> {
    let config = &context.resolved.config;
    let nothing = UsualSecrets::new();
    let entries = config.plugins.entries.iter().flat_map(|(id, entry)| {
        let plugin = survey.plugins.iter().find(|plugin| plugin.candidate.id() == id);
        let usual = plugin.map_or(&nothing, |plugin| &plugin.candidate.spec().secrets);
        missing_secrets(
            context,
            &format!("plugins.entries.{id}.config"),
            &json!(entry.config),
            usual,
        )
    });
    let accounts = config.channels.iter().flat_map(|(id, channel)| {
        let owner = setup::owner(survey, id).ok().flatten();
        let usual = owner.map_or(&nothing, |owner| &owner.plugin.candidate.spec().secrets);
        channel.accounts.iter().flat_map(move |(account, settings)| {
            let key = format!("channels.{id}.accounts.{account}");
            missing_secrets(context, &key, &json!(settings), usual)
        })
    });
    entries.chain(accounts).collect()
}

/// Secrets that these settings of a plugin refer to and that nothing says the place of.
pub(in crate::commands) fn missing_secrets(
    context: &Context,
    key: &str,
    settings: &Value,
    usual: &UsualSecrets,
) -> Vec<Finding> {
    let names = secrets::references(settings).into_iter();
    let missing = names.filter_map(|name| {
        let usual = usual.get(name);
        let Whereabouts::Unknown = context.whereabouts(name, usual) else { return None };
        let message = format!("`{key}` refers to the secret `{name}`, which has no place");
        Some(Finding::warning("LDR-CFG-SECRET", message).hint(hint(name, usual)))
    });
    missing.collect()
}

/// Accounts whose settings do not fit the schema that their channel's plugin brings.
fn check_accounts(config: &Config, survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, channel) in &config.channels {
        let Ok(Some(owner)) = setup::owner(survey, id) else { continue };
        if !owner.plugin.decision.enabled || owner.channel != id {
            continue;
        }
        for (account, settings) in channel.accounts.iter().filter(|(_, one)| one.enabled) {
            let key = format!("channels.{id}.accounts.{account}");
            let settings = settings.settings_json();
            let wrong = loader_core::check_account(&owner.plugin.candidate, &key, &settings);
            findings.extend(wrong.into_iter().map(Finding::from));
        }
    }
    findings
}
