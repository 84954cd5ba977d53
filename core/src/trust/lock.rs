//! `loader.lock`: which releases are installed in a plugin folder, and exactly which bytes they are.
//!
//! The lock is the one point where an installation takes effect: folders are prepared beside it, and
//! replacing the lock makes them count. Each release lies in a folder of its own,
//! `<id>@<version>-<digest>`, that never changes; a folder with such a name counts only when the lock
//! says so.
//!
//! The file is canonical: there is one spelling of each content, and any other is refused. It carries
//! its own digest, so that damage anywhere is noticed, in places that mean nothing too. Neither is
//! protection against somebody who may write there: that is what the path check and signatures are for.

mod agreed;

pub use agreed::Agreed;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    durable,
    folder::shell_word,
    manifest::{RelativePath, is_id},
};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the lock in a plugin folder.
pub const FILE_NAME: &str = "loader.lock";

/// A larger file is no lock.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How many changes the lock remembers.
const MAX_CHANGES: usize = 100;

const HEADER: &str = "\
# Written by `loader plugins install`, `update`, `rollback` and `remove`. Do not edit it: the digest
# below is of everything after its own line.
";

/// What is installed in one plugin folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the format.
    lock: u32,
    /// How often the lock was changed.
    pub change: u64,
    /// Every release that is there, in the order of ids and then of installation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed: Vec<Installed>,
    /// Folders under development that are used where they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<Linked>,
    /// What was done, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// One release of a plugin, or of a pack of plugins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// The manifest's id.
    pub id: String,
    /// The manifest's version.
    pub version: Version,
    /// The folder's name.
    pub folder: String,
    /// Whether this release is the one in use. The others are kept, to be rolled back to.
    pub current: bool,
    /// Where it came from, as it was named.
    pub source: String,
    /// The number of the change that installed it.
    pub change: u64,
    /// The release's serial number, when it has a release file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// The publisher whose signature was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Every file and its digest, those of other platforms too.
    pub files: BTreeMap<RelativePath, Digest>,
    /// What was agreed to.
    pub agreed: Agreed,
}

/// A folder under development that is used where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// The manifest's id when it was linked.
    pub id: String,
    /// The folder.
    pub path: PathBuf,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its number.
    pub number: u64,
    /// When, in seconds since 1970.
    pub time: u64,
    /// What.
    pub action: Action,
    /// The plugin's id.
    pub id: String,
    /// The folder, or the linked path, that was in use before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The folder, or the linked path, that is in use since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What can be done to an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A plugin came.
    Install,
    /// Another release of it came.
    Update,
    /// A release that was kept is used again.
    Rollback,
    /// It went.
    Remove,
    /// A folder under development came.
    Link,
    /// It went.
    Unlink,
}

impl Default for Lock {
    fn default() -> Self {
        Self { lock: 1, change: 0, installed: vec![], linked: vec![], changes: vec![] }
    }
}

impl Lock {
    /// The lock of a plugin folder; `None` when there is none.
    pub fn read(root: &Path) -> Result<Option<Self>, Diagnostic> {
        let path = root.join(FILE_NAME);
        let unreadable = |reason: String| {
            let message = format!("the lock cannot be read: {reason}");
            let hint = format!("make it a plain file you may read; ls -l {}", shell_word(&path));
            Diagnostic::error("LDR-LOCK-READ", message).at(&path).hint(hint)
        };
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(|error| unreadable(error.to_string()))?,
        };
        if !found.is_file() {
            return Err(unreadable("it is not a regular file".into()));
        }
        if found.len() > MAX_BYTES {
            return Err(unreadable(format!("it has more than {MAX_BYTES} bytes")));
        }
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&bytes).map(Some).map_err(|reason| {
            let message = format!("the lock is damaged: {reason}");
            let hint = format!(
                "put a copy of it back; or mv {0} {0}.damaged, and install each plugin again from its \
                 folder: loader plugins install {1}/<folder>",
                shell_word(&path),
                shell_word(root)
            );
            Diagnostic::error("LDR-LOCK-DAMAGED", message).at(&path).hint(hint)
        })
    }

    /// Reads the text of a lock. The reason is the end of a sentence about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
        let rest = text.strip_prefix(HEADER).ok_or("its first lines are not those of a lock")?;
        let (line, body) = rest.split_once('\n').ok_or("it was cut short")?;
        let digest = line.strip_prefix("sha256 = \"").and_then(|line| line.strip_suffix('"'));
        let digest: Digest = digest
            .and_then(|digest| digest.parse().ok())
            .ok_or("its third line does not hold its digest")?;
        let found = Digest::of(body.as_bytes());
        if found != digest {
            return Err(format!("its content has digest {found}, it says {digest}"));
        }
        let lock: Self = toml::from_str(body).map_err(|error| error.message().to_owned())?;
        if lock.lock != 1 {
            return Err(format!("it has format {}; this loader reads 1", lock.lock));
        }
        lock.check()?;
        if lock.text().as_bytes() != bytes {
            return Err("it is not spelt the way it is written by loader".into());
        }
        Ok(lock)
    }

    /// What no writer of ours leaves behind, and what no reader should have to think of.
    fn check(&self) -> Result<(), String> {
        let mut current = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for one in &self.installed {
            if !is_id(&one.id) {
                return Err(format!("`{}` is not a plugin id", one.id.escape_debug()));
            }
            if one.folder != one.files_folder() {
                return Err(format!("`{}` is not the folder of its files", one.folder));
            }
            if !folders.insert(&one.folder) {
                return Err(format!("`{}` is there twice", one.folder));
            }
            if one.current && !current.insert(&one.id) {
                return Err(format!("two releases of `{}` are current", one.id));
            }
        }
        if let Some(linked) = self.linked.iter().find(|linked| !linked.path.is_absolute()) {
            return Err(format!("`{}` is linked by a relative path", linked.id.escape_debug()));
        }
        Ok(())
    }

    /// The text of the lock.
    pub fn text(&self) -> String {
        let body = toml::to_string(self).expect("a lock is made of what TOML can write");
        format!("{HEADER}sha256 = \"{}\"\n{body}", Digest::of(body.as_bytes()))
    }

    /// Replaces the lock of a plugin folder. From here on it counts.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        durable::write(&root.join(FILE_NAME), self.text().as_bytes())
    }

    /// The release of a plugin that is in use.
    pub fn current(&self, id: &str) -> Option<&Installed> {
        self.installed.iter().find(|one| one.current && one.id == id)
    }

    /// Every release of a plugin, the first installed first.
    pub fn releases<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a Installed> {
        self.installed.iter().filter(move |one| one.id == id)
    }

    /// Whether a folder is one of its own, in use or kept.
    pub fn has_folder(&self, name: &str) -> bool {
        self.installed.iter().any(|one| one.folder == name)
    }

    /// Writes down what was done.
    pub(crate) fn record(
        &mut self,
        action: Action,
        id: &str,
        from: Option<String>,
        to: Option<String>,
        time: u64,
    ) {
        self.change += 1;
        let number = self.change;
        self.changes.push(Change { number, time, action, id: id.to_owned(), from, to });
        let surplus = self.changes.len().saturating_sub(MAX_CHANGES);
        self.changes.drain(..surplus);
        self.installed.sort_by(|one, other| (&one.id, one.change).cmp(&(&other.id, other.change)));
    }
}

impl Installed {
    /// The folder that holds exactly these files of this release.
    pub(crate) fn files_folder(&self) -> String {
        folder_name(&self.id, &self.version, &self.files)
    }
}

/// The name of the folder that holds a release with exactly these files.
pub(crate) fn folder_name(
    id: &str,
    version: &Version,
    files: &BTreeMap<RelativePath, Digest>,
) -> String {
    let listing: String =
        files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
    format!("{id}@{version}-{}", &Digest::of(listing.as_bytes()).to_string()[..12])
}

/// Whether a folder of this name holds a release, so that it counts only when the lock says so.
pub(crate) fn is_release_folder(name: &str) -> bool {
    // No id has the character.
    name.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let files: BTreeMap<RelativePath, Digest> = [("plugin.toml", "a"), ("libhello.so", "b")]
            .map(|(path, content)| (path.parse().expect("a path"), Digest::of(content.as_bytes())))
            .into();
        let version = Version::new(1, 0, 0);
        let mut lock = Lock::default();
        lock.installed.push(Installed {
            id: "hello".into(),
            folder: folder_name("hello", &version, &files),
            version,
            current: true,
            source: "/srv/hello \"1\".ldr".into(),
            change: 1,
            serial: Some(7),
            publisher: Some("acme".into()),
            files,
            agreed: Agreed {
                provides: ["hello http-route/1:hello".to_owned()].into(),
                requires: BTreeSet::new(),
            },
        });
        lock.linked.push(Linked { id: "mine".into(), path: "/home/me/mine".into() });
        lock.record(Action::Install, "hello", None, Some("hello@1.0.0".into()), 12);
        lock
    }

    #[test]
    fn what_is_written_is_read_and_an_absent_lock_is_none() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(Lock::read(root.path()).expect("no lock is fine"), None);
        lock().write(root.path()).expect("written");
        assert_eq!(Lock::read(root.path()).expect("readable"), Some(lock()));
    }

    #[test]
    fn every_single_flipped_bit_is_noticed() {
        let bytes = lock().text().into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(Lock::parse(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
        for end in 0..bytes.len() {
            assert!(Lock::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_lock_with_a_right_digest_and_another_spelling_is_refused() {
        let respelt = |body: &str| {
            format!("{HEADER}sha256 = \"{}\"\n{body}", Digest::of(body.as_bytes())).into_bytes()
        };
        let body = lock().text();
        let body = body.splitn(4, '\n').nth(3).expect("a body").to_owned();
        assert!(Lock::parse(&respelt(&body)).is_ok());
        for (from, to) in [
            ("lock = 1\n", "lock = 1 \n"),
            ("lock = 1\n", "lock = 0x1\n"),
            ("lock = 1\n", "lock = 2\n"),
            ("change = 1\n", "change = 1\nsurprise = 1\n"),
            ("current = true\n", "current = false\n# current\n"),
            ("id = \"hello\"\nversion", "id = \"other\"\nversion"),
        ] {
            let other = body.replacen(from, to, 1);
            assert_ne!(other, body, "{from}");
            assert!(Lock::parse(&respelt(&other)).is_err(), "{to}");
        }
    }

    #[test]
    fn changes_are_counted_and_the_oldest_forgotten() {
        let mut lock = Lock::default();
        for time in 0..150 {
            lock.record(Action::Update, "hello", None, None, time);
        }
        assert_eq!((lock.change, lock.changes.len()), (150, MAX_CHANGES));
        assert_eq!(lock.changes.first().map(|change| change.number), Some(51));
    }
}
