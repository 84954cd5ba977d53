//! Channels that can be set up: those of plugins that are here, and those that catalogues tell of.
//!
//! A channel describes itself in a [`Card`]: in a manifest beside the id in `[provides]`, in a
//! catalogue in the entry's `channel`. No library is opened for it, and the gateway knows no channel
//! of its own.

mod card;

pub use card::{Card, Exposure};

use crate::config::Config;
use loader_contract::channel::CONTRACT;
use loader_core::{
    Surveyed,
    diagnostic::Diagnostic,
    package::{Catalogue, catalogue::Entry},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, btree_map};

/// A channel that can be set up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedChannel {
    /// Its id, which is that of its section in the configuration.
    pub id: String,
    /// What it says about itself.
    #[serde(flatten)]
    pub card: Card,
    /// The plugin that provides it, or would.
    pub plugin: String,
    /// Where that plugin is.
    pub source: Source,
    /// Whether the configuration has accounts of it.
    pub configured: bool,
}

/// Where the plugin of a channel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// It is here.
    Plugin {
        /// Whether it would be loaded.
        loadable: bool,
    },
    /// A catalogue has it.
    Catalogue {
        /// The catalogue.
        catalogue: String,
        /// Whether the catalogue says where the package is.
        available: bool,
    },
}

/// Lists every channel, those that come first by their own order first, and says what is wrong with
/// their cards. A plugin that is here hides what catalogues say of its channels.
pub fn list(
    plugins: &[Surveyed],
    catalogues: &[Catalogue],
    config: &Config,
) -> (Vec<ListedChannel>, Vec<Diagnostic>) {
    let mut picker = Picker { config, channels: BTreeMap::new(), diagnostics: Vec::new() };
    for plugin in plugins {
        picker.add_plugin(plugin);
    }
    let here = picker.channels.keys().cloned().collect::<Vec<_>>();
    for catalogue in catalogues {
        for entry in &catalogue.entries {
            picker.add_entry(entry, catalogue, &here);
        }
    }
    let mut channels: Vec<_> = picker.channels.into_values().collect();
    channels.sort_by_key(|channel| (channel.card.order.unwrap_or(i64::MAX), channel.id.clone()));
    (channels, picker.diagnostics)
}

struct Picker<'a> {
    config: &'a Config,
    channels: BTreeMap<String, ListedChannel>,
    diagnostics: Vec<Diagnostic>,
}

impl Picker<'_> {
    fn add_plugin(&mut self, plugin: &Surveyed) {
        let spec = plugin.candidate.spec();
        let source = Source::Plugin { loadable: plugin.decision.enabled && plugin.verdict.is_ok() };
        let provided = spec.provides.iter().filter(|one| one.contract.to_string() == CONTRACT);
        for channel in provided {
            let card = Value::Object(channel.attributes.clone());
            let place = plugin.candidate.manifest_path();
            let listed = self.read(&channel.id, &card, &spec.id, source.clone(), |it| it.at(place));
            // Of two plugins with one channel the first is the one that is served.
            if let Some(listed) = listed {
                self.channels.entry(listed.id.clone()).or_insert(listed);
            }
        }
    }

    fn add_entry(&mut self, entry: &Entry, catalogue: &Catalogue, here: &[String]) {
        let Some(card) = &entry.channel else { return };
        let place = catalogue.source.to_string();
        let source =
            Source::Catalogue { catalogue: place.clone(), available: entry.location.is_some() };
        let id = card.get("id").and_then(Value::as_str).unwrap_or(&entry.id);
        let listed =
            self.read(id, card, &entry.id, source, |it| it.at(std::path::Path::new(&place)));
        let Some(listed) = listed.filter(|listed| !here.contains(&listed.id)) else { return };
        match self.channels.entry(listed.id.clone()) {
            btree_map::Entry::Vacant(place) => drop(place.insert(listed)),
            btree_map::Entry::Occupied(mut present) => {
                if listed.card.prefer_over.contains(&present.get().plugin) {
                    present.insert(listed);
                }
            }
        }
    }

    /// Reads a card; one that makes no sense lists nothing.
    fn read(
        &mut self,
        id: &str,
        card: &Value,
        plugin: &str,
        source: Source,
        at: impl Fn(Diagnostic) -> Diagnostic,
    ) -> Option<ListedChannel> {
        let (card, said) = Card::read(id, card);
        self.diagnostics.extend(said.into_iter().map(|it| at(it.about(plugin))));
        let accounts = self.config.channels.get(id);
        Some(ListedChannel {
            id: id.to_owned(),
            card: card?,
            plugin: plugin.to_owned(),
            source,
            configured: accounts.is_some_and(|channel| !channel.accounts.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests;
