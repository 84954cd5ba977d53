//! Which addresses are of the internet, so that a page may be fetched from them.
//!
//! What is checked is what is written: a name is resolved later, by whoever connects, and may lead anywhere
//! then. Names that mean this machine or a local network by themselves are refused with the numbers.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Endings of names that belong to nobody on the internet, and so to the local network.
const LOCAL_NAMES: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Why an address is not fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether it is a whole address, of a kind that is not fetched.
    pub is_address: bool,
    /// The reason. The address itself may hold a secret: no more of it is quoted than its origin.
    pub message: String,
    /// What to do about it; empty when there is nothing to say.
    pub hint: &'static str,
}

/// Reads an address that may be fetched.
pub fn read(text: &str, allow_private: bool) -> Result<Url, Refusal> {
    let mut url = Url::parse(text).map_err(|error| Refusal {
        is_address: false,
        message: format!("that is no whole address: {error}"),
        hint: "write it as https://host/path",
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}:` is not fetched, only http: and https:", url.scheme());
        return Err(forbidden(message, ""));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "an address with a name and a password in it is not fetched".to_owned();
        return Err(forbidden(message, "leave out what stands before the `@`"));
    }
    if !allow_private && url.host().is_none_or(|host| is_private(&host)) {
        let origin = url.origin().ascii_serialization();
        let message = format!("{origin} is of this machine or of a private network");
        let hint =
            "to allow such addresses to everybody who may fetch: web_fetch.allow_private = true";
        return Err(forbidden(message, hint));
    }
    url.set_fragment(None);
    Ok(url)
}

fn forbidden(message: String, hint: &'static str) -> Refusal {
    Refusal { is_address: true, message, hint }
}

fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // A name without a dot is looked for in the local network first.
            !name.contains('.') || LOCAL_NAMES.iter().any(|ending| name.ends_with(ending))
        }
        Host::Ipv4(address) => is_private_v4(*address),
        Host::Ipv6(address) => is_private_v6(*address),
    }
}

/// Whether an address is not one of a host on the internet.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || first == 0
        // Behind a provider's own translation.
        || (first == 100 && (64..128).contains(&second))
        || (first, second, third) == (192, 0, 0)
        // Benchmarks.
        || (first == 198 && (18..20).contains(&second))
        // To many, and reserved.
        || first >= 224
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let within = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // An address of the fourth version, in one of the ways to write it in the sixth.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            within(high, low)
        }
        [0x2002, high, low, ..] => within(high, low),
        // Tunnels to wherever is written behind a cipher, and documentation.
        [0x2001, 0 | 0xdb8, ..] => true,
        // All that is routed on the internet begins with these three bits.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is refused, and as an address.
    fn refusal(text: &str) -> Option<bool> {
        read(text, false).err().map(|refusal| refusal.is_address)
    }

    #[test]
    fn addresses_of_the_internet_are_fetched() {
        for text in [
            "http://example.com",
            "https://example.com:8443/a?b#c",
            "https://1.1.1.1/",
            "http://[2606:4700::1111]/",
            "http://[64:ff9b::1.1.1.1]/",
            "https://localhost.example.com",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
        let url = read("https://Example.com/a#b", false).expect("an address");
        assert_eq!(url.as_str(), "https://example.com/a");
    }

    #[test]
    fn those_of_this_machine_and_of_private_networks_are_not_however_they_are_written() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer",
            "printer.local",
            "x.internal",
            "nas.home.arpa",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "0.0.0.0",
            "0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001:0:1::1]",
            "[100::1]",
        ] {
            let text = format!("http://{host}/");
            assert_eq!(refusal(&text), Some(true), "{text}");
            assert!(read(&text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_page_of_the_web_is_refused_whatever_is_allowed() {
        for (text, expected) in [
            ("", false),
            ("example.com", false),
            ("/path", false),
            ("http://", false),
            ("file:///etc/passwd", true),
            ("ftp://example.com/", true),
            ("data:text/plain,hello", true),
            ("https://me@example.com/", true),
            ("https://me:secret@example.com/", true),
        ] {
            let refusal = read(text, true).expect_err(text);
            assert_eq!(refusal.is_address, expected, "{text}");
            assert!(!refusal.message.contains("secret"), "{}", refusal.message);
        }
    }
}
