//! The gateway's configuration in the engine's words.

use crate::{Settings, advice::advise, config, difference};
use loader_contract::catalogue;
use loader_core::{
    Activation, BreakerPolicy, CallPolicy, Contracts, Enablement, Options, Placement,
    PluginOptions, ReloadOptions, Terms, Wanted,
    diagnostic::Diagnostic,
    message::Failure,
    reload::CanaryPolicy,
    service::Services,
    trust::{Publisher, Signatures, Trust, Untracked},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

/// The engine's options that follow from the settings.
pub(crate) fn engine_options(settings: &Settings, services: Services) -> Options {
    let config = &settings.config;
    let plugins = &config.plugins;
    let mut options = Options::new(settings.state_dir.clone(), settings.roots.clone());
    options.enablement = Enablement {
        none: !plugins.enabled,
        allow: plugins.allow.iter().cloned().collect(),
        deny: plugins.deny.iter().cloned().collect(),
        slots: plugins.slots.clone(),
        entries: switched(&plugins.entries),
    };
    options.plugins =
        plugins.entries.iter().map(|(id, entry)| (id.clone(), plugin_options(entry))).collect();
    options.reload = reload(&plugins.reload);
    options.trust = trust(&plugins.trust);
    options.index.clone_from(&settings.index);
    options.probe.clone_from(&settings.probe);
    options.crash = settings.crash;
    options.services = services;
    options.contracts = contracts();
    options.activation = match settings.on_demand {
        true => Activation::OnDemand,
        false => Activation::AsDeclared(wanted(config)),
    };
    options.advise = Some(advise);
    options.host.clone_from(&settings.host);
    options.log_filter.clone_from(&settings.log_filter);
    options
}

/// What the configuration wants of plugins that wait until they are wanted.
fn wanted(config: &config::Config) -> Wanted {
    let accounts = difference::connected(config);
    let models = accounts.iter().filter_map(|(_, account)| account.model.as_deref());
    let models = models.chain([config.models.default.as_str()]);
    Wanted {
        commands: BTreeSet::new(),
        channels: accounts.iter().map(|((channel, _), _)| (*channel).to_owned()).collect(),
        providers: models.filter_map(|it| Some(it.split_once('/')?.0.to_owned())).collect(),
    }
}

/// The engine's words for how plugins are replaced.
fn reload(config: &config::Reload) -> ReloadOptions {
    ReloadOptions {
        canary: CanaryPolicy {
            window: Duration::from_millis(config.window_ms),
            failures: config.failures,
            slowdown: config.slowdown,
        },
        check: Duration::from_millis(config.check_ms),
        hold: Duration::from_millis(config.hold_ms),
        drain: Duration::from_millis(config.drain_ms),
        most_retained: config.max_retained as usize,
    }
}

/// The contracts the gateway consumes, and what they say of clashes.
pub fn contracts() -> Contracts {
    let named = catalogue::ALL.iter().filter_map(|contract| {
        let (name, _) = contract.name.split_once('/')?;
        Some((name.to_owned(), Terms::from(*contract)))
    });
    named.collect()
}

/// The plugins whose entries switch them on or off.
fn switched(entries: &BTreeMap<String, config::PluginEntry>) -> BTreeMap<String, bool> {
    let named = entries.iter().filter_map(|(id, entry)| Some((id.clone(), entry.enabled?)));
    named.collect()
}

/// The engine's words for the operator's trust.
fn trust(config: &config::Trust) -> Trust {
    let signatures = |wanted| match wanted {
        config::Signatures::Optional => Signatures::Optional,
        config::Signatures::Required => Signatures::Required,
    };
    let publisher = |(name, one): (&String, &config::Publisher)| {
        let publisher = Publisher {
            keys: one.keys.clone(),
            plugins: one.plugins.clone(),
            signatures: signatures(one.signatures),
        };
        (name.clone(), publisher)
    };
    // The schema has refused everything that is no digest.
    let denied = config.denied.iter().filter_map(|digest| digest.parse().ok());
    Trust {
        check_permissions: true,
        owners: config.owners.iter().copied().collect(),
        libraries: config.libraries.iter().cloned().collect(),
        signatures: signatures(config.signatures),
        publishers: config.publishers.iter().map(publisher).collect(),
        denied: denied.map(|digest| (digest, "plugins.trust.denied".to_owned())).collect(),
        untracked: match config.untracked {
            config::Untracked::Warn => Untracked::Warn,
            config::Untracked::Refuse => Untracked::Refuse,
        },
    }
}

/// Why the services could not be opened, by the cause's own code.
pub(crate) fn not_opened(failure: Failure, kv_path: &Path) -> Diagnostic {
    const CODES: [&str; 4] =
        ["LDR-KV-OPEN", "LDR-TLS-AUTHORITIES", "LDR-TLS-SETUP", "LDR-HTTP-SETUP"];
    let code = CODES.into_iter().find(|code| *code == failure.code).unwrap_or("LDR-INTERNAL");
    let finding = Diagnostic::error(code, failure.message).hint(failure.hint);
    if code == "LDR-KV-OPEN" { finding.at(kv_path) } else { finding }
}

fn plugin_options(entry: &config::PluginEntry) -> PluginOptions {
    let placement = match entry.placement {
        config::Placement::Thread => Placement::Thread { threads: entry.threads as usize },
        config::Placement::Inline => Placement::Inline,
    };
    PluginOptions {
        placement,
        calls: CallPolicy {
            max_concurrent: entry.max_concurrent_calls as usize,
            timeout: Duration::from_millis(entry.call_timeout_ms),
            breaker: BreakerPolicy {
                failures: entry.breaker.failures,
                cooldown: Duration::from_millis(entry.breaker.cooldown_ms),
            },
        },
        config: serde_json::to_value(&entry.config).unwrap_or_default(),
    }
}
