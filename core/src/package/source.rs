//! Where a package is taken from, as a person writes it.

use crate::{
    diagnostic::Diagnostic,
    folder::shell_word,
    manifest::{self, MAX_ID_BYTES, is_id},
};
use reqwest::Url;
use semver::VersionReq;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where a package is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder; also named by the manifest in it.
    Folder(PathBuf),
    /// An archive on this machine.
    Archive(PathBuf),
    /// An archive on a server.
    Web(Address),
    /// The package of this id in the catalogues.
    Catalogue {
        /// The id of the plugin, or of the pack.
        id: String,
        /// Which versions will do: `hello@1.2` asks for 1.2 or a compatible newer one.
        version: Option<VersionReq>,
    },
}

impl Source {
    /// Reads what a person wrote, and looks what a path leads to.
    ///
    /// What has a slash in it, begins with a dot or ends like an archive is a path, and everything
    /// else an id: what lies in the working directory never takes the place of a name.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if text.contains("://") {
            return text.parse().map(Self::Web);
        }
        let path = Path::new(text);
        if !is_path(text) {
            return catalogue(text);
        }
        let facts = std::fs::metadata(path).map_err(|error| {
            Diagnostic::error("LDR-SOURCE-MISSING", format!("nothing can be read there: {error}"))
                .at(path)
                .hint(format!("look what is there: ls -ld {}", shell_word(path)))
        })?;
        if facts.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if path.file_name().is_some_and(|name| name == manifest::FILE_NAME) {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            return Ok(Self::Folder(folder.unwrap_or(Path::new(".")).to_owned()));
        }
        Ok(Self::Archive(path.to_owned()))
    }
}

fn is_path(text: &str) -> bool {
    let ends = [".ldr", ".tar", ".tar.gz", ".tgz", ".zip", manifest::FILE_NAME];
    text.contains('/') || text.starts_with('.') || ends.iter().any(|end| text.ends_with(end))
}

fn catalogue(text: &str) -> Result<Source, Diagnostic> {
    let (id, version) = match text.split_once('@') {
        Some((id, version)) => (id, Some(version)),
        None => (text, None),
    };
    let refused =
        |message: String, hint: String| Diagnostic::error("LDR-SOURCE-NAME", message).hint(hint);
    if !is_id(id) || id.len() > MAX_ID_BYTES {
        let message =
            format!("`{}` is neither a path, nor an address, nor an id", id.escape_debug());
        let hint = format!(
            "a path begins with a dot or a slash: {}",
            shell_word(&Path::new(".").join(text))
        );
        return Err(refused(message, hint));
    }
    let version = version.map(VersionReq::parse).transpose().map_err(|error| {
        let message = format!("`{}` names no version: {error}", text.escape_debug());
        refused(message, format!("write `{id}@1.2`, or `{id}@=1.2.3` for exactly this one"))
    })?;
    Ok(Source::Catalogue { id: id.to_owned(), version })
}

/// The address of a file on a server. What it shows, in messages and records, has no name, password
/// or query in it, which may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole address.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Another address, which may be relative to this one.
    pub(super) fn join(&self, text: &str) -> Result<Self, Diagnostic> {
        of_web(self.0.join(text).ok(), text)
    }

    /// The last name of its path, for the name of a file.
    pub fn file_name(&self) -> &str {
        self.0.path().rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for Address {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        of_web(Url::parse(text).ok(), text)
    }
}

fn of_web(url: Option<Url>, text: &str) -> Result<Address, Diagnostic> {
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.map(Address).ok_or_else(|| {
        // Even of what is no address, the beginning alone can hold no password.
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme).escape_debug();
        let message = format!("this is no address of a file on a server (`{scheme}://…`)");
        Diagnostic::error("LDR-SOURCE-ADDRESS", message)
            .hint("write `https://HOST/FILE`, or fetch it yourself and name the file")
    })
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.0.origin().ascii_serialization();
        write!(formatter, "{origin}{}", self.0.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_decides_and_not_what_lies_around() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("hello");
        std::fs::create_dir(&folder).expect("made");
        for name in ["plugin.toml", "x.ldr"] {
            std::fs::write(folder.join(name), "").expect("written");
        }
        let parse = |path: &Path| Source::parse(path.to_str().expect("text"));
        assert_eq!(parse(&folder), Ok(Source::Folder(folder.clone())));
        assert_eq!(parse(&folder.join("plugin.toml")), Ok(Source::Folder(folder.clone())));
        let archive = folder.join("x.ldr");
        assert_eq!(parse(&archive), Ok(Source::Archive(archive.clone())));
        let missing = parse(&home.path().join("other")).expect_err("nothing is there");
        assert_eq!(missing.code, "LDR-SOURCE-MISSING");
        let id = |text: &str, version: Option<&str>| Source::Catalogue {
            id: text.to_owned(),
            version: version.map(|version| version.parse().expect("versions")),
        };
        assert_eq!(Source::parse("hello"), Ok(id("hello", None)));
        assert_eq!(Source::parse("src"), Ok(id("src", None)));
        assert_eq!(Source::parse("hello@1.2"), Ok(id("hello", Some("1.2"))));
        for wrong in ["Hello", "", "hello@", "hello@one", "-h"] {
            assert_eq!(Source::parse(wrong).expect_err(wrong).code, "LDR-SOURCE-NAME");
        }
        for wrong in ["ftp://h/x", "file:///x", "https://"] {
            assert_eq!(Source::parse(wrong).expect_err(wrong).code, "LDR-SOURCE-ADDRESS");
        }
    }

    #[test]
    fn an_address_shows_no_secret() {
        let text = "https://user:secret@example.org:8443/a/b.ldr?token=secret#secret";
        let address: Address = text.parse().expect("an address");
        assert_eq!(address.to_string(), "https://example.org:8443/a/b.ldr");
        assert_eq!(format!("{address:?}"), "Address(https://example.org:8443/a/b.ldr)");
        assert_eq!(address.file_name(), "b.ldr");
        let other = address.join("../c.ldr").expect("an address");
        assert_eq!(other.to_string(), "https://example.org:8443/c.ldr");
        let refusal = address.join("ftp://u:secret@h/").expect_err("no address");
        assert!(!format!("{refusal:?}").contains("secret"), "{refusal}");
    }
}
