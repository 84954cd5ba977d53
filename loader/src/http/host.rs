//! Which names the gateway answers to.
//!
//! A page on the web can point a name of its own at the loopback address, and the browser then
//! takes the gateway for that page's own server. The browser still sends the page's name as the
//! host, which is why requests for unknown names are refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::request::Parts;
use loader_abi::class;
use loader_core::diagnostic::Diagnostic;
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;

/// A host with an optional port, as in the `Host` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    host: Host<'a>,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// The names the gateway answers to.
pub(super) struct Hosts {
    bound: IpAddr,
    named: Vec<String>,
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one.eq_ignore_ascii_case(other),
            (Self::Address(one), Self::Address(other)) => one == other,
            (Self::Name(_), Self::Address(_)) | (Self::Address(_), Self::Name(_)) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl<'a> Authority<'a> {
    /// Reads `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Host::Address(IpAddr::V6(address.parse().ok()?)), port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                (Host::parse_name(&text[..end])?, &text[end..])
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self { host, port })
    }

    /// Whether both mean the same, where no port means this one.
    pub(super) fn equals(&self, other: &Self, default_port: u16) -> bool {
        self.host == other.host
            && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }

    /// Whether it is one of the names a machine has for itself.
    fn is_loopback(&self) -> bool {
        match self.host {
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Address(address) => {
                address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
            }
        }
    }
}

impl<'a> Host<'a> {
    fn parse_name(text: &'a str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if text.is_empty() || !text.bytes().all(allowed) {
            return None;
        }
        let address = text.starts_with(|first: char| first.is_ascii_digit());
        let address = address.then(|| text.parse::<Ipv4Addr>().ok()).flatten();
        Some(address.map_or(Self::Name(text), |address| Self::Address(address.into())))
    }
}

impl Hosts {
    /// The loopback names, the address the gateway is bound to, and the names from the
    /// configuration.
    pub(super) fn new(bound: IpAddr, named: &[String]) -> Result<Self, Diagnostic> {
        match named.iter().find(|name| Authority::parse(name).is_none()) {
            None => Ok(Self { bound, named: named.to_vec() }),
            Some(name) => Err(Diagnostic::error(
                "LDR-HTTP-ALLOWED-HOST",
                format!("`{}` in gateway.allowed_hosts is no host name", name.escape_debug()),
            )
            .hint("write a name, or a name and a port: `gateway.example` or `[2001:db8::1]:7280`")),
        }
    }

    /// The host a request names, if the gateway answers to it.
    pub(super) fn check<'a>(&self, parts: &'a Parts) -> Result<Authority<'a>, Complaint> {
        let mut headers = parts.headers.get_all(HOST).iter();
        let (Some(header), None) = (headers.next(), headers.next()) else {
            return Err(malformed("a request needs exactly one `Host` header"));
        };
        let host = self.admit(header.to_str().unwrap_or_default())?;
        // A request to a proxy carries a whole URI, which says where it is meant to go.
        match parts.uri.authority() {
            None => Ok(host),
            Some(target) => self.admit(target.as_str()),
        }
    }

    fn admit<'a>(&self, text: &'a str) -> Result<Authority<'a>, Complaint> {
        let Some(host) = Authority::parse(text) else {
            return Err(malformed("the `Host` header is no host name"));
        };
        let bound = !self.bound.is_unspecified() && host.host == Host::Address(self.bound);
        if host.is_loopback() || bound || self.names(&host) { Ok(host) } else { Err(foreign(text)) }
    }

    /// Whether the configuration names this host. A name without a port means every port.
    pub(super) fn names(&self, host: &Authority<'_>) -> bool {
        self.named.iter().filter_map(|name| Authority::parse(name)).any(|named| {
            named.host == host.host && (named.port.is_none() || named.port == host.port)
        })
    }
}

fn malformed(message: &str) -> Complaint {
    let failure = Failure::new(class::INVALID, "LDR-HTTP-HOST", message);
    Complaint::new(400, "invalid_host", failure)
}

fn foreign(host: &str) -> Complaint {
    let message = format!("this gateway does not answer to `{host}`");
    let hint = format!("add it to the configuration: gateway.allowed_hosts = [\"{host}\"]");
    let failure = Failure::new(class::FORBIDDEN, "LDR-HTTP-HOST", message).hint(hint);
    Complaint::new(421, "unknown_host", failure)
}
