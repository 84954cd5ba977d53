//! The names of a package's files: paths that mean one file, and the same one, on every system.
//!
//! A package travels between systems whose file names differ. A name that one of them reads as
//! another file is refused everywhere, so that what was signed is what is unpacked.

use super::{MAX_DEPTH, MAX_ENTRIES};
use crate::{diagnostic::Diagnostic, manifest::RelativePath};
use std::collections::BTreeMap;

/// File systems take no longer name between two slashes.
const MAX_NAME_BYTES: usize = 255;

/// Names that are devices on Windows, with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The path of a package's file, if it is one.
pub(super) fn path(text: &str) -> Result<RelativePath, Diagnostic> {
    let refused = |why: String| {
        let message = format!("`{}` {why}", text.escape_debug());
        let hint = "rename it, and make the package anew";
        Diagnostic::error("LDR-PACKAGE-NAME", message).hint(hint)
    };
    let path: RelativePath = text.parse().map_err(|error| refused(format!("{error}")))?;
    let names = path.as_str().split('/');
    if names.clone().count() > MAX_DEPTH {
        return Err(refused(format!("lies deeper than {MAX_DEPTH} names")));
    }
    for name in names {
        if name.len() > MAX_NAME_BYTES {
            return Err(refused(format!("has a name of more than {MAX_NAME_BYTES} bytes")));
        }
        if name.ends_with(['.', ' ']) {
            return Err(refused("has a name that ends in a dot or a space".to_owned()));
        }
        if is_device(name) {
            return Err(refused(format!("is a device on Windows (`{name}`)")));
        }
    }
    Ok(path)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let numbered = port.is_some_and(|number| {
        let mut letters = number.chars();
        // Windows reads the raised digits as digits.
        letters.next().is_some_and(|letter| matches!(letter, '1'..='9' | '¹' | '²' | '³'))
            && letters.next().is_none()
    });
    numbered || DEVICES.contains(&stem.as_str())
}

/// The names of one package so far.
#[derive(Default)]
pub(super) struct Names {
    /// By the spelling that a system has which takes capital letters for small ones.
    taken: BTreeMap<String, (String, Kind)>,
    entries: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A folder that was named by itself.
    Folder,
    /// A folder because something lies in it.
    Above,
}

impl Names {
    /// Takes the name of a file.
    pub(super) fn file(&mut self, path: &RelativePath) -> Result<(), Diagnostic> {
        self.take(path, Kind::File)
    }

    /// Takes the name of a folder.
    pub(super) fn folder(&mut self, path: &RelativePath) -> Result<(), Diagnostic> {
        self.take(path, Kind::Folder)
    }

    fn take(&mut self, path: &RelativePath, kind: Kind) -> Result<(), Diagnostic> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            let message = format!("there are more than {MAX_ENTRIES} files and folders");
            let hint = "leave only what the plugin needs in its folder, and make the package anew";
            return Err(Diagnostic::error("LDR-PACKAGE-LIMIT", message).hint(hint));
        }
        let text = path.as_str();
        for (end, _) in text.match_indices('/') {
            self.add(&text[..end], Kind::Above)?;
        }
        self.add(text, kind)
    }

    fn add(&mut self, text: &str, kind: Kind) -> Result<(), Diagnostic> {
        let folded: String = text.chars().flat_map(char::to_lowercase).collect();
        let Some((other, known)) = self.taken.get_mut(&folded) else {
            self.taken.insert(folded, (text.to_owned(), kind));
            return Ok(());
        };
        let refused = |message: String| {
            let hint = "rename or remove one of the two, and make the package anew";
            Err(Diagnostic::error("LDR-PACKAGE-DUPLICATE", message).hint(hint))
        };
        if other != text {
            return refused(format!("`{other}` and `{text}` are one name on some systems"));
        }
        match (*known, kind) {
            (Kind::Folder | Kind::Above, Kind::Above) => Ok(()),
            (Kind::Above, Kind::Folder) => {
                *known = Kind::Folder;
                Ok(())
            }
            (Kind::File, Kind::Above) => refused(format!("`{text}` is a file and has files in it")),
            (Kind::File, Kind::Folder) | (Kind::Above | Kind::Folder, Kind::File) => {
                refused(format!("`{text}` is both a file and a folder"))
            }
            (Kind::File, Kind::File) | (Kind::Folder, Kind::Folder) => {
                refused(format!("`{text}` is there twice"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_file_on_every_system() {
        for good in ["plugin.toml", "lib/linux/libx.so", "a b", "ü", "com", "com10", "console.md"]
        {
            assert!(path(good).is_ok(), "{good}");
        }
        let bad = "../x /x a//b . a/./b x\\y c:x a\0b x. dir./x con NUL.txt com1 lpt9.x COM² \
                   a/b/c/d/e/f/g/h/i";
        for bad in bad.split_whitespace().chain(["", "x ", "a\nb", "dir /x", "aux .txt"]) {
            let refusal = path(bad).expect_err(bad);
            assert_eq!(refusal.code, "LDR-PACKAGE-NAME", "{bad}");
        }
        assert!(path(&"x".repeat(256)).is_err());
    }

    #[test]
    fn a_name_is_taken_once_however_it_is_spelt() {
        let refusal = |names: &[(&str, bool)]| {
            let mut taken = Names::default();
            names.iter().find_map(|(name, is_folder)| {
                let path = path(name).expect("a path");
                let added = if *is_folder { taken.folder(&path) } else { taken.file(&path) };
                added.err().map(|refusal| refusal.message)
            })
        };
        assert_eq!(refusal(&[("a", true), ("a/b", false), ("a/c", false), ("d/e", false)]), None);
        assert_eq!(refusal(&[("a/b", false), ("a", true)]), None);
        for (names, why) in [
            (&[("a", false), ("a", false)][..], "twice"),
            (&[("a", true), ("a", true)], "twice"),
            (&[("Read", false), ("read", false)], "one name on some systems"),
            (&[("Ä/x", false), ("ä/y", false)], "one name on some systems"),
            (&[("a", false), ("a/b", false)], "has files in it"),
            (&[("a/b", false), ("a", false)], "both a file and a folder"),
            (&[("a", false), ("a", true)], "both a file and a folder"),
        ] {
            let message = refusal(names).unwrap_or_default();
            assert!(message.contains(why), "{names:?}: {message}");
        }
    }
}
