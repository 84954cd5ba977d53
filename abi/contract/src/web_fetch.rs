//! `web-fetch/1`: a page of the web is fetched, and what there is to read on it given.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `fetch` | call | [`FetchPage`] | [`Page`] |
//!
//! A page that came is an answer, whatever its status. What is longer than [`FetchPage::max_bytes`] is
//! cut off between two characters, and [`Page::truncated`] says so. There are no control characters in
//! it but tabs and line breaks: [`MAX_CONTENT_BYTES`] fit into a call however they are written.
//!
//! A provider that fetches from this machine leaves the origin it was asked for (scheme, host and port)
//! only as far as it is told to: a redirect to another one is answered as [`Page::location`], with the
//! status and no content.
//!
//! The host serves the same contract. It decides which addresses may be fetched, checks each that a
//! provider is sent to and comes back with, and follows [`Page::location`]. It tries the providers in
//! the order of `web_fetch.providers`, and goes on with the next when one fails. A request that names a
//! capability goes to that provider alone, and nobody checks the address but the provider.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "web-fetch/1";

/// Methods.
pub mod method {
    /// Fetches a page.
    pub const FETCH: &str = "fetch";
}

/// Error codes of this contract.
pub mod code {
    /// That is no whole address. Class invalid.
    pub const URL_INVALID: &str = "url_invalid";
    /// The address is of a kind that is not fetched: another scheme than `http` and `https`, with a name
    /// and a password in it, or of a private network. Class forbidden.
    pub const URL_FORBIDDEN: &str = "url_forbidden";
    /// No page came. Class unavailable.
    pub const FETCH_FAILED: &str = "fetch_failed";
    /// The page is larger, or more entangled, than the provider reads. Class exhausted.
    pub const TOO_LARGE: &str = "too_large";
    /// What is there is no text: an image, an archive. Class invalid.
    pub const NOT_TEXT: &str = "not_text";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-FETCH",
    methods: &[
        Method::call(method::FETCH, "Fetches a page, as text that can be read.").idempotent()
    ],
    attributes: &[Attribute::new("label", Form::Text, "The provider's name for people.")],
    ..Contract::new(CONTRACT, Class::Capability, "Fetches pages of the web.")
};

/// The most bytes of a page's content.
pub const MAX_CONTENT_BYTES: u64 = 256 * 1024;

contract_types! {
    /// The request of `fetch`.
    #[derive(Default)]
    pub struct FetchPage {
        /// The page's whole address.
        pub url: String,
        /// How its content is to be written.
        #[serde(default)]
        pub format: PageFormat,
        /// The most bytes of content, at most 262,144; 0 for as many as there may be.
        #[serde(default)]
        pub max_bytes: u64,
        /// How long it may take, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timeout_ms: Option<u64>,
    }

    /// How content is written.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum PageFormat {
        /// Plain text: `text/plain`.
        #[default]
        Text,
        /// Text with headings, lists and links: `text/markdown`.
        Markdown,
        /// The part of the page that is to be read, as it was written: `text/html`. Nothing makes it safe
        /// to show in a browser.
        Html,
    }

    /// The answer to `fetch`.
    #[derive(Default)]
    pub struct Page {
        /// Where it was found, after redirects as far as the provider knows of them.
        pub url: String,
        /// The status of HTTP.
        pub status: u16,
        /// Its title.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub title: String,
        /// What there is to read.
        #[serde(default)]
        pub content: String,
        /// The media type of `content`, without parameters. A text that is no page of HTML is `text/plain`
        /// whatever was asked for.
        pub content_type: String,
        /// Whether there was more to read.
        #[serde(default)]
        pub truncated: bool,
        /// Where the page is instead: a whole address of another origin. The host follows it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub location: String,
        /// The provider that fetched it; the host fills it in.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub provider: String,
    }
}

impl PageFormat {
    /// The media type of content in this format.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Html => "text/html",
        }
    }
}
