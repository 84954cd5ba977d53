//! Fetches pages of the web by the host's own HTTP, and takes out of them what there is to read.
//!
//! This file is the plugin: what is asked and what is answered. `download` gets a page's bytes, `charset`
//! makes text of them, `tree` takes it apart, `article` finds in it what is to be read. No script of a page is ever run.

mod article;
mod charset;
mod download;
#[cfg(test)]
mod tests;
mod tree;

use article::Article;
use download::{Download, Kind};
use loader_sdk::{
    OwnRuntime, class,
    contract::web_fetch::{MAX_CONTENT_BYTES, code},
    prelude::*,
};
use std::time::Duration;
use url::Url;

/// How many pages are taken apart at once; more wait.
const THREADS: usize = 2;

struct Readable {
    host: Host,
    runtime: OwnRuntime,
}

impl Plugin for Readable {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host, runtime: OwnRuntime::new(THREADS)? })
    }
}

impl WebFetch for Readable {
    async fn fetch(&self, _: Call, request: FetchPage) -> Result<Page> {
        let url = address(&request.url)?;
        let download = match request.timeout_ms {
            None => Download::begin(&self.host, &url).await?,
            Some(timeout) => {
                let download = Download::begin(&self.host, &url);
                let begun = self.host.timeout(Duration::from_millis(timeout), download).await;
                begun.ok_or_else(|| {
                    let message = format!("the page did not come within {timeout} ms");
                    Error::new(class::DEADLINE, code::FETCH_FAILED, message)
                })??
            }
        };
        let page = Page { url: url.to_string(), status: download.status, ..Page::default() };
        if let Some(location) = download.location {
            let content_type = request.format.media_type().to_owned();
            return Ok(Page { location, content_type, ..page });
        }
        let format = request.format;
        // Taking a page apart takes a while, and the plugin's own thread has other calls to answer.
        let article = self.runtime.run(async move {
            let text = charset::decode(&download.body, download.charset.as_deref());
            match download.kind {
                Kind::Html => Article::of(&text, &url, format),
                Kind::Text => {
                    Ok(Article { title: String::new(), content: text, format: PageFormat::Text })
                }
            }
        });
        let Article { title, content, format } = article.await??;
        let most = match request.max_bytes {
            0 => MAX_CONTENT_BYTES,
            few => few.min(MAX_CONTENT_BYTES),
        };
        let (content, truncated) = cut(&content, usize::try_from(most)?);
        Ok(Page {
            title: cut(&title, MOST_OF_A_TITLE).0,
            content,
            content_type: format.media_type().to_owned(),
            truncated,
            ..page
        })
    }
}

/// Longer titles are cut off.
const MOST_OF_A_TITLE: usize = 1000;

/// Reads an address. What may be fetched is decided by the host before; here stands what nobody fetches.
fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| {
        Error::invalid(code::URL_INVALID, format!("that is no whole address: {error}"))
            .hint("write it as https://host/path")
    })?;
    let why = match url.scheme() {
        "http" | "https" if url.username().is_empty() && url.password().is_none() => {
            return Ok(url);
        }
        "http" | "https" => "an address with a name and a password in it is not fetched".to_owned(),
        scheme => format!("`{scheme}:` is not fetched, only http: and https:"),
    };
    Err(Error::new(class::FORBIDDEN, code::URL_FORBIDDEN, why))
}

/// A text without control characters, and at most so long; whether there was more.
fn cut(text: &str, most: usize) -> (String, bool) {
    let mut kept = String::with_capacity(text.len().min(most));
    let is_shown = |letter: &char| matches!(letter, '\n' | '\t') || !letter.is_control();
    for letter in text.trim().chars().filter(is_shown) {
        if kept.len() + letter.len_utf8() > most {
            return (kept, true);
        }
        kept.push(letter);
    }
    (kept, false)
}

export_plugin! {
    plugin: Readable,
    id: "readable",
    provides: [web_fetch: "readable"],
}
