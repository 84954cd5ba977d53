//! What an operator may set.

use loader_sdk::prelude::*;

/// The program that speaks, and how patient to be with it.
#[config]
pub(crate) struct Config {
    /// The program: its name, which is looked for in `/usr/bin` and `/usr/local/bin`, or its whole path.
    /// Only root may be able to change it.
    #[schemars(extend("pattern" = "^(/.*/)?espeak[^/]*$"))]
    pub(crate) program: String,
    /// The voice of requests that name neither a voice nor a language.
    pub(crate) voice: String,
    /// How long the program may take for one text, in milliseconds.
    #[schemars(range(min = 1))]
    pub(crate) timeout_ms: u64,
    /// How many texts are spoken at once; further ones wait.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) processes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            program: "espeak-ng".into(),
            voice: "en-gb".into(),
            timeout_ms: 15_000,
            processes: 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;
    use std::{env, fs};

    #[test]
    fn the_schema_beside_the_manifest_is_the_one_of_the_type() {
        let schema = loader_sdk::contract::schema::of::<Config>();
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        if env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
            fs::write(file, &text).expect("the schema can be written");
        }
        let there = fs::read_to_string(file).unwrap_or_default();
        assert_eq!(there, text, "LOADER_SCHEMAS_ACCEPT=1 cargo test -p espeak schema");
    }
}
