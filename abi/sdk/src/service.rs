//! The host's services as an author calls them. What they mean is in [`loader_contract::service`].

pub mod channels;
pub mod clock;
pub mod events;
pub mod hooks;
pub mod http;
pub mod inference;
pub mod kv;
pub mod net;
pub mod secrets;
pub mod speech;
pub mod tasks;
pub mod tools;
pub mod web_fetch;
pub mod websocket;
