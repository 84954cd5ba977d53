//! `release.toml`: what a publisher released, as a small list of digests that can be signed.
//!
//! ```toml
//! release = 1
//! id = "hello"
//! version = "1.0.0"
//! serial = 7
//!
//! [files]
//! "plugin.toml" = "5d41…"
//! "libhello.so" = "9b74…"
//! ```
//!
//! It names every file of the package but itself and its signature, for all platforms, so that one
//! signature covers whatever a machine loads. The serial only ever grows: an older release is told
//! from a newer one without a clock.

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::shell_word,
    manifest::{self, MAX_ID_BYTES, Manifest, RelativePath, is_id, notes::Notes},
    nearest::nearest,
    package::{Files, measure},
};
use semver::Version;
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::Path};
use toml::de::{DeTable, DeValue};

/// What the file is called in a package.
pub const FILE_NAME: &str = "release.toml";

/// What its signature is called.
pub const SIGNATURE_FILE_NAME: &str = "release.toml.minisig";

/// A longer release file is refused.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The format number this build reads.
pub const FORMAT: i64 = 1;

/// The keys of the file.
const KEYS: [&str; 5] = ["release", "id", "version", "serial", "files"];

/// One `release.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The id of the plugin, or of the pack.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// Grows with every release of the plugin, whatever its version says.
    pub serial: u64,
    /// Every file of the package but this one and its signature.
    pub files: BTreeMap<RelativePath, Digest>,
}

/// What [`Release::parse`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The release; `None` when a diagnostic is an error.
    pub release: Option<Release>,
    /// Everything there is to say, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Release {
    /// Reads a release file. `path` is only named in diagnostics; nothing is opened.
    pub fn parse(path: &Path, text: &str) -> Parsed {
        let notes = Notes::new(path, text);
        if text.len() > MAX_BYTES {
            let message = format!("the release file has more than {MAX_BYTES} bytes");
            notes.error("LDR-RELEASE-SIZE", 0, message, "release fewer files");
            return Parsed { release: None, diagnostics: notes.finish() };
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            let message = format!("this is not TOML: {}", what.escape_debug());
            notes.error("LDR-RELEASE-SYNTAX", at, message, MAKE_ANEW);
        }
        let release = if errors.is_empty() { read(&notes, document.get_ref()) } else { None };
        let release = release.filter(|_| !notes.has_errors());
        Parsed { release, diagnostics: notes.finish() }
    }

    /// The release that a folder is, if it is released with this serial: its manifest is read and
    /// every file is hashed.
    pub fn describe(folder: &Path, serial: u64) -> Result<Self, Vec<Diagnostic>> {
        let path = folder.join(manifest::FILE_NAME);
        let text = fs::read_to_string(&path).map_err(|error| {
            let message = format!("the manifest cannot be read: {error}");
            let hint = format!("put a plugin.toml there: ls -l {}", shell_word(folder));
            vec![Diagnostic::error("LDR-RELEASE-READ", message).at(&path).hint(hint)]
        })?;
        let parsed = Manifest::parse(&path, &text);
        let manifest = parsed.manifest.ok_or(parsed.diagnostics)?;
        let mut files = BTreeMap::new();
        for (path, (digest, _)) in measure(folder).map_err(|refusal| vec![refusal])? {
            if !is_own(&path) {
                files.insert(path, digest);
            }
        }
        Ok(Self { id: manifest.id, version: manifest.version, serial, files })
    }

    /// The text of the file, which is the same for the same release.
    pub fn to_text(&self) -> String {
        let Self { id, version, serial, files } = self;
        let mut text = format!(
            "release = {FORMAT}\nid = \"{id}\"\nversion = \"{version}\"\nserial = {serial}\n\n[files]\n"
        );
        for (path, digest) in files {
            // A path holds neither backslashes nor control characters.
            let path = path.as_str().replace('"', "\\\"");
            text.push_str(&format!("\"{path}\" = \"{digest}\"\n"));
        }
        text
    }

    /// Every way in which the files of a package differ from what was released. `folder` is only
    /// named.
    pub fn differences(&self, folder: &Path, files: &Files) -> Vec<Diagnostic> {
        let listed = self.files.iter().filter_map(|(path, wanted)| match files.get(path) {
            Some((found, _)) if found == wanted => None,
            Some((found, _)) => {
                let message =
                    format!("`{path}` is not what was released: SHA-256 {found}, wanted {wanted}");
                Some(difference("LDR-RELEASE-DIGEST", message, &path.under(folder)))
            }
            None => {
                let message = format!("`{path}` was released, and is not there");
                Some(difference("LDR-RELEASE-ABSENT", message, &path.under(folder)))
            }
        });
        let unlisted = files.keys().filter(|path| !is_own(path) && !self.files.contains_key(path));
        let unlisted = unlisted.map(|path| {
            let message = format!("`{path}` was not released");
            difference("LDR-RELEASE-EXTRA", message, &path.under(folder))
        });
        listed.chain(unlisted).collect()
    }
}

/// Whether it is the release file or its signature, which a release cannot name.
fn is_own(path: &RelativePath) -> bool {
    matches!(path.as_str(), FILE_NAME | SIGNATURE_FILE_NAME)
}

fn difference(code: &'static str, message: String, place: &Path) -> Diagnostic {
    Diagnostic::error(code, message)
        .at(place)
        .hint("get the package again from its publisher; if it is yours: loader plugins pack FOLDER --serial N")
}

const MAKE_ANEW: &str =
    "get the package again, or make it anew: loader plugins pack FOLDER --serial N";

fn read(notes: &Notes<'_>, table: &DeTable<'_>) -> Option<Release> {
    let fields = Fields { notes, table };
    let format = fields.integer("release")?;
    if format.0 != FORMAT {
        let message =
            format!("the release file has format {}; this loader reads format {FORMAT}", format.0);
        notes.error("LDR-RELEASE-FORMAT", format.1, message, "upgrade loader");
        return None;
    }
    for key in table.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        let written = key.get_ref();
        let message = format!("the release file has an unknown key `{}`", written.escape_debug());
        let hint = match nearest(written, KEYS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("upgrade loader, or remove it; known keys are {}", KEYS.join(", ")),
        };
        notes.warning("LDR-RELEASE-KEY", key.span().start, message, hint);
    }
    let id = fields.text("id").and_then(|(text, at)| {
        let fits = is_id(text) && text.len() <= MAX_ID_BYTES;
        if !fits {
            fields.wrong(at, format!("`{}` is not a plugin id", text.escape_debug()));
        }
        fits.then(|| text.to_owned())
    });
    let version = fields.text("version").and_then(|(text, at)| {
        let parsed = Version::parse(text);
        if let Err(error) = &parsed {
            fields.wrong(at, format!("`{}` is not a version: {error}", text.escape_debug()));
        }
        parsed.ok()
    });
    let serial = fields.integer("serial").and_then(|(number, at)| {
        let serial = u64::try_from(number).ok().filter(|serial| *serial > 0);
        if serial.is_none() {
            fields.wrong(at, format!("`serial` is {number}, and must be at least 1"));
        }
        serial
    });
    let files = files(&fields);
    Some(Release { id: id?, version: version?, serial: serial?, files: files? })
}

fn files(fields: &Fields<'_>) -> Option<BTreeMap<RelativePath, Digest>> {
    let value = fields.value("files")?;
    let at = value.span().start;
    let DeValue::Table(table) = value.get_ref() else {
        fields.wrong(at, "`files` must be a table".to_owned());
        return None;
    };
    let mut files = BTreeMap::new();
    for (key, value) in table {
        let shown = key.get_ref().escape_debug().to_string();
        let path = match key.get_ref().parse::<RelativePath>() {
            Ok(path) if is_own(&path) => {
                fields.wrong(key.span().start, format!("`{shown}` cannot name itself"));
                continue;
            }
            Ok(path) => path,
            Err(error) => {
                fields.wrong(key.span().start, format!("`{shown}` {error}"));
                continue;
            }
        };
        let digest = match value.get_ref() {
            DeValue::String(text) => text.parse::<Digest>().map_err(|error| error.to_string()),
            _ => Err("not a string".to_owned()),
        };
        match digest {
            Ok(digest) => drop(files.insert(path, digest)),
            Err(why) => fields.wrong(value.span().start, format!("what `{shown}` has is {why}")),
        }
    }
    if !table.contains_key(manifest::FILE_NAME) {
        fields.wrong(at, format!("`files` does not name `{}`", manifest::FILE_NAME));
    }
    Some(files)
}

/// The top of the file while it is read.
struct Fields<'a> {
    notes: &'a Notes<'a>,
    table: &'a DeTable<'a>,
}

impl<'a> Fields<'a> {
    fn value(&self, key: &str) -> Option<&'a toml::Spanned<DeValue<'a>>> {
        let value = self.table.get(key);
        if value.is_none() {
            let message = format!("the release file has no `{key}`");
            self.notes.error("LDR-RELEASE-MISSING", 0, message, MAKE_ANEW);
        }
        value
    }

    fn text(&self, key: &str) -> Option<(&'a str, usize)> {
        let value = self.value(key)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => Some((text, at)),
            _ => {
                self.wrong(at, format!("`{key}` must be a string"));
                None
            }
        }
    }

    fn integer(&self, key: &str) -> Option<(i64, usize)> {
        let value = self.value(key)?;
        let at = value.span().start;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(at, format!("`{key}` must be an integer"));
        }
        number.map(|number| (number, at))
    }

    fn wrong(&self, at: usize, message: String) {
        self.notes.error("LDR-RELEASE-VALUE", at, message, MAKE_ANEW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn findings(text: &str) -> Vec<String> {
        let parsed = Release::parse(Path::new("release.toml"), text);
        let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(parsed.release.is_none(), errors);
        let place = |finding: &Diagnostic| finding.place.as_ref().map(ToString::to_string);
        let shown = parsed.diagnostics.iter();
        shown.map(|one| format!("{} {}", one.code, place(one).unwrap_or_default())).collect()
    }

    fn release() -> Release {
        let file = |name: &str, of: &[u8]| (name.parse().expect("a path"), Digest::of(of));
        Release {
            id: "hello".to_owned(),
            version: Version::new(1, 0, 0),
            serial: 7,
            files: [file("plugin.toml", b"a"), file("a \"b\"/ü", b"b")].into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = release().to_text();
        let parsed = Release::parse(Path::new("release.toml"), &text);
        assert_eq!(parsed, Parsed { release: Some(release()), diagnostics: Vec::new() });
        assert_eq!(release().to_text(), text);
    }

    #[test]
    fn each_mistake_has_its_code_and_its_place() {
        let good = format!(
            "release = 1\nid = \"a\"\nversion = \"1.0.0\"\nserial = 1\n[files]\n\"plugin.toml\" = \"{DIGEST}\"\n"
        );
        assert_eq!(findings(&good), Vec::<String>::new());
        for (from, to, wanted) in [
            ("release = 1", "release = 2", "LDR-RELEASE-FORMAT release.toml:1:11"),
            ("release = 1", "", "LDR-RELEASE-MISSING release.toml:1:1"),
            ("id = \"a\"", "id = \"A\"", "LDR-RELEASE-VALUE release.toml:2:6"),
            ("id = \"a\"", "id = 1", "LDR-RELEASE-VALUE release.toml:2:6"),
            ("1.0.0", "1.0", "LDR-RELEASE-VALUE release.toml:3:11"),
            ("serial = 1", "serial = 0", "LDR-RELEASE-VALUE release.toml:4:10"),
            ("serial = 1", "serial = -1", "LDR-RELEASE-VALUE release.toml:4:10"),
            ("serial = 1", "serial = \"1\"", "LDR-RELEASE-VALUE release.toml:4:10"),
            ("serial = 1", "serail = 1\nserial = 1", "LDR-RELEASE-KEY release.toml:4:1"),
            ("plugin.toml", "other.toml", "LDR-RELEASE-VALUE release.toml:5:1"),
            ("[files]", "[files]\n\"../x\" = \"\"", "LDR-RELEASE-VALUE release.toml:6:1"),
            ("[files]", "[files]\n\"release.toml\" = \"\"", "LDR-RELEASE-VALUE release.toml:6:1"),
            ("[files]", "[files]\nx = \"ABC\"", "LDR-RELEASE-VALUE release.toml:6:5"),
            ("[files]", "[files", "LDR-RELEASE-SYNTAX release.toml:5:7"),
        ] {
            assert_eq!(findings(&good.replace(from, to)), [wanted], "{to}");
        }
    }

    #[test]
    fn every_difference_is_named() {
        let released = release();
        let file = |name: &str, of: &[u8]| (name.parse().expect("a path"), (Digest::of(of), 1));
        let mut files = Files::from([
            file("plugin.toml", b"a"),
            file("a \"b\"/ü", b"b"),
            file("release.toml", b"x"),
            file("release.toml.minisig", b"x"),
        ]);
        assert_eq!(released.differences(Path::new("/p"), &files), []);
        files.extend([file("plugin.toml", b"c"), file("new", b"")]);
        files.remove(&"a \"b\"/ü".parse::<RelativePath>().expect("a path"));
        let found = released.differences(Path::new("/p"), &files);
        let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes, ["LDR-RELEASE-ABSENT", "LDR-RELEASE-DIGEST", "LDR-RELEASE-EXTRA"]);
    }

    #[test]
    fn a_folder_is_described_without_what_signs_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        let manifest = "manifest = 1\nid = \"a\"\nversion = \"1.2.3\"\nabi = \"1.0\"\n[library]\npath = \"a.so\"\n";
        for (name, text) in
            [("plugin.toml", manifest), ("a.so", "x"), (FILE_NAME, "x"), (SIGNATURE_FILE_NAME, "x")]
        {
            write(name, text).expect("written");
        }
        let release = Release::describe(folder.path(), 3).expect("described");
        assert_eq!((release.id.as_str(), release.serial), ("a", 3));
        let names: Vec<&str> = release.files.keys().map(RelativePath::as_str).collect();
        assert_eq!(names, ["a.so", "plugin.toml"]);
        let other = tempfile::tempdir().expect("a folder");
        let refused = Release::describe(other.path(), 1).expect_err("there is no manifest");
        assert_eq!(refused[0].code, "LDR-RELEASE-READ");
    }
}
