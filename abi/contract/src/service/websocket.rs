//! `websocket/1`: WebSockets that the host owns.
//!
//! One method, `connect` (open): request [`Connect`]; head [`Connected`]; then messages both ways:
//! text as event messages whose body is the raw text, binary as data messages. Pings are answered by
//! the host.
//!
//! The stream ends when the socket closes: as done after a usual close (code 1000, or none), with
//! [`code::CLOSED`] and the other side's [`Closed`] in the error's details after any other. A plugin
//! that ends its half with that error closes the socket with the code and reason in its details;
//! ending it as done closes with no code.
//!
//! A socket with a name belongs to the plugin as a connection of `net/1` does, and has one holder at a
//! time. When the holder's stream goes away without having been ended, the socket stays open for
//! [`Connect::keep_ms`] and whoever connects by the same name and address takes it over, unread messages
//! included ([`Connected::adopted`]). Meanwhile the host reads up to 256 KiB and answers pings.

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "websocket/1";

/// The longest an orphaned socket stays open, in milliseconds: five minutes.
pub const MAX_KEEP_MS: u64 = super::net::MAX_KEEP_MS;

/// Methods.
pub mod method {
    /// Opens a socket.
    pub const CONNECT: &str = "connect";
}

/// Error codes of this service.
pub mod code {
    /// The address or a header is malformed. Class invalid.
    pub const INVALID_REQUEST: &str = "LDR-WEBSOCKET-REQUEST";
    /// No connection. Class unavailable.
    pub const UNREACHABLE: &str = "LDR-WEBSOCKET-UNREACHABLE";
    /// The server did not agree to the upgrade. Class unavailable.
    pub const REFUSED: &str = "LDR-WEBSOCKET-REFUSED";
    /// Another stream holds the name. Class conflict.
    pub const HELD: &str = "LDR-WEBSOCKET-HELD";
    /// The socket broke off. Class unavailable.
    pub const BROKEN: &str = "LDR-WEBSOCKET-BROKEN";
    /// One side closed the socket and said why: `Closed` in the details. Class unavailable.
    pub const CLOSED: &str = "LDR-WEBSOCKET-CLOSED";
}

contract_types! {
    /// The request of `connect`.
    #[derive(Default)]
    pub struct Connect {
        /// A `ws:` or `wss:` address.
        pub url: String,
        /// Further headers of the handshake.
        #[serde(default)]
        pub headers: Vec<(String, String)>,
        /// Subprotocols offered.
        #[serde(default)]
        pub protocols: Vec<String>,
        /// Milliseconds to wait for the handshake; zero means 10,000.
        #[serde(default)]
        pub timeout_ms: u64,
        /// The socket's name within the plugin, such as `gateway/main`; empty means that nobody can take
        /// it over.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
        /// Milliseconds an orphaned socket stays open, at most 300,000; zero means it closes at once.
        #[serde(default)]
        pub keep_ms: u64,
    }

    /// The head of the answer to `connect`.
    #[derive(Default)]
    pub struct Connected {
        /// The subprotocol the server chose; empty when none.
        #[serde(default)]
        pub protocol: String,
        /// Whether an open socket was taken over.
        #[serde(default)]
        pub adopted: bool,
    }

    /// Why a socket was closed: the details of the error `LDR-WEBSOCKET-CLOSED`.
    #[derive(Default, Eq)]
    pub struct Closed {
        /// The close code, such as 1008 or 4004.
        pub code: u16,
        /// What the side that closed says; at most 123 bytes are sent.
        #[serde(default)]
        pub reason: String,
    }
}
