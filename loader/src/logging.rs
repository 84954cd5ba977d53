//! Logs on standard error, and the one filter that the host and its plugins obey.
//!
//! The host writes what a plugin logs under the target `plugin`, with the plugin's own target as a
//! field. The filter's directives are applied to the plugin's own target, before anything is sent
//! to the host; a directive for `plugin` stands for every plugin.

use std::io;
use std::sync::Arc;

use loader_core::LogFilter;
use loader_gateway::config::{Log, LogFormat};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::finding::Finding;

/// The target of everything that plugins log.
const PLUGIN_TARGET: &str = "plugin";

/// Which events are logged.
pub(crate) struct Filter {
    host: Targets,
    plugins: Targets,
}

impl Filter {
    /// Reads a filter such as `info,loader_core=debug`.
    pub(crate) fn parse(text: &str) -> Result<Self, Finding> {
        let wanted: Targets = text.parse().map_err(|_| {
            Finding::error("LDR-CFG-LOG-FILTER", "`log.filter` is not a list of levels by target")
                .hint("write a level, or a list such as \"info,loader_core=debug,my_plugin=trace\"")
        })?;
        let every_plugin = wanted.iter().find(|(target, _)| *target == PLUGIN_TARGET);
        let plugins = match every_plugin {
            None => wanted.clone(),
            Some((_, level)) => {
                let others = wanted.iter().filter(|(target, _)| *target != PLUGIN_TARGET);
                let others = others.map(|(target, level)| (target.to_owned(), level));
                Targets::new().with_default(level).with_targets(others)
            }
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

/// Writes logs to standard error from now on.
pub(crate) fn start(log: &Log, filter: &Filter, colour: bool) {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colour);
    let layer = match log.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter.host.clone()));
    // Only a program that started its logs already would be refused, and this one starts them once.
    let _ = subscriber.try_init();
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
        assert!(wants("info", INFO, "irc::session") && !wants("info", DEBUG, "irc::session"));
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
        for text in ["info,loader=loud", "a=b=c", "loader[span]=info"] {
            let Err(finding) = Filter::parse(text) else { panic!("{text} was accepted") };
            assert_eq!(finding.code, "LDR-CFG-LOG-FILTER");
        }
    }
}
