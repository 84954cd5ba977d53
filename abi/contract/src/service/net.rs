//! `net/1`: byte streams over TCP and TLS that the *host* owns and lends by name.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `connect` | open | [`Connect`] | head [`Connected`], then data messages both ways |
//! | `close` | call | [`Close`] | none |
//!
//! A name belongs to one plugin and has one holder at a time. When the holder's stream goes away
//! without `close`, the connection stays open for [`Connect::keep_ms`] and whoever connects by the
//! same name and address takes it over, unread bytes included ([`Connected::adopted`]).
//!
//! It is the receiving half that holds a connection. To drop it alone is to let go of the whole: what
//! was sent before is still written, then the connection closes, or waits for the next holder as
//! `keep_ms` says. To drop the sending half alone says nothing to the other side, and reading goes
//! on; only its end as done half-closes the connection.

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "net/1";

/// The longest an orphaned connection stays open, in milliseconds: five minutes.
pub const MAX_KEEP_MS: u64 = 300_000;

/// Methods.
pub mod method {
    /// Opens or takes over a connection.
    pub const CONNECT: &str = "connect";
    /// Closes a connection for good.
    pub const CLOSE: &str = "close";
}

/// Error codes of this service.
pub mod code {
    /// The name could not be resolved. Class unavailable.
    pub const RESOLVE: &str = "LDR-NET-RESOLVE";
    /// No connection. Class unavailable.
    pub const UNREACHABLE: &str = "LDR-NET-UNREACHABLE";
    /// The other side's certificate was refused. Class forbidden.
    pub const CERTIFICATE: &str = "LDR-NET-CERTIFICATE";
    /// The connection broke off. Class unavailable.
    pub const BROKEN: &str = "LDR-NET-BROKEN";
    /// Another stream holds the name. Class conflict.
    pub const HELD: &str = "LDR-NET-HELD";
}

contract_types! {
    /// The request of `connect`.
    #[derive(Default)]
    pub struct Connect {
        /// The connection's name within the plugin, such as `account/libera`.
        pub name: String,
        /// The host name or address.
        pub host: String,
        /// The port.
        pub port: u16,
        /// TLS settings; none means plain TCP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tls: Option<Tls>,
        /// Milliseconds to wait for the connection; zero means 10,000.
        #[serde(default)]
        pub timeout_ms: u64,
        /// Milliseconds an orphaned connection stays open, at most 300,000; zero means it closes at once.
        #[serde(default)]
        pub keep_ms: u64,
    }

    /// TLS settings.
    #[derive(Default)]
    pub struct Tls {
        /// The name the certificate must carry; empty means the host name.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub server_name: String,
        /// A PEM file with the only authorities to trust; empty means the system's.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub ca_file: String,
    }

    /// The head of the answer to `connect`.
    #[derive(Default)]
    pub struct Connected {
        /// The address that answered.
        #[serde(default)]
        pub peer: String,
        /// Whether an open connection was taken over.
        #[serde(default)]
        pub adopted: bool,
    }

    /// The request of `close`.
    #[derive(Default)]
    pub struct Close {
        /// The connection's name.
        pub name: String,
    }
}
