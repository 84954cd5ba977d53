//! The state folder: private to its user, and used by one process at a time.

mod claim;

use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub(crate) use self::claim::{Claim, Claimed, Holder};

use crate::finding::Finding;
use crate::shell;

/// A state folder that exists and that nobody else can change.
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// Makes the folder, private to this user, if it does not exist, and checks it if it does.
    pub(crate) fn open(path: &Path) -> Result<Self, Finding> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        let checked = made.and_then(|()| fs::metadata(path));
        let metadata = checked.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                    "a file is in the way; name another folder with `--state-dir DIR`".to_owned()
                }
                _ => "name a folder that can be written to with `--state-dir DIR`".to_owned(),
            };
            Finding::error("LDR-STATE-FOLDER", format!("cannot make the state folder: {error}"))
                .at(path)
                .hint(hint)
        })?;
        check_owner(&metadata, path, "state folder", "LDR-STATE-OWNER")?;
        // Others may look at the folder: everything in it is private by itself.
        if metadata.mode() & 0o022 != 0 {
            let mode = metadata.mode() & 0o7777;
            let message = format!("others can write to the state folder (its mode is {mode:04o})");
            return Err(Finding::error("LDR-STATE-MODE", message)
                .at(path)
                .hint(format!("chmod 700 {}", shell::word(path))));
        }
        Ok(Self(path.to_owned()))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Checks that what `metadata` describes belongs to the user who runs the program.
pub(crate) fn check_owner(
    metadata: &Metadata,
    path: &Path,
    what: &str,
    code: &'static str,
) -> Result<(), Finding> {
    let user = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner == user {
        return Ok(());
    }
    let message = format!("the {what} belongs to user {owner}, but loader runs as user {user}");
    let hint = format!("run loader as that user, or: chown {user} {}", shell::word(path));
    Err(Finding::error(code, message).at(path).hint(hint))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_folder_is_private_and_so_are_the_folders_above_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/state");
        let state = StateDir::open(&path).expect("it can be made");
        assert_eq!(state.path(), path);
        for made in [path.as_path(), &folder.path().join("new")] {
            let mode = fs::metadata(made).expect("it exists").permissions().mode();
            assert_eq!(mode & 0o7777, 0o700, "{}", made.display());
        }
        StateDir::open(&path).expect("it can be opened again");
    }

    #[test]
    fn a_folder_others_can_write_to_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("it's open");
        fs::create_dir(&path).expect("a folder");
        for mode in [0o720, 0o702, 0o777, 0o1777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
            let Err(finding) = StateDir::open(&path) else { panic!("{mode:o} was accepted") };
            assert_eq!(finding.code, "LDR-STATE-MODE");
            let hint = finding.hint.expect("it has a hint");
            let shell = std::process::Command::new("sh").args(["-c", &hint]).status();
            assert!(shell.expect("there is a shell").success(), "{hint}");
            StateDir::open(&path).expect("the hint mends it");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        StateDir::open(&path).expect("others may look");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, "").expect("a file");
        let Err(finding) = StateDir::open(&path) else { panic!("a file is no folder") };
        assert_eq!(finding.code, "LDR-STATE-FOLDER");
        assert_eq!(finding.place.expect("it has a place").path, path);
    }
}
