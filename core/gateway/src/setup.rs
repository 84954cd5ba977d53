//! Setting up a channel by what manifests say: whose it is, and which of its settings are secrets. No
//! library is opened.

mod secret;

pub use secret::plain_secrets;

use loader_contract::channel::CONTRACT;
use loader_core::{Survey, Surveyed, diagnostic::Diagnostic};

/// The plugin that a channel is set up for.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// The plugin. It need not be switched on, nor fit to be opened.
    pub plugin: &'a Surveyed,
    /// The channel's id, which is that of its section in the configuration.
    pub channel: &'a str,
}

/// Who sets up the channel that has this name as its id or as an alias; letter case and space around it do
/// not count. Plugins that are switched off are asked only where none is on.
///
/// It is refused when several claim the name, which they do by `[setup] providers` as well: settings must not
/// be checked by one and go to another.
pub fn owner<'a>(survey: &'a Survey, name: &str) -> Result<Option<Owner<'a>>, Diagnostic> {
    let name = normal(name);
    let (on, off): (Vec<_>, Vec<_>) = survey
        .plugins
        .iter()
        .filter(|plugin| claims(plugin, &name))
        .partition(|plugin| plugin.decision.enabled);
    let claimants = if on.is_empty() { off } else { on };
    match claimants.as_slice() {
        [] => Ok(None),
        [plugin] => Ok(channel(plugin, &name).map(|channel| Owner { plugin, channel })),
        several => Err(ambiguous(&name, several)),
    }
}

fn claims(plugin: &Surveyed, name: &str) -> bool {
    let (spec, manifest) = (plugin.candidate.spec(), plugin.candidate.manifest());
    // What a pack can set up is said once, for its own plugin.
    let sets_up = || manifest.setup.providers.iter().any(|provider| normal(provider) == name);
    channel(plugin, name).is_some() || spec.id == manifest.id && sets_up()
}

/// The id of the channel of a plugin that has this name.
fn channel<'a>(plugin: &'a Surveyed, name: &str) -> Option<&'a str> {
    let provided = plugin.candidate.spec().provides.iter();
    let mut channels = provided.filter(|one| one.contract.to_string() == CONTRACT);
    let found = channels
        .find(|one| normal(&one.id) == name || one.aliases().any(|alias| normal(alias) == name));
    found.map(|one| one.id.as_str())
}

fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}

fn ambiguous(name: &str, claimants: &[&Surveyed]) -> Diagnostic {
    let named = claimants.iter().map(|plugin| {
        let candidate = &plugin.candidate;
        let manifest = candidate.manifest_path().display();
        format!("`{}` ({}, {manifest})", candidate.id(), candidate.origin())
    });
    let message = format!(
        "several plugins set up `{}`: {}",
        name.escape_debug(),
        named.collect::<Vec<_>>().join(", ")
    );
    let others = claimants.iter().skip(1).map(|plugin| format!("\"{}\"", plugin.candidate.id()));
    let others = others.collect::<Vec<_>>().join(", ");
    Diagnostic::error("LDR-SETUP-AMBIGUOUS", message)
        .hint(format!("keep one, such as the first: plugins.deny = [{others}]"))
}
