//! One provider that is asked for a page, and whether what it answers can be one.

use loader_abi::class;
use loader_contract::web_fetch::{CONTRACT, FetchPage, Page, method};
use loader_core::{
    CallOptions, Capability, Engine, address,
    message::{Failure, Metadata, Reply},
};
use std::sync::Arc;

/// One that can be asked.
pub(super) struct Provider {
    /// Its capability id.
    pub(super) id: String,
    /// The plugin.
    pub(super) plugin: String,
}

impl From<&Arc<Capability>> for Provider {
    fn from(capability: &Arc<Capability>) -> Self {
        Self { id: capability.id.clone(), plugin: capability.plugin.clone() }
    }
}

impl Provider {
    /// Asks for the page at one address.
    pub(super) async fn ask(
        &self,
        engine: &Engine,
        options: CallOptions,
        request: &FetchPage,
    ) -> Result<Page, Failure> {
        let target = engine.target(CONTRACT, Some(&self.id), method::FETCH)?;
        let body = Reply::json(request)?.body;
        let read = |reply: Reply| self.read(request, &reply);
        target.call_and_read(options, Metadata::new(), body, read).await
    }

    /// Reads an answer; one that breaks the contract is an error.
    fn read(&self, request: &FetchPage, reply: &Reply) -> Result<Page, Failure> {
        let page: Page = serde_json::from_slice(&reply.body)
            .map_err(|error| self.broken(format!("it sent what makes no sense: {error}")))?;
        let (length, most) = (page.content.len() as u64, request.max_bytes);
        let wanted = request.format.media_type();
        if length > most {
            return Err(self.broken(format!("it sent {length} bytes of content, not {most}")));
        }
        if page.content_type != wanted && page.content_type != "text/plain" {
            let sent = page.content_type.escape_debug();
            return Err(self.broken(format!("it sent `{sent}`, not `{wanted}`")));
        }
        for (field, text) in [("url", &page.url), ("location", &page.location)] {
            let may_lack = field == "location" && text.is_empty();
            let read = address::read(text, true);
            if !may_lack && read.is_err_and(|refusal| !refusal.is_address) {
                return Err(self.broken(format!("its `{field}` is no whole address")));
            }
        }
        if !(100..1000).contains(&page.status) {
            return Err(self.broken(format!("{} is no status of HTTP", page.status)));
        }
        if !page.location.is_empty() && !(300..400).contains(&page.status) {
            let status = page.status;
            return Err(self.broken(format!("it sends on with the status {status}")));
        }
        Ok(page)
    }

    fn broken(&self, message: String) -> Failure {
        Failure::new(class::INTERNAL, "LDR-WEBFETCH-BROKEN", message)
            .hint(format!("update the plugin: loader plugins update {}", self.plugin))
    }
}
