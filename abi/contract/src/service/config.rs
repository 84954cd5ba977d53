//! `config/1`: the plugin's own configuration, as it stands now.
//!
//! One method, `get`: no request; answers the JSON object. Secrets are not in it: see
//! [`secrets`](super::secrets).

/// The service's name.
pub const SERVICE: &str = "config/1";

/// Methods.
pub mod method {
    /// The plugin's configuration.
    pub const GET: &str = "get";
}
