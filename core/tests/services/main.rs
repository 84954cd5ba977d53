//! The standard services, used as a plugin uses them, and what fetches packages, against real servers
//! on the loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod config;
mod events;
mod fetch;
mod host;
mod http_client;
mod kv;
mod net;
mod secrets;
mod servers;
mod websocket;
