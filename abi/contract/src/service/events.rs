//! `events/1`: publish and subscribe within the gateway.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `publish` | call | [`Publish`] | none |
//! | `subscribe` | open | [`Subscribe`] | events of [`Event`] |
//!
//! A subscriber that falls behind loses the oldest events and is told how many
//! ([`Event::missed`]). A subscription ends when the plugin's generation retires.

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "events/1";

/// Methods.
pub mod method {
    /// Tells everyone.
    pub const PUBLISH: &str = "publish";
    /// Hears what is told from now on.
    pub const SUBSCRIBE: &str = "subscribe";
}

contract_types! {
    /// The request of `publish`.
    #[derive(Default)]
    pub struct Publish {
        /// The topic: lower-case words joined by dots, such as `message.received`.
        pub topic: String,
        /// What happened.
        #[serde(default)]
        pub payload: serde_json::Value,
    }

    /// The request of `subscribe`.
    #[derive(Default)]
    pub struct Subscribe {
        /// Topics, each exact or ending in `.*`; empty means all.
        #[serde(default)]
        pub topics: Vec<String>,
    }

    /// One event.
    #[derive(Default)]
    pub struct Event {
        /// The topic.
        pub topic: String,
        /// Who told: `gateway` or `plugin:<id>`.
        #[serde(default)]
        pub source: String,
        /// When, in milliseconds since 1970.
        #[serde(default)]
        pub timestamp_ms: u64,
        /// What happened.
        #[serde(default)]
        pub payload: serde_json::Value,
        /// How many events this subscriber missed just before this one.
        #[serde(default)]
        pub missed: u64,
    }
}
