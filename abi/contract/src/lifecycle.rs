//! `ldr/1`: the conversation every plugin has with the host. Operation names are in `loader-abi`.

use crate::contract_types;
use std::collections::BTreeMap;

contract_types! {
    /// What the host says of itself in `describe`.
    #[derive(Default)]
    pub struct HostDescription {
        /// The interface version, such as `1.0`.
        pub abi: String,
        /// The host's program and version.
        #[serde(default)]
        pub host: String,
        /// The services the host offers, as contract names: `kv/1`.
        #[serde(default)]
        pub services: Vec<String>,
        /// The contract versions the host consumes, lowest and highest major.
        #[serde(default)]
        pub contracts: BTreeMap<String, (u32, u32)>,
    }

    /// What the plugin answers.
    #[derive(Default)]
    pub struct PluginDescription {
        /// The plugin's id: must be the one it was created with.
        pub id: String,
        /// The plugin's version.
        pub version: String,
        /// The contract versions the plugin serves, lowest and highest major.
        #[serde(default)]
        pub contracts: BTreeMap<String, (u32, u32)>,
        /// The lifecycle operations it knows beyond the required ones.
        #[serde(default)]
        pub operations: Vec<String>,
    }

    /// What the plugin answers to `register`.
    #[derive(Default)]
    pub struct Registrations {
        /// The capabilities it provides from now on.
        #[serde(default)]
        pub capabilities: Vec<Registration>,
    }

    /// One capability.
    pub struct Registration {
        /// The contract, such as `http-route/1`.
        pub contract: String,
        /// The capability's id: unique among all plugins for this contract.
        pub id: String,
        /// The contract methods it answers beyond the required ones.
        #[serde(default)]
        pub methods: Vec<String>,
    }

    /// The request of `start`.
    #[derive(Default)]
    pub struct Start {
        /// The plugin's configuration: a JSON object that matches its schema.
        #[serde(default)]
        pub config: serde_json::Value,
    }

    /// The answer to `stats`.
    #[derive(Default)]
    pub struct Stats {
        /// Bytes allocated and not freed by the plugin's library.
        #[serde(default)]
        pub allocated_bytes: u64,
        /// Allocations made by the plugin's library since it was loaded.
        #[serde(default)]
        pub allocations: u64,
        /// Background tasks that are running.
        #[serde(default)]
        pub tasks: u64,
    }
}
