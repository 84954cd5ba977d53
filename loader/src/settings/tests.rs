//! What the configuration promises, shown through [`resolve`] on files in a folder of their own.

mod checks;
mod environment;
mod files;
mod layers;
mod properties;
mod references;
mod secrets;
mod shape;
mod show;
mod trust;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// A machine with nothing on it but the configuration a test writes.
struct Machine {
    _folder: TempDir,
    root: PathBuf,
    sources: Sources,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("the folder exists");
        let environment = Environment::from([("HOME".into(), root.join("home").into_os_string())]);
        let mut sources = Sources::standard(root.join("project"), environment);
        sources.system = root.join("etc/loader.toml");
        let machine = Self { _folder: folder, root, sources };
        std::fs::create_dir_all(&machine.sources.working_directory).expect("a project");
        machine
    }

    fn system(self, text: &str) -> Self {
        write(&self.sources.system, text.as_bytes());
        self
    }

    fn user(self, text: &str) -> Self {
        write(&self.user_file(), text.as_bytes());
        self
    }

    fn project(self, text: &str) -> Self {
        write(&self.project_file(), text.as_bytes());
        self
    }

    fn named(mut self, text: &str) -> Self {
        let file = self.root.join("named.toml");
        write(&file, text.as_bytes());
        self.sources.named = Some(file);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.into(), value.into());
        self
    }

    fn flag(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.sources.flags.push((key.to_owned(), value.into()));
        self
    }

    fn user_file(&self) -> PathBuf {
        self.root.join("home/.config/loader/loader.toml")
    }

    fn project_file(&self) -> PathBuf {
        self.root.join("project/loader.toml")
    }

    /// The configuration, which must be usable.
    fn resolve(&self) -> Resolved {
        match resolve(&self.sources) {
            Ok(resolved) => resolved,
            Err(problems) => panic!("{}", say(&problems)),
        }
    }

    /// The problems of a configuration that must be unusable.
    fn problems(&self) -> Vec<Problem> {
        resolve(&self.sources).expect_err("the configuration has an error")
    }

    /// The warnings of a configuration that must be usable.
    fn warnings(&self) -> Vec<Problem> {
        self.resolve().warnings
    }
}

fn write(file: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
    std::fs::write(file, bytes).expect("a file");
}

fn say(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// Code, line and column of each problem.
fn places(problems: &[Problem]) -> Vec<(&str, usize, usize)> {
    let place = |problem: &Problem| Some((problem.code, problem.line?, problem.column?));
    problems.iter().map(|each| place(each).unwrap_or((each.code, 0, 0))).collect()
}

/// The layer that the value of a key came from.
fn layer(resolved: &Resolved, key: &str) -> Layer {
    resolved.origin(key).unwrap_or_else(|| panic!("{key} has a value")).layer
}
