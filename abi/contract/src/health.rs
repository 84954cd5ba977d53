//! `health/1`: how a plugin, and what it depends on, is doing.
//!
//! One method, `check`: no request, answers a [`HealthReport`]. It should answer within a second
//! and must not change anything. Statuses are those of the IETF draft `health+json`.

use crate::{
    catalogue::{Class, Contract, Method, Stability},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "health/1";

/// Methods.
pub mod method {
    /// Answers a [`HealthReport`](super::HealthReport).
    pub const CHECK: &str = "check";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    stability: Stability::Stable,
    clash: "LDR-CONFLICT-HEALTH",
    methods: &[Method::call(method::CHECK, "How the plugin is.").idempotent()],
    ..Contract::new(
        CONTRACT,
        Class::Upkeep,
        "Says how the plugin, and what it depends on, is doing.",
    )
};

contract_types! {
    /// The answer to `check`.
    pub struct HealthReport {
        /// The verdict.
        pub status: HealthStatus,
        /// One sentence for people; required unless the verdict is `pass`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub output: String,
        /// Any further facts, shown as they are.
        #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
        pub details: serde_json::Map<String, serde_json::Value>,
    }

    /// The verdict of a health check.
    #[derive(Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum HealthStatus {
        /// All is well.
        Pass,
        /// It works, but somebody should look.
        Warn,
        /// It does not work.
        Fail,
    }
}

impl HealthReport {
    /// All is well.
    pub fn pass() -> Self {
        Self { status: HealthStatus::Pass, output: String::new(), details: Default::default() }
    }

    /// It works, but somebody should look.
    pub fn warn(output: impl Into<String>) -> Self {
        Self { status: HealthStatus::Warn, output: output.into(), details: Default::default() }
    }

    /// It does not work.
    pub fn fail(output: impl Into<String>) -> Self {
        Self { status: HealthStatus::Fail, output: output.into(), details: Default::default() }
    }
}
