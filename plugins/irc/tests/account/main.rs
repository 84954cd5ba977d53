//! Accounts end to end: the plugin behind its real boundary, a host and servers played by the test,
//! and a clock that stands still unless everyone waits for it.

mod connecting;
mod host;
mod pipe;
mod receiving;
mod reloading;
mod sending;
mod server;
mod settings;
