//! `loader channels remove`: an account is taken out of a configuration file.

use loader_gateway::setup;
use serde_json::json;

use super::account::{account_key, file};
use crate::args::RemoveAccount;
use crate::context::Context;
use crate::edit::Edit;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Refusal};

/// Takes an account of a channel out of a configuration file. The channel's plugin need not be there.
pub(in crate::commands) fn remove(context: &Context, wanted: &RemoveAccount) -> CommandResult {
    let file = file(context, wanted.file.as_deref())?;
    let mut edit = Edit::open(&file)?;
    let mut channel = wanted.channel.clone();
    if !edit.has_account(&channel, &wanted.account) {
        let survey = loader_gateway::survey(&context.gateway_settings(None));
        if let Ok(Some(owner)) = setup::owner(&survey, &channel) {
            channel = owner.channel.to_owned();
        }
    }
    let key = account_key(&channel, &wanted.account);
    if !edit.remove_account(&channel, &wanted.account) {
        let finding = Finding::error("LDR-SETUP-NO-ACCOUNT", format!("there is no [{key}]"));
        let finding = finding.at(&file).hint("see which there are, and where: loader config show");
        return Err(Refusal::new(Exit::NotFound, finding));
    }
    edit.save()?;
    Ok(Answer {
        text: format!("[{key}] is not in {} any more\n", file.display()),
        data: json!({ "channel": channel, "account": wanted.account, "file": file }),
        warnings: Vec::new(),
    }
    .into())
}
