//! Pages of the web, by the first provider that can, from addresses that are allowed.
//!
//! Every address that a provider is sent to is checked before, and the one it says it comes from after. A
//! redirect to another origin is followed here, so that it is checked too.

mod address;
mod provider;

use crate::desk::Desk;
use loader_abi::class;
use loader_contract::web_fetch::{CONTRACT, FetchPage, Page, code, method};
use loader_core::{
    CallOptions, Engine,
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

/// How many reasons are told when every provider failed, and how much of each.
const MOST_REASONS: usize = 8;
const MOST_OF_A_REASON: usize = 200;

/// Has pages fetched. What the operator, a program and a plugin ask for goes this way.
#[derive(Clone)]
pub(crate) struct WebFetch {
    desk: Arc<Desk>,
}

impl WebFetch {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Asks one provider after another, until one comes back with the page.
    async fn fetch(&self, options: CallOptions, mut request: FetchPage) -> Result<Page, Failure> {
        let wanted = &self.desk.config().web_fetch;
        let url = address::read(&request.url, wanted.allow_private)?;
        request.url = url.into();
        request.max_bytes = match request.max_bytes {
            0 => wanted.max_bytes,
            few => few.min(wanted.max_bytes),
        };
        let engine = self.desk.engine()?;
        let mut failures = Vec::new();
        for provider in providers(&engine, wanted)? {
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
                    failures.push(provider.named(failure));
                }
                Ok(page) => return Ok(page),
            }
        }
        Err(nobody(failures))
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
    wanted: &crate::config::WebFetch,
) -> Result<Page, Ended> {
    let mut request = request.clone();
    for _ in 0..=MOST_REDIRECTS {
        let page = provider.ask(engine, options.clone(), &request).await.map_err(Ended::Failed)?;
        address::read(&page.url, wanted.allow_private).map_err(Ended::Refused)?;
        if page.location.is_empty() {
            return Ok(Page { provider: provider.id.clone(), ..page });
        }
        let next = address::read(&page.location, wanted.allow_private).map_err(Ended::Refused)?;
        request.url = next.into();
    }
    let message = format!("the page leads to another origin more than {MOST_REDIRECTS} times");
    Err(Ended::Refused(Failure::new(class::UNAVAILABLE, code::FETCH_FAILED, message)))
}

/// The providers that the operator names, in that order, and then, unless only these are wanted, the others
/// in the registry's order.
fn providers(engine: &Engine, wanted: &crate::config::WebFetch) -> Result<Vec<Provider>, Failure> {
    let snapshot = engine.snapshot();
    let mut order: Vec<Provider> = Vec::new();
    for name in &wanted.providers {
        match snapshot.capability(CONTRACT, name) {
            Some(named) if order.iter().all(|one| one.id != named.id) => order.push(named.into()),
            Some(_) => {}
            None => {
                let code = "LDR-WEBFETCH-UNKNOWN";
                warn!(provider = name, code, "no plugin provides what `web_fetch.providers` names");
            }
        }
    }
    for other in snapshot.capabilities(CONTRACT).filter(|_| !wanted.only) {
        if order.iter().all(|one| one.id != other.id) {
            order.push(other.into());
        }
    }
    if order.is_empty() {
        // There is none at all, or none that the operator wants.
        engine.target(CONTRACT, None, method::FETCH)?;
        let message = "no plugin provides what `web_fetch.providers` names";
        return Err(Failure::new(class::NOT_FOUND, "LDR-WEBFETCH-NONE", message)
            .hint("correct `web_fetch.providers`, or set web_fetch.only = false"));
    }
    Ok(order)
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

/// Why there is no page. Where it is the page, or there was only one to ask, the last one's own words.
fn nobody(mut failures: Vec<Failure>) -> Failure {
    if failures.iter().all(is_of_the_request) || failures.len() == 1 {
        return failures.pop().unwrap_or_else(Failure::deadline);
    }
    let reason = |failure: &Failure| {
        let message: String = failure.message.chars().take(MOST_OF_A_REASON).collect();
        format!("{message} ({})", failure.code)
    };
    let mut reasons: Vec<String> = failures.iter().take(MOST_REASONS).map(reason).collect();
    if failures.len() > MOST_REASONS {
        reasons.push(format!("and {} more", failures.len() - MOST_REASONS));
    }
    let hint = failures.into_iter().map(|failure| failure.hint).find(|it| !it.is_empty());
    let message = format!("no provider fetches the page: {}", reasons.join("; "));
    Failure::new(class::UNAVAILABLE, "LDR-WEBFETCH-ALL", message)
        .hint(hint.unwrap_or_else(|| "see who there is: loader plugins list".to_owned()))
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
            Reply::json(&web.fetch(request.options, asked).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(class: u32, code: &str) -> Failure {
        Failure::new(class, code, "x".repeat(1000)).hint(format!("mend {code}"))
    }

    #[test]
    fn why_there_is_no_page_is_told_by_all_and_stays_short() {
        let image = || failed(class::INVALID, code::NOT_TEXT);
        assert_eq!(nobody(vec![failed(class::INVALID, "a"), image()]).code, code::NOT_TEXT);
        assert_eq!(nobody(vec![failed(class::PANIC, "a")]).code, "a");
        let all = nobody(vec![image(), failed(class::PANIC, "a")]);
        assert_eq!((&*all.code, &*all.hint), ("LDR-WEBFETCH-ALL", "mend not_text"));
        let many = nobody((0..100).map(|at| failed(class::INTERNAL, &at.to_string())).collect());
        assert!(many.message.ends_with("; and 92 more"), "{}", many.message);
        assert!(many.message.len() < 3000);
    }
}
