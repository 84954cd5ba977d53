//! What the end-to-end tests share: built libraries, plugin folders, an engine to load them.

pub mod archives;
pub mod bench;
pub mod build;
pub mod c;
pub mod client;
pub mod defects;
pub mod gateway;
pub mod hostile;
pub mod irc;
pub mod model;
pub mod model_server;
pub mod operator;
pub mod peers;
pub mod process;
pub mod upkeep;
pub mod wire;

use loader_core::{
    CallOptions, Engine, Options, PluginOptions, Retirement,
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin, Root, discover},
    message::{Failure, Metadata, Reply},
    probe::Probe,
    services::{SecretBytes, Standard},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// A folder of plugins and a folder for state, both temporary.
pub struct Home {
    folder: TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Empty folders.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("loader-test-").tempdir();
        let home = Self { folder: folder.expect("a temporary folder") };
        fs::create_dir_all(home.plugins()).expect("a folder");
        fs::create_dir_all(home.state()).expect("a folder");
        home
    }

    /// Where plugins are laid out.
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Where state goes.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Lays a built fixture or bundled plugin out and returns its folder.
    pub fn add(&self, name: &str) -> PathBuf {
        self.add_built(name, &build::library(name))
    }

    /// Lays a fixture or bundled plugin out with a library that was built in another way.
    pub fn add_built(&self, name: &str, library: &Path) -> PathBuf {
        let source = build::crate_folder(name);
        let folder = self.plugins().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        for entry in fs::read_dir(&source).expect("the crate's folder") {
            let path = entry.expect("an entry").path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            if file == "plugin.toml" || file.ends_with(".schema.json") {
                fs::copy(&path, folder.join(file)).expect("a copy");
            }
        }
        let file = format!("lib{}.so", name.replace('-', "_"));
        fs::copy(library, folder.join(file)).expect("a copy");
        folder
    }

    /// Lays out one plugin of a fixture that holds several, with these lines below `[provides]`.
    pub fn add_one_of(&self, fixture: &str, id: &str, provides: &str) {
        let folder = self.plugins().join(id);
        fs::create_dir_all(&folder).expect("a folder");
        let file = format!("lib{fixture}.so");
        fs::copy(build::library(fixture), folder.join(&file)).expect("a copy");
        let manifest = format!(
            "manifest = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
             [library]\npath = \"{file}\"\n[provides]\n{provides}\n"
        );
        fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    }

    /// Options for an engine over this home, with the standard services.
    pub fn options(&self) -> Options {
        let root = Root { path: self.plugins(), origin: Origin::Bundled, required: true };
        let mut options = Options::new(self.state(), vec![root]);
        let standard = Standard {
            kv_path: self.state().join("plugins.redb"),
            secrets: Arc::new(BTreeMap::<String, SecretBytes>::new()),
            user_agent: "loader-test".into(),
            authorities: None,
        };
        options.services = standard.open().expect("the services open").services;
        options.stop_timeout = Duration::from_secs(2);
        // The run-time library of a memory checker, which every library then needs.
        options.trust.libraries.extend(std::env::var("LOADER_TEST_TRUSTED_LIBRARY").ok());
        options
    }

    /// How the product tries libraries before it opens them.
    pub fn probe(&self) -> Probe {
        Probe {
            environment: Vec::new(),
            program: build::loader(),
            arguments: vec!["try-library".into()],
            timeout: Duration::from_secs(2),
            host_build: "loader-test".into(),
        }
    }

    /// What discovery finds of this id.
    pub fn candidate(&self, id: &str) -> Candidate {
        let root = Root { path: self.plugins(), origin: Origin::Bundled, required: true };
        let found = discover(&[root]);
        let candidate = found.candidates.into_iter().find(|candidate| candidate.id() == id);
        candidate.unwrap_or_else(|| panic!("{id} is not found: {:?}", found.diagnostics))
    }
}

/// How often to do something: what the variable says, or the short form.
pub fn often(variable: &str, short: u64) -> u64 {
    std::env::var(variable).ok().map_or(short, |said| said.parse().expect("a number"))
}

/// Gives a plugin a configuration.
pub fn configure(options: &mut Options, id: &str, config: serde_json::Value) {
    let plugin = PluginOptions { config, ..options.plugins.remove(id).unwrap_or_default() };
    options.plugins.insert(id.to_owned(), plugin);
}

/// Sends a path to a plugin's HTTP route and returns its text.
pub async fn get(engine: &Engine, id: &str, path: &str) -> Result<String, Failure> {
    get_within(engine, id, path, Duration::from_secs(20)).await
}

/// The same, with a deadline.
pub async fn get_within(
    engine: &Engine,
    id: &str,
    path: &str,
    deadline: Duration,
) -> Result<String, Failure> {
    let target = engine.target("http-route/1", Some(id), "handle")?;
    let metadata = Metadata::new().with(":method", "GET").with(":path", path);
    let options = CallOptions::by("gateway").within(deadline);
    let reply: Reply = target.call(options, metadata, Vec::new()).await?;
    Ok(String::from_utf8(reply.body).expect("text"))
}

/// Fails the test when something of these findings is an error.
pub fn expect_no_error(findings: &[Diagnostic]) {
    let errors: Vec<String> =
        findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The images of a state folder that are mapped into this process now.
pub fn mapped_images(state: &Path) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    let state = state.to_str().expect("UTF-8");
    let mut images: Vec<String> =
        maps.lines().filter_map(|line| line.find(state).map(|at| line[at..].to_owned())).collect();
    images.sort();
    images.dedup();
    images
}

/// Threads of this process.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux").count()
}

/// Resident anonymous and file memory of this process, in bytes.
pub fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("statm");
    pages * 4096
}

/// The most resident memory of this process since [`reset_resident_peak`], in bytes.
pub fn resident_peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}

/// Begins to look for the most resident memory anew.
pub fn reset_resident_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("Linux");
}

/// Fails the test unless every plugin left the process.
pub fn expect_unloaded(outcomes: &[(String, Retirement)]) {
    for (plugin, outcome) in outcomes {
        assert_eq!(*outcome, Retirement::Unloaded, "{plugin}");
    }
}
