//! `service/1`: work that goes on as long as the gateway serves.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `start` | call | none | none |
//! | `stop` | call | none | none |
//! | `status` (optional) | call | none | [`ServiceStatus`] |
//!
//! The host starts services one after another once its port listens, in the order of the attribute
//! `order` and then of their ids, and stops them in the opposite order before any plugin stops. A
//! service that does not start is told in the log and by `status`; the others start all the same. A
//! fresh generation of the plugin is started again: `start` must bear that.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "service/1";

/// Methods.
pub mod method {
    /// Begins the work and returns.
    pub const START: &str = "start";
    /// Ends the work.
    pub const STOP: &str = "stop";
    /// How the work goes.
    pub const STATUS: &str = "status";
    /// Every service and how it is; answered by the host.
    pub const LIST: &str = "list";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-SERVICE",
    methods: &[
        Method::call(method::START, "Begins the work and returns.").idempotent(),
        Method::call(method::STOP, "Ends the work.").idempotent(),
        Method::call(method::STATUS, "How the work goes.").optional().idempotent(),
    ],
    host_methods: &[Method::call(method::LIST, "Every service and how it is.").idempotent()],
    attributes: &[
        Attribute::new("about", Form::Text, "What the service does."),
        Attribute::new("methods", Form::Texts, "The optional methods it answers."),
    ],
    ..Contract::new(CONTRACT, Class::Surface, "Works as long as the gateway serves.")
};

contract_types! {
    /// The answer to `status`.
    #[derive(Default)]
    pub struct ServiceStatus {
        /// One sentence for people.
        #[serde(default)]
        pub output: String,
    }

    /// The host's answer to `list`.
    #[derive(Default)]
    pub struct ServiceList {
        /// The services in the order they are started.
        #[serde(default)]
        pub services: Vec<ListedService>,
    }

    /// One service.
    #[derive(Default)]
    pub struct ListedService {
        /// Its capability id.
        pub id: String,
        /// The plugin.
        pub plugin: String,
        /// Where it stands.
        pub state: ServiceState,
        /// What it says of itself, or why it does not run.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub output: String,
    }

    /// Where a service stands.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum ServiceState {
        /// Not started yet.
        #[default]
        Waiting,
        /// It was started.
        Running,
        /// It did not start.
        Failed,
        /// It was stopped.
        Stopped,
    }
}
