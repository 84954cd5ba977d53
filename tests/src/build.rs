//! Builds fixtures and bundled plugins once, in release form, into the shared target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The repository's root.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/ lies in the repository").to_owned()
}

/// The folder everything is built into.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => repository().join(folder),
        None => repository().join("target"),
    }
}

/// The folder of a fixture's or a bundled plugin's crate.
pub fn crate_folder(name: &str) -> PathBuf {
    let fixture = repository().join("tests/fixtures").join(name);
    if fixture.is_dir() { fixture } else { repository().join("plugins").join(name) }
}

/// The built library of a fixture or a bundled plugin.
pub fn library(name: &str) -> PathBuf {
    build();
    target().join("release").join(format!("lib{}.so", name.replace('-', "_")))
}

/// The bytes of a fixture that says which build it is, made one by this name: `tide` or `counter`.
pub fn named(fixture: &str, name: &str) -> Vec<u8> {
    const MARK: &[u8] = b"BUILD-IS:";
    let mut bytes = fs::read(library(fixture)).expect("the fixture");
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).expect("the mark");
    let name = format!("{name:<16}");
    assert_eq!(name.len(), 16, "it would not fit");
    bytes[at + MARK.len()..][..16].copy_from_slice(name.as_bytes());
    bytes
}

/// The built binary of the product.
pub fn loader() -> PathBuf {
    program("loader")
}

/// A built program: the product, or a host among the fixtures.
pub fn program(name: &str) -> PathBuf {
    build();
    target().join("release").join(name)
}

/// A built example of the engine's.
pub fn example(name: &str) -> PathBuf {
    build();
    target().join("release/examples").join(name)
}

/// A fixture built to abort on panic, which the loader must refuse.
pub fn aborting_library(name: &str) -> PathBuf {
    build();
    target().join("panic-abort/release").join(format!("lib{}.so", name.replace('-', "_")))
}

fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        // `scripts/test` builds beforehand and says so: with a process per test, asking cargo each
        // time would cost more than the tests.
        if env::var_os("LOADER_TEST_BUILT").is_some() {
            return;
        }
        let script = repository().join("scripts/build-fixtures");
        let status = Command::new(script).env("CARGO_TARGET_DIR", target()).status();
        assert!(status.expect("scripts/build-fixtures can be run").success());
    });
}
