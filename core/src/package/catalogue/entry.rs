//! One package in a catalogue.

use super::CatalogueSource;
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    manifest::{MAX_ID_BYTES, Platform, is_id},
    package::Address,
};
use semver::Version;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where the tables of other programs' catalogues are that speak of this one.
const OURS: &str = "loader";

/// One package in a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The id of the plugin, or of the pack.
    pub id: String,
    /// Its version.
    pub version: Option<Version>,
    /// The serial of its release.
    pub serial: Option<u64>,
    /// What it is for; one line.
    pub description: Option<String>,
    /// Where it is; `None` for an entry that only describes.
    pub location: Option<Location>,
    /// The digest of the archive.
    pub sha256: Option<Digest>,
    /// The platforms it was built for; empty when the catalogue does not say.
    pub platforms: Vec<Platform>,
    /// What the catalogue says about its channel, for whoever sets one up.
    pub channel: Option<Value>,
}

/// Where a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An archive on a server.
    Web(Address),
    /// An archive or a folder on this machine.
    Path(PathBuf),
}

impl Entry {
    /// Reads an entry, or says in half a sentence why it is of no use.
    pub(super) fn read(source: &CatalogueSource, value: &Value) -> Result<Self, String> {
        let tables = Tables { all: [Some(value), value.get(OURS)] };
        let id = match (tables.text("id")?, tables.text("name")?) {
            (Some(id), _) => id,
            // Other programs' catalogues name packages: `@scope/id`.
            (None, Some(name)) => name.rsplit('/').next().unwrap_or_default(),
            (None, None) => return Err("it has no `id`".to_owned()),
        };
        if !is_id(id) || id.len() > MAX_ID_BYTES {
            return Err(format!("`{}` is not a plugin id", id.escape_debug()));
        }
        let about = |why: String| format!("`{id}`: {why}");
        let install = Tables { all: [tables.get("install"), None] };
        let version = tables.text("version")?.map(Version::parse).transpose();
        let sha256 = match tables.text("sha256")? {
            Some(digest) => Some(digest),
            None => install.text("sha256")?,
        };
        let sha256 = sha256.map(str::parse::<Digest>).transpose();
        let sha256 = sha256.map_err(|error| about(format!("`sha256` is {error}")))?;
        let location = location(source, &tables, &install).map_err(about)?;
        if matches!(location, Some(Location::Web(_))) && sha256.is_none() {
            return Err(about("it has an address and no `sha256`".to_owned()));
        }
        Ok(Self {
            version: version.map_err(|error| about(format!("`version` is no version: {error}")))?,
            serial: tables.get("serial").and_then(Value::as_u64),
            description: tables.text("description")?.map(str::to_owned),
            location,
            sha256,
            platforms: platforms(&tables).map_err(about)?,
            channel: tables.get("channel").cloned(),
            id: id.to_owned(),
        })
    }

    /// Whether what was fetched is what the catalogue speaks of.
    pub fn check(&self, found: Digest) -> Result<(), Diagnostic> {
        match self.sha256 {
            Some(wanted) if wanted != found => {
                let message = format!(
                    "what was fetched is not what the catalogue says: SHA-256 {found}, wanted {wanted}"
                );
                let refusal = Diagnostic::error("LDR-CATALOGUE-DIGEST", message).about(&self.id);
                Err(refusal.hint("do not use it; tell whoever keeps the catalogue"))
            }
            _ => Ok(()),
        }
    }
}

/// The tables in which an entry's keys may be, in order of precedence.
struct Tables<'a> {
    all: [Option<&'a Value>; 2],
}

impl<'a> Tables<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.all.iter().flatten().find_map(|table| table.get(key))
    }

    /// One line of text without control characters, which could play tricks on a terminal.
    fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.chars().any(char::is_control) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` is no line of text")),
        }
    }
}

/// `url`; or, as other programs' catalogues say it, the choice between a local path and an artifact.
fn location(
    source: &CatalogueSource,
    tables: &Tables<'_>,
    install: &Tables<'_>,
) -> Result<Option<Location>, String> {
    if let Some(url) = tables.text("url")? {
        return resolve(source, url).map(Some);
    }
    let either = |key: &str, elsewhere: &str| match install.text(key)? {
        None => install.text(elsewhere),
        found => Ok::<_, String>(found),
    };
    let local = either("local_path", "localPath")?;
    let artifact = either("artifact_url", "artifactUrl")?;
    let prefers_local = either("default_choice", "defaultChoice")? == Some("local");
    let chosen = if prefers_local { local.or(artifact) } else { artifact.or(local) };
    chosen.map(|text| resolve(source, text)).transpose()
}

/// A location that is relative belongs to the catalogue's own. A server names no file of this machine.
fn resolve(source: &CatalogueSource, text: &str) -> Result<Location, String> {
    let address = |refusal: Diagnostic| refusal.message;
    match source {
        _ if text.contains("://") => text.parse().map(Location::Web).map_err(address),
        CatalogueSource::Web(base) => base.join(text).map(Location::Web).map_err(address),
        CatalogueSource::File(path) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            Ok(Location::Path(folder.join(text)))
        }
    }
}

fn platforms(tables: &Tables<'_>) -> Result<Vec<Platform>, String> {
    let Some(value) = tables.get("platforms") else { return Ok(Vec::new()) };
    let names = value.as_array().ok_or("`platforms` is no list")?;
    // A platform this build has never heard of is none it runs on.
    let known = names.iter().filter_map(|name| name.as_str()?.parse().ok()).collect::<Vec<_>>();
    if known.is_empty() {
        return Err("it is for no platform this loader knows".to_owned());
    }
    Ok(known)
}
