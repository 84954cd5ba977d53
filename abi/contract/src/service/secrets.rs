//! `secrets/1`: a secret by name, fetched when it is used and not kept.
//!
//! One method, `get`: request [`Get`]; the answer's raw body is the secret. A plugin may fetch the
//! secrets its configuration names (any string value `secret:<name>` in it) and no others.

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "secrets/1";

/// Methods.
pub mod method {
    /// The secret's bytes.
    pub const GET: &str = "get";
}

/// What a configuration value looks like that names a secret.
pub const REFERENCE_PREFIX: &str = "secret:";

contract_types! {
    /// The request of `get`.
    #[derive(Default)]
    pub struct Get {
        /// The secret's name.
        pub name: String,
    }
}
