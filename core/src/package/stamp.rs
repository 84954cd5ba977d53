//! The release file of a folder that is packed: kept while it holds, made anew when it is asked for.

use crate::{
    diagnostic::Diagnostic,
    durable,
    folder::shell_word,
    trust::{
        Release,
        release::{FILE_NAME, SIGNATURE_FILE_NAME},
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The release that a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The release.
    pub release: Release,
    /// The text of its file.
    pub text: String,
    /// The bytes of its signature, if there is one.
    pub signature: Option<Vec<u8>>,
    /// Whether the file is still to be written.
    pub is_new: bool,
    path: PathBuf,
}

impl Stamp {
    /// Finds out which release a folder is. A release file that holds is kept. One that does not is
    /// made anew only with a serial, which must be higher: it says that this is another release.
    pub fn of(folder: &Path, serial: Option<u64>) -> Result<Self, Vec<Diagnostic>> {
        let path = folder.join(FILE_NAME);
        let signature = read(&folder.join(SIGNATURE_FILE_NAME))?;
        let Some(bytes) = read(&path)? else {
            let release = Release::describe(folder, serial.unwrap_or(1))?;
            return Self::new(release, path, signature).map_err(|refusal| vec![refusal]);
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parsed = Release::parse(&path, &text);
        let Some(written) = parsed.release else {
            let Some(serial) = serial else { return Err(parsed.diagnostics) };
            let release = Release::describe(folder, serial)?;
            return Self::new(release, path, signature).map_err(|refusal| vec![refusal]);
        };
        let found = Release::describe(folder, serial.unwrap_or(written.serial))?;
        if found == written {
            return Ok(Self { release: written, text, signature, is_new: false, path });
        }
        if found.serial <= written.serial {
            return Err(vec![outdated(folder, &path, &written)]);
        }
        Self::new(found, path, signature).map_err(|refusal| vec![refusal])
    }

    /// Writes the file, if that is still to be done.
    pub fn write(&self) -> Result<(), Diagnostic> {
        if !self.is_new {
            return Ok(());
        }
        durable::write(&self.path, self.text.as_bytes()).map_err(|error| {
            let message = format!("the release file cannot be written: {error}");
            let above = shell_word(self.path.parent().unwrap_or(&self.path));
            Diagnostic::error("LDR-RELEASE-WRITE", message)
                .at(&self.path)
                .hint(format!("make space and the folder writable: df -h {above}; ls -ld {above}"))
        })
    }

    fn new(
        release: Release,
        path: PathBuf,
        signature: Option<Vec<u8>>,
    ) -> Result<Self, Diagnostic> {
        if signature.is_some() {
            let place = path.with_file_name(SIGNATURE_FILE_NAME);
            let message =
                "the release file is to be made anew, and the old one's signature is there";
            return Err(Diagnostic::error("LDR-RELEASE-SIGNED", message)
                .at(&place)
                .hint(format!("remove it, and sign the new one: rm {}", shell_word(&place))));
        }
        let text = release.to_text();
        Ok(Self { release, text, signature, is_new: true, path })
    }
}

fn outdated(folder: &Path, path: &Path, written: &Release) -> Diagnostic {
    let message = format!(
        "the release file, serial {}, is not about the files that are here",
        written.serial
    );
    Diagnostic::error("LDR-RELEASE-STALE", message).at(path).hint(format!(
        "put the released files back, or make another release: loader plugins pack {} --serial {}",
        shell_word(folder),
        written.serial.saturating_add(1)
    ))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Vec<Diagnostic>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("it cannot be read: {error}");
            let hint = format!("make it readable: ls -l {}", shell_word(path));
            Err(vec![Diagnostic::error("LDR-RELEASE-READ", message).at(path).hint(hint)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<T>(result: Result<T, Vec<Diagnostic>>) -> Vec<&'static str> {
        result.err().unwrap_or_default().into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_release_file_is_kept_while_it_holds_and_made_anew_only_with_a_higher_serial() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        write(
            "plugin.toml",
            "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n[library]\npath = \"a.so\"\n",
        );
        write("a.so", "x");
        let first = Stamp::of(folder, None).expect("a release");
        assert_eq!((first.release.serial, first.is_new), (1, true));
        assert!(!folder.join(FILE_NAME).exists());
        first.write().expect("written");
        let kept = Stamp::of(folder, None).expect("it holds");
        assert_eq!(kept, Stamp { is_new: false, ..first.clone() });
        write("a.so", "y");
        assert_eq!(codes(Stamp::of(folder, None)), ["LDR-RELEASE-STALE"]);
        assert_eq!(codes(Stamp::of(folder, Some(1))), ["LDR-RELEASE-STALE"]);
        write(SIGNATURE_FILE_NAME, "signed");
        assert_eq!(codes(Stamp::of(folder, Some(2))), ["LDR-RELEASE-SIGNED"]);
        fs::remove_file(folder.join(SIGNATURE_FILE_NAME)).expect("removed");
        Stamp::of(folder, Some(2)).expect("a release").write().expect("written");
        write(SIGNATURE_FILE_NAME, "signed");
        let signed = Stamp::of(folder, None).expect("it holds");
        assert_eq!((signed.release.serial, signed.is_new), (2, false));
        assert_eq!(signed.signature.as_deref(), Some(&b"signed"[..]));
        write(FILE_NAME, "nonsense");
        assert_eq!(codes(Stamp::of(folder, None)), ["LDR-RELEASE-SYNTAX"]);
    }
}
