//! Fetches files from servers.
//!
//! * TLS trusts whom the host's other connections trust; nothing is taken from the environment;
//! * five redirects at most, and never from an encrypted connection to an open one;
//! * a limit on bytes, one on the whole time, and one on silence;
//! * messages show an address without the name, password and query that may be in it.

use super::{Address, MAX_TOTAL_BYTES};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    folder::shell_word,
    services::{cause, trust::Trust},
};
use reqwest::{Client, Response, redirect};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may say nothing.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a fetch may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes.
    pub bytes: u64,
    /// The longest time for all of it.
    pub time: Duration,
}

impl Default for Limits {
    /// Those for a package.
    fn default() -> Self {
        Self { bytes: MAX_TOTAL_BYTES, time: Duration::from_secs(15 * 60) }
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// Is told how many bytes came, of how many if the server said.
pub type Progress<'a> = dyn FnMut(u64, Option<u64>) + Send + 'a;

/// Fetches files.
pub struct Fetcher {
    client: Client,
    trust: Arc<Trust>,
}

impl Fetcher {
    /// A fetcher that calls itself `user_agent`. It trusts the authorities of one PEM file, or,
    /// without one, the system's.
    pub fn new(user_agent: &str, authorities: Option<&Path>) -> Result<Self, Diagnostic> {
        let setup = |why: String, hint: String| {
            Diagnostic::error("LDR-FETCH-SETUP", format!("nothing can be fetched: {why}"))
                .hint(hint)
        };
        let trust =
            Trust::new(authorities).map_err(|failure| setup(failure.message, failure.hint))?;
        let policy = redirect::Policy::custom(|attempt| {
            let opened = |url: &reqwest::Url| url.scheme() != "https";
            let was_encrypted = attempt.previous().last().is_some_and(|url| !opened(url));
            if attempt.previous().len() > MAX_REDIRECTS {
                attempt.error(Redirect("there are more than five redirects"))
            } else if was_encrypted && opened(attempt.url()) {
                attempt.error(Redirect("it leads from an encrypted connection to an open one"))
            } else {
                attempt.follow()
            }
        });
        let client = Client::builder()
            .tls_backend_preconfigured(trust.config_for(&["h2", "http/1.1"]))
            .user_agent(user_agent)
            .no_proxy()
            .referer(false)
            .redirect(policy)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .build()
            .map_err(|error| {
                let hint = "the user agent must be plain text without line breaks";
                setup(cause::chain(&error), hint.to_owned())
            })?;
        Ok(Self { client, trust: Arc::new(trust) })
    }

    /// Fetches a file into a new file of a folder. Whatever stops it, dropping it included, nothing
    /// stays behind.
    pub async fn file(
        &self,
        address: &Address,
        folder: &Path,
        limits: Limits,
        progress: &mut Progress<'_>,
    ) -> Result<Fetched, Diagnostic> {
        let path = folder.join("fetched");
        let unwritable = |error: io::Error| {
            let message = format!("what is fetched cannot be written: {error}");
            let word = shell_word(folder);
            Diagnostic::error("LDR-FETCH-WRITE", message)
                .at(&path)
                .hint(format!("make space and the folder writable: df -h {word}; ls -ld {word}"))
        };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(opened.map_err(|error| unwritable(error.into()))?);
        let unfinished = Unfinished(&path);
        let mut hasher = Sha256::new();
        let size = self
            .stream(address, limits, progress, &mut |bytes| {
                hasher.update(bytes);
                // Pieces are small, and the folder is a local one.
                file.write_all(bytes).map_err(unwritable)
            })
            .await?;
        file.sync_all().map_err(unwritable)?;
        std::mem::forget(unfinished);
        Ok(Fetched { digest: Digest::finish(hasher), size, path })
    }

    /// Fetches something small into memory.
    pub async fn bytes(&self, address: &Address, limits: Limits) -> Result<Vec<u8>, Diagnostic> {
        let mut all = Vec::new();
        let mut take = |bytes: &[u8]| {
            all.extend_from_slice(bytes);
            Ok(())
        };
        self.stream(address, limits, &mut |_, _| (), &mut take).await?;
        Ok(all)
    }

    async fn stream(
        &self,
        address: &Address,
        limits: Limits,
        progress: &mut Progress<'_>,
        take: &mut (dyn FnMut(&[u8]) -> Result<(), Diagnostic> + Send),
    ) -> Result<u64, Diagnostic> {
        let streaming = async {
            let mut response = self.ask(address).await?;
            let announced = response.content_length();
            let too_large = || {
                let message = format!("{address} has more than {} bytes", limits.bytes);
                Diagnostic::error("LDR-FETCH-SIZE", message)
                    .hint("see whether the address is that of a package")
            };
            if announced.is_some_and(|size| size > limits.bytes) {
                return Err(too_large());
            }
            let mut size = 0;
            while let Some(piece) =
                response.chunk().await.map_err(|error| self.broken(address, &error))?
            {
                size += piece.len() as u64;
                if size > limits.bytes {
                    return Err(too_large());
                }
                take(&piece)?;
                progress(size, announced);
            }
            Ok(size)
        };
        tokio::time::timeout(limits.time, streaming).await.unwrap_or_else(|_| {
            let message = format!("{address} took longer than {} s", limits.time.as_secs());
            Err(Diagnostic::error("LDR-FETCH-TIMEOUT", message)
                .hint("try again, or fetch the file yourself and name it"))
        })
    }

    async fn ask(&self, address: &Address) -> Result<Response, Diagnostic> {
        let asked = self.client.get(address.url().clone()).send().await;
        let response = asked.map_err(|error| self.broken(address, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let hint = match status.as_u16() {
            401 | 403 => "the server wants to know who asks: https://USER:PASSWORD@HOST/…",
            404 | 410 => "look for a misspelling, and ask its publisher where it went",
            _ => "try again later, or fetch the file yourself and name it",
        };
        let message = format!("{address} answered {}", status.as_u16());
        Err(Diagnostic::error("LDR-FETCH-STATUS", message).hint(hint))
    }

    fn broken(&self, address: &Address, error: &reqwest::Error) -> Diagnostic {
        if let Some(Redirect(why)) = cause::find::<Redirect>(error) {
            let message = format!("{address} cannot be fetched: {why}");
            return Diagnostic::error("LDR-FETCH-REDIRECT", message)
                .hint("find out where the file is now, and name that address");
        }
        // The first link of the chain names the whole address; what follows says why.
        let why =
            std::error::Error::source(error).map_or("no cause is known".to_owned(), cause::chain);
        let code = match error.is_timeout() {
            true => "LDR-FETCH-TIMEOUT",
            false if error.is_connect() => "LDR-FETCH-UNREACHABLE",
            false => "LDR-FETCH-BROKEN",
        };
        let hint = match cause::find::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(_)) => self.trust.hint(),
            _ => "try again, or fetch the file yourself and name it",
        };
        Diagnostic::error(code, format!("{address} cannot be fetched: {why}")).hint(hint)
    }
}

/// Why a redirect is not followed.
#[derive(Debug)]
struct Redirect(&'static str);

impl fmt::Display for Redirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Redirect {}

/// A file that goes away unless it is kept.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}
