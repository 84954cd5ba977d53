//! What the host does for plugins, by name. A plugin lists what it uses under `[requires]`.
//!
//! Typed requests and answers are JSON. Where bytes are moved (`kv`, `http-client`, `net`), the body
//! is raw and the rest is metadata, as each file says.

pub mod clock;
pub mod config;
pub mod events;
pub mod http_client;
pub mod kv;
pub mod net;
pub mod secrets;
pub mod websocket;
