//! `[gateway]`: the HTTP edge.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The HTTP edge: where the gateway listens and what it tolerates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gateway {
    /// The address and port to listen on. Port 0 lets the system choose a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// The longest a request may take before it is answered with a timeout, in milliseconds.
    #[schemars(range(min = 1))]
    pub request_timeout_ms: u64,
    /// How long calls that are already running may go on after a stop was asked for, in
    /// milliseconds.
    pub drain_timeout_ms: u64,
    /// The largest request body that is accepted, in bytes.
    #[schemars(range(min = 1))]
    pub max_body_bytes: u64,
    /// Host names that requests may name besides the loopback names and the address the gateway is
    /// bound to, each with a port or for every port.
    pub allowed_hosts: Vec<String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7280)),
            request_timeout_ms: 120_000,
            drain_timeout_ms: 15_000,
            max_body_bytes: 1024 * 1024,
            allowed_hosts: Vec::new(),
        }
    }
}
