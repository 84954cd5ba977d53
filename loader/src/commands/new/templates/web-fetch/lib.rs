//! Fetches pages by the host's own HTTP, and takes the tags out of them.

use loader_sdk::{
    class,
    contract::web_fetch::{MAX_CONTENT_BYTES, code},
    prelude::*,
};

#[cfg(test)]
mod tests;

struct Plain {
    host: Host,
}

impl Plugin for Plain {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl WebFetch for Plain {
    async fn fetch(&self, _: Call, request: FetchPage) -> Result<Page> {
        check(&request.url)?;
        let answer = self.host.http().get(&request.url).send().await;
        let answer = answer.map_err(|error| match error.class() {
            class::UNAVAILABLE => Error::unavailable(code::FETCH_FAILED, error.message()),
            _ => error,
        })?;
        let (html, status) = (String::from_utf8_lossy(&answer.body), answer.status);
        // The host follows redirects within an origin; one that leads out of it is its to judge.
        let location = answer.header("location").filter(|_| (300..400).contains(&status));
        let (content, format) = match answer.header("content-type").unwrap_or("text/html") {
            _ if location.is_some() => (String::new(), request.format),
            kind if !kind.starts_with("text/") => {
                let message = format!("there is no text, but {kind}");
                return Err(Error::invalid(code::NOT_TEXT, message));
            }
            kind if !kind.starts_with("text/html") => (html.clone().into_owned(), PageFormat::Text),
            _ if request.format == PageFormat::Html => {
                (html.clone().into_owned(), PageFormat::Html)
            }
            _ => (text(&html), request.format),
        };
        let (content, truncated) = cut(&content, request.max_bytes);
        Ok(Page {
            url: request.url,
            status,
            title: title(&html).unwrap_or_default(),
            content,
            content_type: format.media_type().to_owned(),
            truncated,
            location: location.unwrap_or_default().to_owned(),
            ..Page::default()
        })
    }
}

/// Others than the host may ask, who check nothing.
fn check(url: &str) -> Result<()> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| Error::invalid(code::URL_INVALID, "that is no whole address"))?;
    let has_password = rest.split('/').next().is_some_and(|server| server.contains('@'));
    if ["http", "https"].contains(&scheme) && !has_password {
        return Ok(());
    }
    let message = "only http: and https: are fetched, without a name and a password";
    Err(Error::new(class::FORBIDDEN, code::URL_FORBIDDEN, message))
}

fn title(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<title>")?;
    Some(text(rest.split_once("</title>")?.0))
}

/// What stands outside of tags. A real provider takes a page apart by the rules of HTML.
fn text(html: &str) -> String {
    let pieces = html.split('<').enumerate().map(|(number, piece)| match piece.split_once('>') {
        Some((_, text)) if number > 0 => text,
        _ if number > 0 => "",
        _ => piece,
    });
    pieces.map(str::trim).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("\n")
}

/// At most so many bytes, without control characters; whether there was more.
fn cut(text: &str, most: u64) -> (String, bool) {
    let most = if most == 0 { MAX_CONTENT_BYTES } else { most.min(MAX_CONTENT_BYTES) };
    let mut kept = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control() || "\n\t".contains(*letter)) {
        if (kept.len() + letter.len_utf8()) as u64 > most {
            return (kept, true);
        }
        kept.push(letter);
    }
    (kept, false)
}

export_plugin! {
    plugin: Plain,
    id: "{{name}}",
    provides: [web_fetch: "{{name}}"],
}
