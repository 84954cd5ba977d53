//! A page's bytes, by the host's own HTTP, within bounds.

use loader_sdk::{Error, Host, Result, class, contract::web_fetch::code};
use url::Url;

/// Larger pages are not read.
const MOST_BYTES: usize = 8 << 20;

/// What came.
pub(crate) struct Download {
    pub(crate) status: u16,
    /// Where the page is instead: the host's HTTP follows redirects within an origin, and no others.
    pub(crate) location: Option<String>,
    pub(crate) kind: Kind,
    /// The encoding that the server names.
    pub(crate) charset: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What can be done with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page, which is taken apart.
    Html,
    /// Text, which is read as it is.
    Text,
}

impl Download {
    /// Fetches an address.
    pub(crate) async fn begin(host: &Host, url: &Url) -> Result<Self> {
        let request = host.http().get(url).header("accept", "text/html, text/*;q=0.9, */*;q=0.1");
        let response = request.header("accept-encoding", "identity").stream().await;
        let response = response.map_err(failed)?;
        let status = response.status;
        let location = response.header("location").filter(|_| (300..400).contains(&status));
        if let Some(location) = location.and_then(|location| url.join(location).ok()) {
            let location = Some(location.into());
            return Ok(Self {
                status,
                location,
                kind: Kind::Text,
                charset: None,
                body: Vec::new(),
            });
        }
        if let Some(coding) = response.header("content-encoding").filter(|it| *it != "identity") {
            let message = format!("the page comes as `{}`, unasked", coding.escape_debug());
            return Err(Error::unavailable(code::FETCH_FAILED, message));
        }
        let named = response.header("content-type").unwrap_or_default().to_owned();
        let (mut kind, charset) = media_type(&named);
        if named.is_empty() {
            kind = None;
        } else if kind.is_none() {
            return Err(not_text(&named));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.next().await.map_err(failed)? {
            if body.len() + piece.len() > MOST_BYTES {
                let message = format!("the page has more than {MOST_BYTES} bytes");
                return Err(Error::new(class::EXHAUSTED, code::TOO_LARGE, message));
            }
            body.extend(piece);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => guess(&body).ok_or_else(|| not_text("bytes without a media type"))?,
        };
        Ok(Self { status, location: None, kind, charset, body })
    }
}

/// What a media type means here, and the encoding in it.
pub(crate) fn media_type(named: &str) -> (Option<Kind>, Option<String>) {
    let mut parts = named.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_owned())
    });
    let kind = match essence.as_str() {
        "text/html" | "application/xhtml+xml" => Some(Kind::Html),
        "application/json" | "application/xml" | "application/javascript" => Some(Kind::Text),
        other if other.starts_with("text/") => Some(Kind::Text),
        other
            if other.ends_with("+json")
                || other.ends_with("+xml") && !other.starts_with("image/") =>
        {
            Some(Kind::Text)
        }
        _ => None,
    };
    (kind, charset)
}

/// What bytes are whose server does not say.
fn guess(body: &[u8]) -> Option<Kind> {
    match body.trim_ascii_start().first() {
        Some(b'<') => Some(Kind::Html),
        _ if body.contains(&0) => None,
        _ => Some(Kind::Text),
    }
}

fn not_text(what: &str) -> Error {
    let what: String = what.chars().take(100).collect();
    let message = format!("there is no text, but {}", what.escape_debug());
    Error::invalid(code::NOT_TEXT, message)
}

/// Why nothing came. That time was up, or nobody waits any more, is said as it is.
fn failed(error: Error) -> Error {
    match error.class() {
        class::UNAVAILABLE => Error::unavailable(code::FETCH_FAILED, error.message()),
        _ => error,
    }
}
