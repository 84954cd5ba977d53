//! Reads a whole manifest from text: its top-level keys, and what must fit together.

use super::{
    AbiVersion, Bundle, Extension, FORMAT, Kind, Library, MAX_BYTES, MAX_ID_BYTES, Manifest,
    Parsed,
    fields::{Fields, Text, wrong_type},
    notes::Notes,
    parts, provides, secrets,
};
use crate::{diagnostic::Diagnostic, nearest::nearest};
use semver::Version;
use std::{collections::BTreeSet, path::Path};
use toml::de::{DeTable, DeValue};

pub(super) fn parse(path: &Path, text: &str) -> Parsed {
    if text.len() > MAX_BYTES {
        let diagnostic = Diagnostic::error("LDR-MANIFEST-SIZE", too_long()).at(path);
        let diagnostic = diagnostic.hint("move long content into files of their own");
        return Parsed { manifest: None, diagnostics: vec![diagnostic] };
    }
    let notes = Notes::new(path, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // At the end of the text there is no token to point at.
        let at = error.span().map_or(text.len(), |span| span.start);
        let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("this is not TOML: {}", what.escape_debug());
        notes.error("LDR-MANIFEST-SYNTAX", at, message, "correct it; https://toml.io says how");
    }
    // What recovery makes of broken text would earn misleading complaints.
    let manifest = if errors.is_empty() { read(&notes, document.get_ref()) } else { None };
    let manifest = manifest.filter(|_| !notes.has_errors());
    let mut diagnostics = notes.finish();
    if let Some(manifest) = &manifest {
        for diagnostic in &mut diagnostics {
            diagnostic.plugin = Some(manifest.id.clone());
        }
    }
    Parsed { manifest, diagnostics }
}

/// What is wrong with a manifest that is longer than [`MAX_BYTES`].
pub(super) fn too_long() -> String {
    format!("the manifest has more than {MAX_BYTES} bytes")
}

fn read(notes: &Notes<'_>, document: &DeTable<'_>) -> Option<Manifest> {
    let mut root = Fields::new(notes, document, "the manifest", 0);
    check_format(&mut root)?;
    let id = root.required_text("id", "id = \"my-plugin\"").and_then(|text| plugin_id(notes, text));
    let version = root.required_text("version", "version = \"0.1.0\"");
    let version = version.and_then(|text| plugin_version(notes, text));
    let is_bundle = document.contains_key("bundle");
    let abi = if is_bundle { root.text("abi") } else { root.required_text("abi", "abi = \"1.0\"") };
    let abi = abi.and_then(|text| abi_version(notes, text));
    let has_library = document.contains_key("library");
    let mut manifest = Manifest {
        id: String::new(),
        name: root.line("name"),
        version: Version::new(0, 0, 0),
        description: root.line("description"),
        authors: root.lines("authors"),
        licence: licence(&mut root),
        homepage: root.line("homepage"),
        keywords: root.lines("keywords"),
        kind: root.text("kind").and_then(|text| kind(notes, text)),
        slot: slot(&mut root),
        abi,
        library: root.table("library").and_then(Library::read),
        bundle: root.table("bundle").and_then(Bundle::read),
        extensions: extensions(&mut root, has_library),
        provides: provides::provides(&mut root),
        requires: parts::requires(&mut root),
        config: parts::config(&mut root),
        secrets: secrets::secrets(&mut root),
        activation: parts::activation(&mut root),
        startup: parts::startup(&mut root),
        setup: parts::setup(&mut root),
        reload: parts::reload(&mut root),
    };
    root.finish();
    if is_bundle {
        refuse_code(notes, document);
    } else if manifest.has_own_plugin() {
        if !has_library {
            let message = "the manifest has neither [library] nor [bundle]";
            let hint = "add `[library]` with `linux-x86_64 = \"libmy_plugin.so\"`; or, for files \
                        without code, `[bundle]` with `skills = [\"skills/my-skill/SKILL.md\"]`";
            notes.error("LDR-MANIFEST-MISSING", 0, message, hint);
        }
    } else {
        warn_of_unused(notes, document);
    }
    manifest.id = id?;
    manifest.version = version?;
    Some(manifest)
}

/// Of another format nothing else can be said, so it is the first thing to look at.
fn check_format(root: &mut Fields<'_>) -> Option<()> {
    let value = root.required("manifest", "manifest = 1")?;
    let notes = root.notes();
    let DeValue::Integer(number) = value.get_ref() else {
        wrong_type(notes, "`manifest`", "an integer", value);
        return None;
    };
    if i64::from_str_radix(number.as_str(), number.radix()) == Ok(FORMAT) {
        return Some(());
    }
    let number = number.to_string();
    let message = format!(
        "the manifest has format {}; this loader reads format {FORMAT}",
        number.escape_debug()
    );
    let hint = format!("upgrade loader, or write `manifest = {FORMAT}`");
    notes.error("LDR-MANIFEST-FORMAT", value.span().start, message, hint);
    None
}

fn extensions(root: &mut Fields<'_>, pack_has_library: bool) -> Vec<Extension> {
    let notes = root.notes();
    let mut seen = BTreeSet::new();
    let mut extensions = Vec::new();
    for mut table in root.tables("extensions") {
        let id = table.required_text("id", "id = \"speech\"");
        let own_library = table.value("library").is_some();
        let extension = Extension {
            id: id.and_then(|text| plugin_id(notes, text)).unwrap_or_default(),
            library: table.table("library").and_then(Library::read),
            name: table.line("name"),
            description: table.line("description"),
            slot: slot(&mut table),
            provides: provides::provides(&mut table),
            requires: parts::requires(&mut table),
            config: parts::config(&mut table),
            secrets: secrets::secrets(&mut table),
            activation: parts::activation(&mut table),
            startup: parts::startup(&mut table),
            reload: parts::reload(&mut table),
        };
        if !own_library && !pack_has_library {
            let message =
                format!("neither [[extensions]] `{}` nor the pack has a library", extension.id);
            let hint = "add `[library]` with `linux-x86_64 = \"libmy_pack.so\"`";
            notes.error("LDR-MANIFEST-MISSING", table.at(), message, hint);
        }
        if let Some(id) = id.filter(|id| !seen.insert(id.text)) {
            let message = format!("two [[extensions]] have the id `{}`", id.text.escape_debug());
            notes.error("LDR-MANIFEST-DUPLICATE", id.at, message, "give each its own id");
        }
        table.finish();
        extensions.push(extension);
    }
    extensions
}

/// A bundle has no code. What speaks of code beside it was meant for something, and would do nothing.
fn refuse_code(notes: &Notes<'_>, document: &DeTable<'_>) {
    for name in OF_CODE {
        if let Some((key, _)) = document.get_key_value(name) {
            let message = format!("`{name}` is about code, and a manifest with [bundle] has none");
            let hint = format!(
                "remove `{name}`; or remove [bundle], and give its files a manifest of their own"
            );
            notes.error("LDR-MANIFEST-BUNDLE", key.span().start, message, hint);
        }
    }
}

/// The keys that are about code.
const OF_CODE: [&str; 11] = [
    "abi",
    "library",
    "extensions",
    "provides",
    "requires",
    "config",
    "secrets",
    "activation",
    "startup",
    "setup",
    "reload",
];

/// In a pack without a plugin of its own, these tables apply to nothing.
fn warn_of_unused(notes: &Notes<'_>, document: &DeTable<'_>) {
    for name in ["requires", "config", "secrets", "activation", "startup", "reload"] {
        if let Some((key, _)) = document.get_key_value(name) {
            let message =
                format!("[{name}] applies to no plugin, since the pack itself provides none");
            let hint = format!("move it below the extension it is for, as `[extensions.{name}]`");
            notes.warning("LDR-MANIFEST-UNUSED", key.span().start, message, hint);
        }
    }
}

fn plugin_id(notes: &Notes<'_>, found: Text<'_>) -> Option<String> {
    let Text { text, at } = found;
    if super::is_id(text) {
        if text.len() <= MAX_ID_BYTES {
            return Some(text.to_owned());
        }
        let message =
            format!("the id has {} bytes; at most {MAX_ID_BYTES} are allowed", text.len());
        notes.error("LDR-MANIFEST-VALUE", at, message, "choose a shorter one");
        return None;
    }
    let message = format!("`{}` is not a plugin id", text.escape_debug());
    let hint = "use lower-case letters, digits, `.`, `_` and `-`, and begin with a letter or digit";
    notes.error("LDR-MANIFEST-VALUE", at, message, hint);
    None
}

/// The name of a slot has the form of an id.
fn slot(owner: &mut Fields<'_>) -> Option<String> {
    let notes = owner.notes();
    owner.text("slot").and_then(|text| plugin_id(notes, text))
}

fn plugin_version(notes: &Notes<'_>, found: Text<'_>) -> Option<Version> {
    let parsed = Version::parse(found.text);
    if let Err(error) = &parsed {
        let message = format!("`{}` is not a version: {error}", found.text.escape_debug());
        let hint = "write MAJOR.MINOR.PATCH as in Cargo.toml, such as `0.1.0`";
        notes.error("LDR-MANIFEST-VALUE", found.at, message, hint);
    }
    parsed.ok()
}

fn abi_version(notes: &Notes<'_>, found: Text<'_>) -> Option<AbiVersion> {
    let parsed = found.text.parse();
    if let Err(error) = &parsed {
        let message = format!("`{}` is {error}", found.text.escape_debug());
        let hint = "write the interface version it is built against, such as `abi = \"1.0\"`";
        notes.error("LDR-MANIFEST-VALUE", found.at, message, hint);
    }
    parsed.ok()
}

fn licence(root: &mut Fields<'_>) -> Option<String> {
    let (licence, license) = (root.text("licence"), root.text("license"));
    if let (Some(_), Some(second)) = (licence, license) {
        let message = "the manifest has both `licence` and `license`, which are one key";
        root.notes().error("LDR-MANIFEST-DUPLICATE", second.at, message, "remove one of them");
    }
    licence.or(license).map(|found| found.text.to_owned())
}

fn kind(notes: &Notes<'_>, found: Text<'_>) -> Option<Kind> {
    let named = Kind::NAMES.into_iter().find(|(name, _)| *name == found.text);
    if named.is_none() {
        let message = format!("`{}` is not a kind of plugin", found.text.escape_debug());
        let hint = match nearest(found.text, Kind::NAMES.map(|(name, _)| name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write `vendor`, `feature` or `channel`, or leave it out".to_owned(),
        };
        notes.error("LDR-MANIFEST-VALUE", found.at, message, hint);
    }
    named.map(|(_, kind)| kind)
}
