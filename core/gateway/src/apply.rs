//! Another configuration for a gateway that runs: only what differs is done.

use crate::{
    Gateway, Settings,
    config::Config,
    difference::{self, AccountChange, Key, difference, within_reach},
    translation::engine_options,
};
use loader_core::{Change, diagnostic::Diagnostic, discovery::discover};
use serde::Serialize;
use std::collections::BTreeSet;

/// What another configuration changes in a gateway that runs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Applied {
    /// The settings that differ and count at once.
    pub changed: Vec<Key>,
    /// The settings that differ from what the gateway was started with and count at its next start.
    pub after_restart: Vec<Key>,
    /// What is done with plugins.
    pub plugins: Vec<Change>,
    /// What is done with accounts.
    pub accounts: Vec<AccountChange>,
}

/// What there is to do, and what with.
struct Plan {
    reached: Config,
    /// The plugins whose manifests want to be reloaded for what differs.
    affected: BTreeSet<String>,
    applied: Applied,
}

impl Gateway {
    /// What [`apply`](Self::apply) would do. Nothing is done.
    pub async fn compare(&self, settings: Settings) -> Result<Applied, Diagnostic> {
        let Plan { reached, affected, mut applied } = self.plan(&settings.config).await?;
        let engine = self.engine();
        let options = engine_options(&Settings { config: reached, ..settings }, engine.services());
        applied.plugins = engine.compare(options, &affected).await?;
        Ok(applied)
    }

    /// Goes on with another configuration: changes the accounts, plugins and settings that differ, and
    /// leaves everything else alone. Where the state is kept, where plugins are looked for, and the like
    /// count at the next start; the answer names them.
    ///
    /// What a plugin refuses leaves it, or the account, as it was, and the rest is done all the same; the
    /// same configuration applied again tries it again. An error means that nothing was changed.
    pub async fn apply(&self, settings: Settings) -> Result<Applied, Diagnostic> {
        let _turn = self.0.applying.lock().await;
        let started = self.config();
        let Plan { reached, affected, mut applied } = self.plan(&settings.config).await?;
        let settings = Settings { config: reached, ..settings };
        let engine = self.engine();
        // A plugin that is loaded now may want a secret while it starts, and another for an account.
        let before = self.0.permissions.turn_to(settings.secrets.clone());
        self.go_on_with(&settings.config);
        let options = engine_options(&settings, engine.services());
        applied.plugins = match engine.apply(options, affected).await {
            Ok(changes) => changes,
            Err(finding) => {
                self.0.permissions.turn_to(before);
                self.go_on_with(&started);
                return Err(finding);
            }
        };
        self.0.permissions.renew(&engine.snapshot(), &settings.config);
        for change in &mut applied.accounts {
            change.finding = self.0.channels.change(engine, change, &settings.config).await;
        }
        let mut effective = settings.config.clone();
        for refused in applied.accounts.iter().filter(|change| change.finding.is_some()) {
            put_back(&mut effective, &started, refused);
        }
        self.0.desk.adjust(effective);
        self.0.tasks.adjust();
        self.0.channels.forget_unserved(engine);
        Ok(applied)
    }

    /// Whatever begins from now on follows this configuration.
    fn go_on_with(&self, config: &Config) {
        self.0.permissions.renew(&self.engine().snapshot(), config);
        self.0.conversations.adjust(config);
        self.0.desk.adjust(config.clone());
    }

    async fn plan(&self, wanted: &Config) -> Result<Plan, Diagnostic> {
        let started = self.config();
        let reached = within_reach(&started, wanted);
        let changed = difference(&started, &reached);
        let roots = self.0.roots.clone();
        let found = tokio::task::spawn_blocking(move || discover(&roots).candidates).await;
        let candidates =
            found.map_err(|ended| Diagnostic::panicked("the look for plugins", ended))?;
        let is_affected = |prefixes: &[String]| {
            prefixes.iter().any(|prefix| changed.iter().any(|key| key.touches(prefix)))
        };
        let affected =
            candidates.iter().filter(|one| is_affected(&one.spec().reload.config_prefixes));
        let affected = affected.map(|one| one.id().to_owned()).collect();
        let applied = Applied {
            after_restart: difference(&reached, wanted),
            accounts: difference::accounts(&started, &reached),
            changed,
            plugins: Vec::new(),
        };
        Ok(Plan { reached, affected, applied })
    }
}

/// An account as it was before a change that was refused.
fn put_back(config: &mut Config, before: &Config, change: &AccountChange) {
    let AccountChange { channel, account, .. } = change;
    let settings = before.channels.get(channel).and_then(|one| one.accounts.get(account));
    let accounts = &mut config.channels.entry(channel.clone()).or_default().accounts;
    match settings {
        Some(settings) => drop(accounts.insert(account.clone(), settings.clone())),
        None => drop(accounts.remove(account)),
    }
}
