//! Plugin folders made for one test.

use crate::elf::Elf;
use loader_abi::{
    ABI_VERSION_TEXT,
    facts::{CapabilityFacts, Facts, PluginFacts},
};
use loader_core::{
    diagnostic::Diagnostic,
    discovery::{Candidate, Discovery, Origin, Root, discover},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A manifest without a defect.
pub(crate) const MANIFEST: &str = r#"manifest = 1
id = "hello"
version = "0.1.0"
abi = "1.0"

[library]
path = "libhello.so"

[provides]
"http-route/1" = [{ id = "hello", prefix = "/hello" }]
"health/1" = ["hello"]
"#;

/// The facts that agree with [`MANIFEST`].
pub(crate) fn facts() -> Facts {
    let capability =
        |contract: &str| CapabilityFacts { contract: contract.into(), id: "hello".into() };
    Facts {
        abi: ABI_VERSION_TEXT.into(),
        sdk: "loader-sdk 0.1.0".into(),
        rustc: "rustc 1.95.0".into(),
        target: host_target(),
        panic: "unwind".into(),
        version: "0.1.0".into(),
        plugins: vec![PluginFacts {
            id: "hello".into(),
            provides: vec![capability("http-route/1"), capability("health/1")],
        }],
    }
}

/// This host's target triple.
pub(crate) fn host_target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// A folder with plugins in it, private to the test.
pub(crate) struct Folder {
    root: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { root: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Writes a plugin folder with this manifest and answers its path.
    pub(crate) fn plugin(&self, name: &str, manifest: &str) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        write(&folder.join("plugin.toml"), manifest.as_bytes());
        chmod(&folder, 0o755);
        folder
    }

    /// Writes a whole plugin and discovers it.
    pub(crate) fn candidate(&self, manifest: &str, library: &[u8]) -> Candidate {
        let folder = self.plugin("hello", manifest);
        write(&folder.join("libhello.so"), library);
        let found = self.discover();
        assert_eq!(found.diagnostics, []);
        found.candidates.into_iter().next().unwrap()
    }

    /// A plugin without a defect.
    pub(crate) fn sound(&self) -> Candidate {
        self.candidate(MANIFEST, &Elf::new(&facts()).bytes())
    }

    pub(crate) fn discover(&self) -> Discovery {
        discover(&[self.root(Origin::Bundled)])
    }

    pub(crate) fn root(&self, origin: Origin) -> Root {
        Root { path: self.path().to_owned(), origin, required: false }
    }
}

/// Writes a file that nobody else may write.
pub(crate) fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    chmod(path, 0o644);
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The codes of diagnostics, which must each be complete: a place, a message and a hint.
pub(crate) fn codes(diagnostics: &[Diagnostic]) -> Vec<&'static str> {
    let complete = |diagnostic: &Diagnostic| {
        let hinted = diagnostic.hint.as_ref().is_some_and(|hint| !hint.is_empty());
        let lines = diagnostic.to_string().lines().count() + usize::from(hinted);
        assert!(hinted && diagnostic.place.is_some() && lines <= 10, "{diagnostic:?}");
        diagnostic.code
    };
    diagnostics.iter().map(complete).collect()
}
