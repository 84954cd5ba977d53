//! `web-fetch/1`: see [`loader_contract::web_fetch`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::web_fetch::CONTRACT;
use loader_contract::web_fetch::{FetchPage, Page, method};
use std::future::Future;

/// A plugin that fetches pages of the web.
///
/// ```no_run
/// # use loader_sdk::{contract::web_fetch::code, prelude::*};
/// # struct Archive;
/// # impl Plugin for Archive {
/// #     type Config = NoConfig;
/// #     async fn start(_: Host, _: NoConfig) -> Result<Self> {
/// #         Ok(Self)
/// #     }
/// # }
/// impl WebFetch for Archive {
///     async fn fetch(&self, _: Call, request: FetchPage) -> Result<Page> {
///         if !request.url.starts_with("https://") {
///             return Err(Error::invalid(code::URL_INVALID, "only https: is archived"));
///         }
///         let content = "It was a fine day.".to_owned();
///         let content_type = PageFormat::Text.media_type().to_owned();
///         Ok(Page { url: request.url, status: 200, content, content_type, ..Page::default() })
///     }
/// }
///
/// export_plugin! {
///     plugin: Archive,
///     id: "archive",
///     provides: [web_fetch: "archive"],
/// }
/// # fn main() {}
/// ```
pub trait WebFetch: Plugin {
    /// Fetches a page. The address may be any text: the host checks those that go through it, and others
    /// ask a capability by its name.
    fn fetch(&self, call: Call, request: FetchPage) -> impl Future<Output = Result<Page>> + Send;
}

impl<P: WebFetch> Registration<P> {
    /// Provides `web-fetch/1` under this id.
    #[must_use]
    pub fn web_fetch(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::FETCH => Some(invocation.answer_json(move |call, request| async move {
                    plugin.fetch(call, request).await
                })),
                _ => None,
            },
            open: |_, _, _, _| None,
        })
    }
}
