//! Repairs that lose nothing: taking rights from others, and making folders that are missing.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::finding::Finding;
use crate::shell;

/// What is done about a finding, by its code.
const REPAIRS: [(&str, Deed); 6] = [
    ("LDR-VET-MODE", Deed::TakeRights(0o022)),
    ("LDR-VET-SETUID", Deed::TakeRights(0o7000)),
    ("LDR-STATE-MODE", Deed::TakeRights(0o022)),
    ("LDR-TOKEN-MODE", Deed::TakeRights(0o077)),
    ("LDR-DISCOVERY-ROOT", Deed::MakeFolder),
    ("LDR-STATE-FOLDER", Deed::MakeFolder),
];

#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Takes these bits from the mode of a file or folder of ours.
    TakeRights(u32),
    /// Makes a folder where nothing is.
    MakeFolder,
}

/// One repair that is planned.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Repair {
    /// The finding it mends.
    code: String,
    /// What it changes.
    path: PathBuf,
    /// The same as a command.
    command: String,
    #[serde(skip)]
    deed: Deed,
}

/// The repairs that are known for these findings and may be made by this user, each once.
pub(super) fn plan<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Repair> {
    let mut repairs: Vec<Repair> = Vec::new();
    for finding in findings {
        let deed = REPAIRS.iter().find(|(code, _)| finding.code == *code).map(|(_, deed)| *deed);
        let Some((deed, place)) = deed.zip(finding.place.as_ref()) else { continue };
        let path = &place.path;
        if !is_ours_to_mend(deed, path) || repairs.iter().any(|repair| repair.path == *path) {
            continue;
        }
        repairs.push(Repair {
            code: finding.code.to_string(),
            path: path.clone(),
            command: deed.command(path),
            deed,
        });
    }
    repairs
}

fn is_ours_to_mend(deed: Deed, path: &Path) -> bool {
    let found = path.symlink_metadata();
    match (deed, found) {
        (Deed::TakeRights(_), Ok(found)) => {
            !found.is_symlink() && found.uid() == rustix::process::geteuid().as_raw()
        }
        (Deed::MakeFolder, Err(error)) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

impl Deed {
    fn command(self, path: &Path) -> String {
        let word = shell::word(path);
        match self {
            Self::TakeRights(0o022) => format!("chmod go-w {word}"),
            Self::TakeRights(0o077) => format!("chmod go= {word}"),
            Self::TakeRights(_) => format!("chmod u-s,g-s,-t {word}"),
            Self::MakeFolder => format!("mkdir -p -m 700 {word}"),
        }
    }
}

impl Repair {
    /// The repair as a command.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Makes the repair.
    pub(super) fn apply(&self) -> Result<(), Finding> {
        let done = match self.deed {
            Deed::TakeRights(bits) => fs::symlink_metadata(&self.path).and_then(|found| {
                let mode = found.mode() & 0o7777 & !bits;
                fs::set_permissions(&self.path, fs::Permissions::from_mode(mode))
            }),
            Deed::MakeFolder => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
            }
        };
        done.map_err(|error| {
            let message = format!("the repair failed: {error}");
            Finding::error("LDR-DOCTOR-REPAIR", message).at(&self.path).hint(self.command.clone())
        })
    }
}
