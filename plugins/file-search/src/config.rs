//! What an operator may set.

use crate::folder;
use loader_sdk::prelude::*;

/// Which folder is searched, and how much of it at most.
#[config]
pub(crate) struct Config {
    /// The folder that is searched with everything below it: an absolute path. While it is empty, the
    /// tool answers that it is not set up.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    pub(crate) root: String,
    /// Whether files and folders are searched whose names begin with a dot.
    pub(crate) hidden: bool,
    /// The most matches of one search.
    #[schemars(range(min = 1, max = 500))]
    pub(crate) max_results: u32,
    /// The most files and folders that one search looks at.
    #[schemars(range(min = 1))]
    pub(crate) max_files: u64,
    /// Files that have more bytes are found by their names alone.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub(crate) max_file_bytes: u64,
    /// The most bytes that one search reads.
    #[schemars(range(min = 1))]
    pub(crate) max_total_bytes: u64,
    /// How long one search may take, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub(crate) timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: String::new(),
            hidden: false,
            max_results: 50,
            max_files: 50_000,
            max_file_bytes: 1024 * 1024,
            max_total_bytes: 256 * 1024 * 1024,
            timeout_ms: 4_000,
        }
    }
}

impl Config {
    /// Refuses a folder that cannot be searched.
    pub(crate) fn check(&self) -> Result<()> {
        folder::open(self.root.as_ref(), "", self.hidden).map(drop).map_err(|outside| {
            Error::unavailable("not_configured", format!("{}: {outside}", self.root))
                .hint("set plugins.entries.file-search.config.root to a folder that can be read")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_matches_the_type() {
        let schema = loader_sdk::contract::schema::of::<Config>();
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
            std::fs::write(path, &text).expect("the schema can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(committed, text, "run: LOADER_SCHEMAS_ACCEPT=1 cargo test -p file-search");
    }
}
