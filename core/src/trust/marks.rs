//! The highest release of each plugin that was ever installed here: what must not come back.
//!
//! It is kept apart from the lock, since whoever puts back an old lock would put back an old mark.

use super::{Records, lock::Installed};
use crate::diagnostic::Diagnostic;
use semver::Version;
use serde::{Deserialize, Serialize};

/// The highest release of a plugin that was ever installed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its version.
    pub version: Version,
    /// Its serial number, when it had a release file.
    pub serial: Option<u64>,
    /// The publisher who signed it.
    pub publisher: Option<String>,
}

impl Mark {
    /// The mark a release would set.
    pub fn of(release: &Installed) -> Self {
        Self {
            version: release.version.clone(),
            serial: release.serial,
            publisher: release.publisher.clone(),
        }
    }

    /// Why a release is a step back from this one; `None` when it is none. The reason is the end of a
    /// sentence about the release.
    ///
    /// Serial numbers decide where both have one; versions where they do not.
    pub fn forbids(&self, release: &Self) -> Option<String> {
        if let Some(publisher) = &self.publisher
            && release.publisher.as_ref() != Some(publisher)
        {
            let now = release.publisher.as_deref().unwrap_or("nobody");
            return Some(format!("is signed by {now}; `{publisher}` signed {}", self.version));
        }
        match (self.serial, release.serial) {
            (Some(highest), Some(serial)) => (serial < highest)
                .then(|| format!("has serial number {serial}; {highest} was installed before")),
            _ => (release.version < self.version)
                .then(|| format!("is {}; {} was installed before", release.version, self.version)),
        }
    }
}

impl Records {
    /// The highest release of a plugin that was ever installed here. A mark that cannot be read is an
    /// error, because it might forbid what is asked about.
    pub fn mark(&self, id: &str) -> Result<Option<Mark>, Diagnostic> {
        self.read("marks", id).map_err(|error| {
            let path = self.path("marks", id);
            let message = format!("the highest release of `{id}` cannot be read: {error}");
            let hint = "install the release you trust again with `--allow-downgrade`: it is remembered anew";
            Diagnostic::error("LDR-TRUST-MARK", message).at(&path).about(id).hint(hint)
        })
    }

    /// Remembers a release as the highest, whatever was before.
    pub(crate) fn set_mark(&self, id: &str, mark: &Mark) -> Result<(), Diagnostic> {
        self.write("marks", id, mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(version: &str, serial: Option<u64>, publisher: Option<&str>) -> Mark {
        let version = version.parse().expect("a version");
        Mark { version, serial, publisher: publisher.map(Into::into) }
    }

    #[test]
    fn serial_numbers_decide_then_versions_and_a_signature_is_not_given_up() {
        let signed = mark("2.0.0", Some(7), Some("acme"));
        for (release, forbidden) in [
            (mark("2.0.0", Some(7), Some("acme")), false),
            (mark("1.0.0", Some(8), Some("acme")), false),
            (mark("3.0.0", Some(6), Some("acme")), true),
            (mark("3.0.0", None, Some("acme")), false),
            (mark("1.9.9", None, Some("acme")), true),
            (mark("3.0.0", Some(8), None), true),
            (mark("3.0.0", Some(8), Some("evil")), true),
        ] {
            assert_eq!(signed.forbids(&release).is_some(), forbidden, "{release:?}");
        }
        let plain = mark("2.0.0", None, None);
        assert!(plain.forbids(&mark("1.9.0", Some(9), None)).is_some());
        assert!(plain.forbids(&mark("2.0.0", Some(1), Some("acme"))).is_none());
    }

    #[test]
    fn a_damaged_mark_is_an_error_and_an_absent_one_is_none() {
        let state = tempfile::tempdir().expect("a folder");
        let records = Records::of(state.path());
        assert_eq!(records.mark("hello").expect("no mark"), None);
        records.set_mark("hello", &mark("1.0.0", None, None)).expect("written");
        assert!(records.mark("hello").expect("a mark").is_some());
        std::fs::write(records.path("marks", "hello"), b"{").expect("damage");
        assert_eq!(records.mark("hello").expect_err("damage").code, "LDR-TRUST-MARK");
    }
}
