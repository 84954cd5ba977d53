//! `web-fetch/1`: see [`loader_contract::web_fetch`].

use crate::{Call, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::web_fetch::CONTRACT;
use loader_contract::web_fetch::{FetchPage, Page, method};
use std::future::Future;

/// A plugin that fetches pages of the web.
///
/// ```no_run
#[doc = include_str!("../../examples/web_fetch.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/web_fetch.toml")]
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
