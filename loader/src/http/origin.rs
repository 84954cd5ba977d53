//! Keeps pages of other origins out.
//!
//! A browser sends requests for any page that asks it to, but says on whose behalf: in `Origin`,
//! and newer ones in `Sec-Fetch-Site`. A page of another port on the same machine is another
//! origin, too. There are no CORS headers, so even what is answered could not be read.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;

use super::host::{Authority, Hosts};

/// Refuses a request that a page of another origin caused. The request is for this host.
pub(super) fn check(
    headers: &HeaderMap,
    host: &Authority<'_>,
    hosts: &Hosts,
) -> Result<(), Complaint> {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(refused("the browser says that a page of another site caused this request"));
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if is_ours(origin.to_str().unwrap_or_default(), host, hosts) => Ok(()),
        _ => Err(refused("a page of another origin caused this request")),
    }
}

/// Whether a page of this origin came from the gateway itself: from the host of this request, or
/// from a name the operator gave the gateway, under which a proxy may serve it.
fn is_ours(origin: &str, host: &Authority<'_>, hosts: &Hosts) -> bool {
    let (rest, default_port) =
        match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
            (Some(rest), _) => (rest, 80),
            (None, Some(rest)) => (rest, 443),
            (None, None) => return false,
        };
    Authority::parse(rest)
        .is_some_and(|origin| origin.equals(host, default_port) || hosts.names(&origin))
}

fn refused(message: &str) -> Complaint {
    let failure = Failure::new(class::FORBIDDEN, "LDR-HTTP-ORIGIN", message)
        .hint("call the gateway from a program, or from a page the gateway itself serves");
    Complaint::new(403, "foreign_origin", failure)
}
