//! The address the gateway listens on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::finding::Finding;

/// Listens on the address.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Finding> {
    TcpListener::bind(address).await.map_err(|error| failed(address, &error))
}

/// The address cannot be listened on.
pub(in crate::commands) fn failed(address: SocketAddr, error: &io::Error) -> Finding {
    let port = address.port();
    let hint = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "see who listens there with `ss -ltnp 'sport = :{port}'`, or take any free port with \
             `loader run --listen {}`",
            SocketAddr::new(address.ip(), 0)
        ),
        ErrorKind::AddrNotAvailable => {
            "no network interface has this address; see which there are with `ip address`"
                .to_owned()
        }
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need privileges; take another, such as `loader run --listen {}`",
            SocketAddr::new(address.ip(), 7280)
        ),
        _ => "name another address with `loader run --listen ADDR:PORT`".to_owned(),
    };
    Finding::error("LDR-RUN-LISTEN", format!("cannot listen on {address}: {error}")).hint(hint)
}

/// What there is to say about an address that other machines can reach.
pub(super) fn exposure(address: SocketAddr) -> Vec<Finding> {
    if address.ip().is_loopback() {
        return Vec::new();
    }
    let message =
        format!("{address} can be reached from other machines, and HTTP is not encrypted");
    let hint = "let a reverse proxy with TLS listen there, and loader on 127.0.0.1";
    vec![Finding::warning("LDR-RUN-EXPOSED", message).hint(hint)]
}

/// Where a program on this machine reaches the address.
pub(super) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("it is an address")
    }

    #[test]
    fn the_url_can_be_used_on_this_machine() {
        for (listening, expected) in [
            ("127.0.0.1:7280", "http://127.0.0.1:7280"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:7280", "http://[::1]:7280"),
            ("192.0.2.1:7280", "http://192.0.2.1:7280"),
        ] {
            assert_eq!(url(address(listening)), expected);
        }
    }

    #[test]
    fn only_an_address_beyond_this_machine_is_exposed() {
        assert!(exposure(address("127.0.0.1:1")).is_empty());
        assert!(exposure(address("[::1]:1")).is_empty());
        assert_eq!(exposure(address("0.0.0.0:1"))[0].code, "LDR-RUN-EXPOSED");
    }

    #[test]
    fn a_failure_says_what_to_do_about_it() {
        let hint = |kind: ErrorKind| failed(address("127.0.0.1:80"), &kind.into()).hint;
        let hint = |kind| hint(kind).expect("it has a hint");
        assert!(hint(ErrorKind::AddrInUse).ends_with("`loader run --listen 127.0.0.1:0`"));
        assert!(
            hint(ErrorKind::PermissionDenied).ends_with("`loader run --listen 127.0.0.1:7280`")
        );
        assert!(hint(ErrorKind::AddrNotAvailable).contains("ip address"));
    }
}
