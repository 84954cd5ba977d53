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
        /// The state it hands over to the next generation; none when it keeps none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub state: Option<StateDescription>,
    }

    /// The state a plugin hands over, as it writes it and as it can read it.
    #[derive(Default)]
    pub struct StateDescription {
        /// What it writes.
        #[serde(flatten)]
        pub form: StateForm,
        /// What it can read: the form it writes, and the older ones it can migrate from.
        #[serde(default)]
        pub reads: Vec<StateForm>,
        /// The JSON Schema of what it writes, for whoever has to write a migration.
        #[serde(default)]
        pub schema: serde_json::Value,
    }

    /// One form of a plugin's state.
    #[derive(Default, Eq)]
    pub struct StateForm {
        /// The version its author gave it.
        pub version: u32,
        /// A digest of its layout: it changes with every change of a field.
        #[serde(default)]
        pub layout: String,
    }

    /// The answer to `export-state` and the request of `import-state`. A plugin without state answers
    /// and takes an empty body.
    #[derive(Default)]
    pub struct StateBytes {
        /// The form of the value.
        #[serde(flatten)]
        pub form: StateForm,
        /// The state.
        pub value: serde_json::Value,
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
