//! `kv/1`: a durable key-value store of the plugin's own. No plugin sees another's keys.
//!
//! | method | metadata | body | answer |
//! | --- | --- | --- | --- |
//! | `get` | [`KEY`] | none | the value; error class not-found |
//! | `put` | [`KEY`], optional [`TTL_MS`] | the value | none, once it is on disk |
//! | `delete` | [`KEY`] | none | [`EXISTED`]: `1` or `0` |
//! | `list` | none | [`List`] | [`Keys`] |
//!
//! Keys are UTF-8 of at most 1 KiB; values at most 1 MiB.

use crate::contract_types;

/// The service's name.
pub const SERVICE: &str = "kv/1";

/// Methods.
pub mod method {
    /// Reads a value.
    pub const GET: &str = "get";
    /// Writes a value durably.
    pub const PUT: &str = "put";
    /// Removes a key.
    pub const DELETE: &str = "delete";
    /// Lists keys.
    pub const LIST: &str = "list";
}

/// Metadata: the key.
pub const KEY: &str = "key";
/// Metadata: after how many milliseconds the value expires, in decimal.
pub const TTL_MS: &str = "ttl-ms";
/// Metadata of the answer to `delete`: whether the key was there.
pub const EXISTED: &str = "existed";

/// The longest key in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

contract_types! {
    /// The request of `list`.
    #[derive(Default)]
    pub struct List {
        /// Only keys that begin so.
        #[serde(default)]
        pub prefix: String,
        /// Only keys after this one.
        #[serde(default)]
        pub after: String,
        /// At most this many; zero means 1,000, which is also the most.
        #[serde(default)]
        pub limit: u32,
    }

    /// The answer to `list`.
    #[derive(Default)]
    pub struct Keys {
        /// The keys in ascending order.
        #[serde(default)]
        pub keys: Vec<String>,
        /// Whether there are more.
        #[serde(default)]
        pub more: bool,
    }
}
