//! `loader channels add`: an account is written into a configuration file, after everything that is known of
//! it without opening its plugin was checked.

use std::path::Path;

use loader_gateway::setup::{self, Owner};
use serde_json::json;

use super::account::{account_key, file, unknown};
use crate::args::{AddAccount, Setting};
use crate::commands::config::missing_secrets;
use crate::context::Context;
use crate::edit::Edit;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Output, Refusal};
use crate::settings::is_secret;

/// Adds an account of a channel to a configuration file.
pub(in crate::commands) fn add(
    context: &Context,
    wanted: &AddAccount,
    output: &Output,
) -> CommandResult {
    let survey = loader_gateway::survey(&context.gateway_settings(None));
    let Some(owner) = setup::owner(&survey, &wanted.channel).map_err(Finding::from)? else {
        return Err(unknown(context, &survey.plugins, &wanted.channel, output)?);
    };
    let (channel, account) = (owner.channel, wanted.account.as_str());
    let file = file(context, wanted.file.as_deref())?;
    let key = account_key(channel, account);
    let settings = table(&wanted.values);
    refuse_plain_secrets(&owner, &settings, &key, account)?;

    let mut edit = Edit::open(&file)?;
    let in_effect = context.resolved.config.channels.get(channel);
    let is_in_effect = in_effect.is_some_and(|channel| channel.accounts.contains_key(account));
    if is_in_effect || edit.has_account(channel, account) {
        let finding = Finding::error("LDR-SETUP-EXISTS", format!("there is a [{key}] already"));
        let hint = "change it (loader config show says where), or name another: --account NAME";
        return Err(finding.hint(hint).into());
    }
    edit.add_account(channel, account, &settings)?;
    let mut warnings = check(context, &edit, &file, &owner, account)?;
    warnings.extend(state_of_plugin(&owner));
    let text = match wanted.dry_run {
        true => format!("{}# All of this would be {}\n", edit.text(), file.display()),
        false => format!("[{key}] is in {} now\n", file.display()),
    };
    if !wanted.dry_run {
        edit.save()?;
    }
    let data = json!({
        "channel": channel,
        "account": account,
        "plugin": owner.plugin.candidate.id(),
        "file": file,
        "settings": settings,
        "written": !wanted.dry_run,
    });
    Ok(Answer { text, data, warnings }.into())
}

/// The settings as a table; a dot leads into a table within it, and of two settings the later one counts.
fn table(settings: &[Setting]) -> toml::Table {
    let mut whole = toml::Table::new();
    for Setting { key, value } in settings {
        put(&mut whole, key, value);
    }
    whole
}

fn put(table: &mut toml::Table, key: &str, value: &toml::Value) {
    let Some((name, below)) = key.split_once('.') else {
        table.insert(key.to_owned(), value.clone());
        return;
    };
    let inner = table.entry(name).or_insert_with(|| toml::Table::new().into());
    if !inner.is_table() {
        *inner = toml::Table::new().into();
    }
    if let toml::Value::Table(inner) = inner {
        put(inner, below, value);
    }
}

/// A secret on a command line is in the shell's history, and one in a file is in every copy of it.
fn refuse_plain_secrets(
    owner: &Owner<'_>,
    settings: &toml::Table,
    key: &str,
    account: &str,
) -> Result<(), Refusal> {
    let schema = loader_core::account_schema(&owner.plugin.candidate).map_err(Finding::from)?;
    let plain = setup::plain_secrets(schema.as_ref(), &json!(settings), is_secret);
    let errors: Vec<_> = plain
        .into_iter()
        .map(|setting| {
            let name = format!("{}-{account}", owner.channel);
            let hint = format!(
                "write [secrets.\"{name}\"] with `env`, `file` or `value` in loader.toml, and here \
                 {setting}=secret:{name}"
            );
            Finding::error("LDR-SETUP-SECRET", format!("`{key}.{setting}` is a secret")).hint(hint)
        })
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Refusal { exit: Exit::Failure, errors, warnings: Vec::new() }),
    }
}

/// Checks the configuration as it would be. Returns what else there is to say of the account.
fn check(
    context: &Context,
    edit: &Edit,
    file: &Path,
    owner: &Owner<'_>,
    account: &str,
) -> Result<Vec<Finding>, Refusal> {
    let changed = context.with_text(file, edit.text())?;
    let key = account_key(owner.channel, account);
    let config = &changed.resolved.config;
    let added = config.channels.get(owner.channel).and_then(|one| one.accounts.get(account));
    let Some(added) = added else {
        let finding = Finding::error("LDR-SETUP-FILE", format!("[{key}] would not count there"));
        return Err(finding.at(file).hint("name another file with `--file PATH`").into());
    };
    let settings = added.settings_json();
    let wrong = loader_core::check_account(&owner.plugin.candidate, &key, &settings);
    let warnings =
        missing_secrets(&changed, &key, &settings, &owner.plugin.candidate.spec().secrets);
    match wrong.is_empty() {
        true => Ok(warnings),
        false => {
            let errors = wrong.into_iter().map(Finding::from).collect();
            Err(Refusal { exit: Exit::Configuration, errors, warnings })
        }
    }
}

/// What keeps the plugin from connecting the account.
fn state_of_plugin(owner: &Owner<'_>) -> Vec<Finding> {
    let plugin = owner.plugin;
    let id = plugin.candidate.id();
    let off = (!plugin.decision.enabled).then(|| {
        let why = &plugin.decision.reason;
        let message = format!("the plugin `{id}` is switched off and connects nobody: {why}");
        Finding::warning("LDR-SETUP-OFF", message).hint(format!("loader plugins inspect {id}"))
    });
    let unfit = plugin.verdict.as_ref().err().into_iter().flatten().cloned();
    off.into_iter().chain(unfit.map(|one| Finding::from(one).weakened())).collect()
}
