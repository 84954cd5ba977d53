//! The host's services as an author calls them. What they mean is in [`loader_contract::service`].

pub mod clock;
pub mod events;
pub mod http;
pub mod kv;
pub mod net;
pub mod secrets;
pub mod websocket;
