//! Pages of the web, by the first provider that can, from addresses that are allowed.
//!
//! Every address that a provider is sent to is checked before, and the one it says it comes from after. A
//! redirect to another origin is followed here, so that it is checked too.

mod provider;

use crate::{
    config,
    desk::Desk,
    providers::{self, Failures, Nobody},
};
use loader_abi::{class, operation};
use loader_contract::web_fetch::{CONTRACT, FetchPage, Page, code, method};
use loader_core::{
    CallOptions, Engine, address,
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use provider::Provider;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// How many redirects to other origins are followed.
const MOST_REDIRECTS: usize = 5;

/// When every provider failed.
const NOBODY: Nobody = Nobody {
    code: "LDR-WEBFETCH-ALL",
    message: "no provider fetches the page",
    hint: "see who there is: loader plugins list",
    is_of_the_request,
};

/// Has pages fetched. What the operator, a program and a plugin ask for goes this way.
#[derive(Clone)]
pub(crate) struct WebFetch {
    desk: Arc<Desk>,
}

impl WebFetch {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Asks one provider after another, until one comes back with the page; only the one that is named, if
    /// one is.
    async fn fetch(
        &self,
        named: Option<&str>,
        options: CallOptions,
        mut request: FetchPage,
    ) -> Result<Page, Failure> {
        let wanted = &self.desk.config().web_fetch;
        request.url = allowed(&request.url, wanted.allow_private)?;
        request.max_bytes = match request.max_bytes {
            0 => wanted.max_bytes,
            few => few.min(wanted.max_bytes),
        };
        let engine = self.desk.engine()?;
        let mut failures = Failures::default();
        for provider in candidates(&engine, wanted, named)? {
            if options.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Failure::deadline());
            }
            let patience = request.timeout_ms.unwrap_or(u64::MAX).min(wanted.timeout_ms);
            let patience = Duration::from_millis(patience);
            match follow(&engine, &provider, within(&options, patience), &request, wanted).await {
                Err(Ended::Refused(failure)) => return Err(failure),
                Err(Ended::Failed(failure)) => {
                    let Provider { id, plugin } = &provider;
                    let code = &failure.code;
                    // That this one does not read such pages is no trouble of anybody's.
                    match is_of_the_request(&failure) {
                        true => debug!(provider = id, plugin, code, "not by this one"),
                        false => warn!(
                            provider = id,
                            plugin, code, "this one does not fetch it: {}", failure.message
                        ),
                    }
                    failures.push(id, plugin, failure);
                }
                Ok(page) => return Ok(page),
            }
        }
        Err(failures.together(&NOBODY))
    }
}

/// Why there is no page of a provider.
enum Ended {
    /// The page may not be fetched, whoever is asked.
    Refused(Failure),
    /// It is this provider that has none.
    Failed(Failure),
}

/// Has a provider fetch a page, from one origin to the next.
async fn follow(
    engine: &Engine,
    provider: &Provider,
    options: CallOptions,
    request: &FetchPage,
    wanted: &config::WebFetch,
) -> Result<Page, Ended> {
    let mut request = request.clone();
    for _ in 0..=MOST_REDIRECTS {
        let page = provider.ask(engine, options.clone(), &request).await.map_err(Ended::Failed)?;
        allowed(&page.url, wanted.allow_private).map_err(Ended::Refused)?;
        if page.location.is_empty() {
            return Ok(Page { provider: provider.id.clone(), ..page });
        }
        request.url = allowed(&page.location, wanted.allow_private).map_err(Ended::Refused)?;
    }
    let message = format!("the page leads to another origin more than {MOST_REDIRECTS} times");
    Err(Ended::Refused(Failure::new(class::UNAVAILABLE, code::FETCH_FAILED, message)))
}

/// The address, if it may be fetched.
fn allowed(text: &str, allow_private: bool) -> Result<String, Failure> {
    let refused = |address::Refusal { is_address, message, hint }| {
        let (class, code) = match is_address {
            true => (class::FORBIDDEN, code::URL_FORBIDDEN),
            false => (class::INVALID, code::URL_INVALID),
        };
        Failure::new(class, code, message).hint(hint)
    };
    address::read(text, allow_private).map(String::from).map_err(refused)
}

/// Who can be asked, in order.
fn candidates(
    engine: &Engine,
    wanted: &config::WebFetch,
    named: Option<&str>,
) -> Result<Vec<Provider>, Failure> {
    if let Some(named) = named {
        // Says that there is no such provider.
        engine.target(CONTRACT, Some(named), method::FETCH)?;
        let only = providers::in_order(&engine.snapshot(), CONTRACT, &[named.to_owned()], true);
        return Ok(only.iter().map(Provider::from).collect());
    }
    let order = providers::in_order(&engine.snapshot(), CONTRACT, &wanted.providers, wanted.only);
    if order.is_empty() {
        // There is none at all, or none that the operator wants.
        engine.target(CONTRACT, None, method::FETCH)?;
        let message = "no plugin provides what `web_fetch.providers` names";
        return Err(Failure::new(class::NOT_FOUND, "LDR-WEBFETCH-NONE", message)
            .hint("correct `web_fetch.providers`, or set web_fetch.only = false"));
    }
    Ok(order.iter().map(Provider::from).collect())
}

/// The same options with a deadline that is no later than this.
fn within(options: &CallOptions, patience: Duration) -> CallOptions {
    let latest = Instant::now().checked_add(patience);
    let deadline = options.deadline.into_iter().chain(latest).min();
    CallOptions { deadline, idempotent: true, ..options.clone() }
}

/// Whether it is the page that this provider, which is well otherwise, does not read.
fn is_of_the_request(failure: &Failure) -> bool {
    matches!(failure.class, class::INVALID | class::FORBIDDEN) || failure.code == code::TOO_LARGE
}

impl Service for WebFetch {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        if request.method != method::FETCH {
            return Answer::unimplemented(CONTRACT, &request.method);
        }
        let web = self.clone();
        Answer::later(async move {
            let asked: FetchPage = from_json(&request.body)?;
            let named = request.metadata.get_text(operation::CAPABILITY_KEY);
            Reply::json(&web.fetch(named, request.options, asked).await?)
        })
    }

    /// Nobody gets round the check of addresses by naming a provider.
    fn answers_for_named(&self, method: &str) -> bool {
        method == method::FETCH
    }
}
