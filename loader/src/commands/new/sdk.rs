//! Where a new plugin takes `loader-sdk` from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use loader_core::diagnostic::Diagnostic;
use loader_core::vetting::who_can_change;
use semver::VersionReq;

/// The SDK that this program was built beside. It is there where the program was built, and perhaps
/// nowhere else.
const REMEMBERED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../abi/sdk");

/// Where the SDK lies in the repository.
const IN_REPOSITORY: &str = "abi/sdk";

/// The package's name.
const PACKAGE: &str = "loader-sdk";

/// The SDK of a new plugin.
pub(super) enum Sdk {
    /// The package in this folder.
    Folder(PathBuf),
    /// A version of it in cargo's registry.
    Version(String),
}

impl Sdk {
    /// The SDK that is wanted, or the one this program was built beside. An error says why there is
    /// none, in the end of a sentence.
    pub(super) fn find(wanted: Option<&str>) -> Result<Self, String> {
        match wanted {
            None => remembered(Path::new(REMEMBERED)),
            Some(version) if VersionReq::parse(version).is_ok() => {
                Ok(Self::Version(version.into()))
            }
            Some(folder) => named(Path::new(folder)),
        }
    }

    /// The dependency, as `Cargo.toml` has it.
    pub(super) fn dependency(&self) -> String {
        match self {
            Self::Folder(folder) => {
                // A name that is no UTF-8 was refused when the folder was found.
                let path = toml::Value::from(folder.to_string_lossy().into_owned());
                format!("{{ path = {path} }}")
            }
            Self::Version(version) => toml::Value::from(version.as_str()).to_string(),
        }
    }

    /// The same in one text.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Version(version) => version.clone(),
        }
    }
}

/// The SDK in a folder that was named, or in the repository that the folder is.
fn named(folder: &Path) -> Result<Sdk, String> {
    let places = [folder.to_owned(), folder.join(IN_REPOSITORY)];
    let found = places.iter().find(|place| is_sdk(place));
    let found = found.ok_or_else(|| format!("{} has no `{PACKAGE}`", folder.display()))?;
    let found = found.canonicalize().map_err(|error| format!("{}: {error}", found.display()))?;
    match found.to_str() {
        Some(_) => Ok(Sdk::Folder(found)),
        None => Err(format!("the name of {} is no UTF-8", found.display())),
    }
}

/// The SDK in a folder that nobody named. Where others can write, it may be somebody else's by now,
/// and building a plugin runs its build script.
fn remembered(folder: &Path) -> Result<Sdk, String> {
    let found = named(folder).map_err(|_| {
        format!("the repository that this program was built from is not at {}", shown(folder))
    })?;
    let Sdk::Folder(place) = &found else { return Ok(found) };
    let manifest = place.join("Cargo.toml");
    match who_can_change(&manifest, &BTreeSet::new()).into_iter().find(Diagnostic::is_error) {
        None => Ok(found),
        Some(finding) => {
            let at = finding.place.map_or(manifest, |place| place.path);
            Err(format!("{} {}", at.display(), finding.message))
        }
    }
}

/// Where a folder would be, without `..` in it.
fn shown(folder: &Path) -> String {
    let folder = folder.components().fold(PathBuf::new(), |mut folder, part| {
        match part {
            std::path::Component::ParentDir => folder.pop(),
            part => {
                folder.push(part);
                true
            }
        };
        folder
    });
    folder.display().to_string()
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let name = manifest.get("package").and_then(|package| package.get("name"));
    name.and_then(toml::Value::as_str) == Some(PACKAGE)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A repository with an SDK.
    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = folder.path().join(IN_REPOSITORY);
        fs::create_dir_all(&sdk).expect("a folder");
        fs::write(sdk.join("Cargo.toml"), "[package]\nname = \"loader-sdk\"\n").expect("a file");
        folder
    }

    #[test]
    fn the_folder_and_the_repository_name_the_same_sdk() {
        let repository = repository();
        let sdk = repository.path().join(IN_REPOSITORY);
        for named in [repository.path(), &sdk] {
            let found = Sdk::find(named.to_str()).expect("it is there");
            let expected = sdk.canonicalize().expect("it exists");
            assert_eq!(found.dependency(), format!("{{ path = \"{}\" }}", expected.display()));
        }
        assert!(Sdk::find(Some("/")).is_err());
        assert_eq!(Sdk::find(Some("0.1")).map(|sdk| sdk.dependency()), Ok("\"0.1\"".into()));
    }

    #[test]
    fn a_remembered_sdk_counts_while_it_is_there_and_nobody_elses_to_change() {
        let repository = repository();
        let sdk = repository.path().join(IN_REPOSITORY);
        assert!(remembered(&sdk).is_ok());
        fs::set_permissions(&sdk, fs::Permissions::from_mode(0o777)).expect("it is ours");
        let refused = remembered(&sdk).err().expect("others can write there");
        assert!(refused.contains("can be changed by other users"), "{refused}");
        fs::remove_dir_all(&sdk).expect("it is ours");
        let refused = remembered(&sdk).err().expect("it is gone");
        assert!(refused.contains("built from"), "{refused}");
    }
}
