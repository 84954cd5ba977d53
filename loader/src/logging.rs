//! Logs on standard error, and the one filter that the host and its plugins obey.
//!
//! The host writes what a plugin logs under the target `plugin`, with the plugin's own target as a
//! field. The filter's directives are applied to the plugin's own target, before anything is sent
//! to the host; a directive for `plugin` stands for every plugin.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use loader_core::LogFilter;
use loader_core::diagnostic::Severity;
use loader_gateway::config::{Log, LogFormat};
use tracing::level_filters::LevelFilter;
use tracing::{Level, error, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, reload};

use crate::finding::Finding;

/// The target of everything that plugins log.
const PLUGIN_TARGET: &str = "plugin";

/// Which events are logged.
pub(crate) struct Filter {
    host: Targets,
    plugins: Targets,
}

impl Filter {
    /// Reads a filter such as `info,loader_core=debug`: levels, for everything or by target.
    pub(crate) fn parse(text: &str) -> Result<Self, Finding> {
        let mut wanted = Targets::new();
        let mut every_plugin = None;
        for directive in text.split(',').map(str::trim) {
            match directive.split_once('=') {
                None => wanted = wanted.with_default(level_named(directive)?),
                Some((PLUGIN_TARGET, level)) => every_plugin = Some(level_named(level)?),
                Some((target, level)) => {
                    wanted = wanted.with_target(target_named(target)?, level_named(level)?);
                }
            }
        }
        let plugins = match every_plugin {
            Some(level) => wanted.clone().with_default(level),
            None => wanted.clone(),
        };
        // What plugins send was filtered before they sent it.
        let host = wanted.with_target(PLUGIN_TARGET, LevelFilter::TRACE);
        Ok(Self { host, plugins })
    }

    /// Whether a plugin's log is wanted, by its level and the plugin's own target.
    pub(crate) fn for_plugins(&self) -> LogFilter {
        let targets = self.plugins.clone();
        Arc::new(move |level, target| targets.would_enable(target, &level_of(level)))
    }
}

/// Changes which events are logged while the program runs.
pub(crate) struct Switch {
    host: reload::Handle<Targets, Registry>,
    plugins: Arc<ArcSwap<Targets>>,
}

impl Switch {
    /// Obeys another filter from now on.
    pub(crate) fn change(&self, filter: &Filter) {
        // Only without a subscriber, which lives as long as the program, would this fail.
        let _ = self.host.reload(filter.host.clone());
        self.plugins.store(Arc::new(filter.plugins.clone()));
    }

    /// Whether a plugin's log is wanted at the moment, by its level and the plugin's own target.
    pub(crate) fn for_plugins(&self) -> LogFilter {
        let targets = self.plugins.clone();
        Arc::new(move |level, target| targets.load().would_enable(target, &level_of(level)))
    }
}

/// Writes logs to standard error from now on.
pub(crate) fn start(log: &Log, filter: &Filter, colour: bool) -> Switch {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colour);
    let layer = match log.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    let (wanted, host) = reload::Layer::new(filter.host.clone());
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(wanted));
    // Only a program that started its logs already would be refused, and this one starts them once.
    let _ = subscriber.try_init();
    Switch { host, plugins: Arc::new(ArcSwap::from_pointee(filter.plugins.clone())) }
}

/// A level by its name. The crate's own reader also takes numbers and nothing at all.
fn level_named(name: &str) -> Result<LevelFilter, Finding> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let known = levels.iter().find(|level| level.eq_ignore_ascii_case(name));
    let level = known.and_then(|level| level.parse().ok());
    level.ok_or_else(|| nonsense(name, "no level"))
}

/// The path of a module, or of the module of a plugin.
fn target_named(name: &str) -> Result<&str, Finding> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-.".contains(&byte);
    let is_target = !name.is_empty() && name.bytes().all(fits);
    if is_target { Ok(name) } else { Err(nonsense(name, "no target")) }
}

fn nonsense(text: &str, what: &str) -> Finding {
    let message = format!("`log.filter` has `{}`, which is {what}", text.escape_debug());
    Finding::error("LDR-CFG-LOG-FILTER", message).hint(
        "write off, error, warn, info, debug or trace, or a list such as \"info,loader_core=debug\"",
    )
}

/// Logs findings, for when standard error is read by programs.
pub(crate) fn record(findings: &[Finding]) {
    for Finding { code, severity, message, place, looked_in: _, plugin, hint, class: _ } in findings
    {
        let place = place.as_ref().map(tracing::field::display);
        match severity {
            Severity::Error => error!(%code, plugin, place, hint, "{message}"),
            Severity::Warning => warn!(%code, plugin, place, hint, "{message}"),
        }
    }
}

fn level_of(level: u32) -> Level {
    match level {
        loader_abi::level::ERROR => Level::ERROR,
        loader_abi::level::WARN => Level::WARN,
        loader_abi::level::INFO => Level::INFO,
        loader_abi::level::DEBUG => Level::DEBUG,
        _ => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use loader_abi::level::{DEBUG, INFO, TRACE, WARN};

    use super::*;

    fn wants(filter: &str, level: u32, target: &str) -> bool {
        Filter::parse(filter).expect("it is a filter").for_plugins()(level, target)
    }

    #[test]
    fn plugins_obey_the_directives_of_their_own_targets() {
        assert!(wants("INFO", INFO, "irc::session") && !wants("info", DEBUG, "irc::session"));
        assert!(wants("warn,irc=debug", DEBUG, "irc::session"));
        assert!(!wants("warn,irc=debug", INFO, "hello"));
        assert!(!wants("irc=debug", WARN, "hello"));
    }

    #[test]
    fn a_directive_for_plugin_stands_for_every_plugin() {
        assert!(wants("warn,plugin=debug", DEBUG, "irc::session"));
        assert!(!wants("debug,plugin=warn", INFO, "irc::session"));
        assert!(wants("debug,plugin=warn,irc=trace", TRACE, "irc::session"));
        assert!(!wants("debug,plugin=off", loader_abi::level::ERROR, "irc"));
    }

    #[test]
    fn what_plugins_send_is_not_filtered_again() {
        for filter in ["off", "error", "warn,plugin=debug", "info,irc=trace"] {
            let filter = Filter::parse(filter).expect("it is a filter");
            assert!(filter.host.would_enable("plugin", &Level::TRACE));
        }
        let filter = Filter::parse("info,loader_core=debug").expect("it is a filter");
        assert!(filter.host.would_enable("loader_core::engine", &Level::DEBUG));
        assert!(!filter.host.would_enable("hyper", &Level::DEBUG));
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        for text in ["", "inof", "info,", "info,loader=loud", "a=b=c", "loader[span]=info", "=info"]
        {
            let Err(finding) = Filter::parse(text) else { panic!("{text} was accepted") };
            assert_eq!(finding.code, "LDR-CFG-LOG-FILTER");
        }
    }
}
