//! Repairs that lose nothing: taking rights from others, making folders that are missing, and moving an
//! account's settings to where they count.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::accounts;
use super::patient::{Configured, Patient};
use crate::edit::Edit;
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

#[derive(Clone, Debug)]
enum Deed {
    /// Takes these bits from the mode of a file or folder of ours.
    TakeRights(u32),
    /// Makes a folder where nothing is.
    MakeFolder,
    /// Moves keys of a channel's own table into an account.
    Promote { channel: String, keys: Vec<String> },
}

/// One repair that is planned.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Repair {
    /// The finding it mends.
    code: String,
    /// What it changes.
    path: PathBuf,
    /// The same as a command, or in words where there is none.
    command: String,
    #[serde(skip)]
    deed: Deed,
}

/// The repairs that are known for these findings and may be made by this user, each once.
pub(super) fn plan<'a>(
    patient: &Patient,
    findings: impl Iterator<Item = &'a Finding>,
) -> Vec<Repair> {
    let mut repairs: Vec<Repair> = Vec::new();
    for finding in findings {
        if finding.code == accounts::CODE && !repairs.iter().any(|one| one.code == finding.code) {
            repairs.extend(patient.configuration.iter().flat_map(promotions));
        }
        let deed = REPAIRS.iter().find(|(code, _)| finding.code == *code);
        let deed = deed.map(|(_, deed)| deed.clone());
        let Some((deed, place)) = deed.zip(finding.place.as_ref()) else { continue };
        let path = &place.path;
        if !is_ours_to_mend(&deed, path) || repairs.iter().any(|repair| repair.path == *path) {
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

fn promotions(configured: &Configured) -> Vec<Repair> {
    let strays = accounts::strays(configured).into_iter().filter(|one| !one.movable.is_empty());
    let repairs = strays.map(|stray| {
        let deed = Deed::Promote { channel: stray.channel, keys: stray.movable };
        let (code, command) = (accounts::CODE.to_owned(), deed.command(&stray.file));
        Repair { code, path: stray.file, command, deed }
    });
    repairs.collect()
}

fn is_ours_to_mend(deed: &Deed, path: &Path) -> bool {
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
    fn command(&self, path: &Path) -> String {
        let word = shell::word(path);
        match self {
            Self::TakeRights(0o022) => format!("chmod go-w {word}"),
            Self::TakeRights(0o077) => format!("chmod go= {word}"),
            Self::TakeRights(_) => format!("chmod u-s,g-s,-t {word}"),
            Self::MakeFolder => format!("mkdir -p -m 700 {word}"),
            Self::Promote { channel, keys } => format!(
                "move {} of [channels.{channel}] into [channels.{channel}.accounts.{}] in {word}",
                keys.join(", "),
                accounts::ACCOUNT
            ),
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
        let done = match &self.deed {
            Deed::TakeRights(bits) => fs::symlink_metadata(&self.path).and_then(|found| {
                let mode = found.mode() & 0o7777 & !*bits;
                fs::set_permissions(&self.path, fs::Permissions::from_mode(mode))
            }),
            Deed::MakeFolder => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
            }
            Deed::Promote { channel, keys } => {
                let mut edit = Edit::open(&self.path)?;
                edit.promote(channel, accounts::ACCOUNT, keys)?;
                return edit.save();
            }
        };
        done.map_err(|error| {
            let message = format!("the repair failed: {error}");
            Finding::error("LDR-DOCTOR-REPAIR", message).at(&self.path).hint(self.command.clone())
        })
    }
}
