//! `web-fetch/1`: pages of the web, by whichever provider the operator prefers and can.

use crate::{Host, Result};
use loader_contract::web_fetch::{CONTRACT, FetchPage, Page, method};

/// Pages of the web; from [`Host::web_fetch`].
#[derive(Clone)]
pub struct WebFetch {
    host: Host,
}

impl WebFetch {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Fetches a page. The host decides which addresses may be fetched.
    pub async fn fetch(&self, request: &FetchPage) -> Result<Page> {
        self.host.call_json(&format!("{CONTRACT}/{}", method::FETCH), request).await
    }
}
