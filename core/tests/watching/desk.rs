//! A plugin folder that is watched, and files that tell whether they are whole.

use loader_core::{
    digest::Digest,
    watch::{Options, Targets, Watch},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::time::timeout;

/// How long any change may take to be reported.
pub(crate) const LIMIT: Duration = Duration::from_secs(6);

/// What a file's content says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Whole(u64),
    Partial,
    Missing,
}

/// A library that says which one it is. Where its table of sections should be, and that is at its
/// end, stands the digest of all before.
pub(crate) fn content(serial: u64) -> Vec<u8> {
    const BODY: usize = 64 * 1024;
    let mut bytes = header(BODY as u64 + 64).to_vec();
    bytes.extend(serial.to_string().as_bytes());
    bytes.resize(BODY, b' ');
    let digest = Digest::of(&bytes).to_string();
    assert_eq!(digest.len(), 64);
    bytes.extend(digest.as_bytes());
    bytes
}

/// The header of a library whose table of sections ends at this byte.
pub(crate) fn header(end: u64) -> [u8; 64] {
    let mut header = [0; 64];
    header[..6].copy_from_slice(b"\x7fELF\x02\x01");
    header[0x28..0x30].copy_from_slice(&(end - 64).to_le_bytes());
    (header[0x3a], header[0x3c]) = (64, 1);
    header
}

pub(crate) fn read(path: &Path) -> Content {
    let Ok(bytes) = fs::read(path) else { return Content::Missing };
    let whole = || {
        let text = std::str::from_utf8(bytes.get(64..)?).ok()?;
        let serial = text.split(' ').next()?.parse().ok()?;
        (content(serial) == bytes).then_some(serial)
    };
    whole().map_or(Content::Partial, Content::Whole)
}

/// A plugin folder `hello` with a manifest and a library, in a folder of its own.
pub(crate) struct Desk {
    /// The folder that the plugin's lies in.
    pub(crate) root: TempDir,
    pub(crate) plugin: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) watch: Watch,
}

impl Desk {
    /// Watches the plugin's folder by name.
    pub(crate) async fn new(options: Options) -> Self {
        let root = folder();
        let plugin = root.path().join("hello");
        put(&plugin, 0);
        let watch = Watch::start(targets(&plugin), options).unwrap();
        let desk = Self { library: plugin.join("libhello.so"), root, plugin, watch };
        desk.wait_for(&desk.plugin).await;
        desk
    }

    /// Waits until this was reported.
    pub(crate) async fn wait_for(&self, path: &Path) {
        wait_for(&self.watch, path).await;
    }

    /// Lets a writer write while somebody reads the library at every report, until its content is
    /// this. Returns what was read, and how long after the writer's end the last of it was.
    pub(crate) async fn keep_up(
        &self,
        wanted: Content,
        write: impl FnOnce() + Send + 'static,
    ) -> (Vec<Content>, Duration) {
        let writer = tokio::task::spawn_blocking(move || {
            write();
            Instant::now()
        });
        let mut found = Vec::new();
        while found.last() != Some(&wanted) {
            self.wait_for(&self.plugin).await;
            found.push(read(&self.library));
        }
        let seen = Instant::now();
        (found, seen.saturating_duration_since(writer.await.unwrap()))
    }
}

/// Waits until this is reported, and returns all that was reported meanwhile.
pub(crate) async fn wait_for(watch: &Watch, path: &Path) -> BTreeSet<PathBuf> {
    wait_for_all(watch, &[path]).await
}

/// Waits until all of these were reported, and returns all that was reported meanwhile.
pub(crate) async fn wait_for_all(watch: &Watch, paths: &[&Path]) -> BTreeSet<PathBuf> {
    let mut reported = BTreeSet::new();
    let wait = async {
        while !paths.iter().all(|path| reported.contains(*path)) {
            reported.extend(watch.changed().await);
        }
    };
    let is_over = timeout(LIMIT, wait).await.is_err();
    assert!(!is_over, "wanted {paths:?}, was told of {reported:?}");
    reported
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Makes a plugin folder whose library has this serial.
pub(crate) fn put(plugin: &Path, serial: u64) {
    fs::create_dir_all(plugin).unwrap();
    fs::write(plugin.join("plugin.toml"), "id = \"hello\"").unwrap();
    fs::write(plugin.join("libhello.so"), content(serial)).unwrap();
}

pub(crate) fn targets(plugin: &Path) -> Targets {
    let files = ["plugin.toml", "libhello.so"].map(PathBuf::from);
    let folders = [(plugin.to_owned(), BTreeSet::from(files))];
    Targets { folders: folders.into(), ..Targets::default() }
}
