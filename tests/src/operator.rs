//! An operator's account: a home of its own, and the product run in it as a user would.

use crate::build;
use loader_core::manifest::Platform;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// An operator's account.
pub struct Operator {
    home: TempDir,
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

impl Operator {
    /// One whose home is empty.
    pub fn new() -> Self {
        Self { home: TempDir::new().expect("a folder") }
    }

    /// The home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder that `plugins install` manages.
    pub fn plugins(&self) -> PathBuf {
        self.home().join(".local/share/loader/plugins")
    }

    /// The folder of state.
    pub fn state(&self) -> PathBuf {
        self.home().join(".local/state/loader")
    }

    /// Replaces the user's configuration.
    pub fn configure(&self, text: &str) {
        let folder = self.home().join(".config/loader");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("loader.toml"), text).expect("a configuration");
    }

    /// The program with these arguments, in the home, with nothing else in its environment, and
    /// without the bundled plugins.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(build::loader());
        let none = self.home().join("none");
        fs::create_dir_all(&none).expect("a folder");
        command.args(arguments).arg("--plugins-dir").arg(none).current_dir(self.home());
        command.env_clear().env("HOME", self.home());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it can be run")
    }

    /// Runs the program, which must succeed, and returns its `data`.
    pub fn ask(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let envelope = envelope(&output);
        assert!(output.status.success(), "{arguments:?}: {envelope:#}");
        envelope["data"].clone()
    }

    /// Runs the program, which must not succeed, and returns the codes of its errors.
    pub fn refused(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(&[arguments, &["--json"]].concat());
        let envelope = envelope(&output);
        assert!(!output.status.success(), "{arguments:?}: {envelope:#}");
        let errors = envelope["errors"].as_array().expect("errors").iter();
        errors.map(|error| error["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// Of the plugin, or the bundle, of this id: its status and version, or why it is refused.
    pub fn status(&self, id: &str) -> Result<String, Vec<String>> {
        let list = self.ask(&["plugins", "list"]);
        let mut plugins = list["plugins"].as_array().expect("plugins").iter();
        let Some(plugin) = plugins.find(|plugin| plugin["id"] == id) else {
            return Ok("absent".into());
        };
        let text = |key: &str| plugin[key].as_str().expect("text").to_owned();
        if plugin["status"] == "ok" || plugin["status"] == "ready" {
            return Ok(text("version"));
        }
        let findings = plugin["diagnostics"].as_array().expect("findings").iter();
        Err(findings.map(|one| one["code"].as_str().expect("a code").to_owned()).collect())
    }
}

/// The one line of JSON that a command ends with.
pub fn envelope(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let (out, err) = (&output.stdout, &output.stderr);
        panic!("{error}: {} {}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
    })
}

/// A folder with the bundled plugin `hello`, of another version than it has: three numbers of one
/// digit each. Its library says so too.
pub fn release(folder: &Path, version: &str) -> PathBuf {
    let folder = folder.join(format!("hello-{version}"));
    fs::create_dir_all(&folder).expect("a folder");
    let source = build::crate_folder("hello");
    let manifest = fs::read_to_string(source.join("plugin.toml")).expect("the manifest");
    let manifest = manifest.replace("version = \"0.1.0\"", &format!("version = \"{version}\""));
    // A library for this machine alone.
    let here = Platform::current().expect("plugins can be built here");
    let is_elsewhere = |line: &&str| {
        let mut others = Platform::ALL.into_iter().filter(|platform| *platform != here);
        others.any(|platform| line.starts_with(platform.key()))
    };
    let manifest: Vec<&str> = manifest.lines().filter(|line| !is_elsewhere(line)).collect();
    let manifest = manifest.join("\n") + "\n";
    fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    let mut library = fs::read(build::library("hello")).expect("the library");
    let (old, new) = (b"\"version\":\"0.1.0\"", format!("\"version\":\"{version}\""));
    let at = library.windows(old.len()).position(|bytes| bytes == old).expect("its version");
    library[at..at + old.len()].copy_from_slice(new.as_bytes());
    fs::write(folder.join("libhello.so"), library).expect("a library");
    folder
}
