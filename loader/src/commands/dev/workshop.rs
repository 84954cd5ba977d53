//! Builds a crate whenever its sources change.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use loader_core::manifest::{Manifest, Platform};

use super::sources::Sources;
use crate::finding::Finding;
use crate::output::Output;

/// How often the sources are looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// A crate, and what was built of it.
pub(super) struct Workshop {
    folder: PathBuf,
    output: Output,
    is_release: bool,
    built: Mutex<Option<Instant>>,
    sources: Mutex<Sources>,
}

impl Workshop {
    /// A workshop for the crate in this folder. It builds what the manifest names: in release form unless
    /// that lies in `target/debug`.
    pub(super) fn new(folder: PathBuf, output: Output) -> Self {
        let manifest = std::fs::read_to_string(folder.join("plugin.toml")).unwrap_or_default();
        let is_release = !manifest.contains("target/debug/");
        let sources = Mutex::new(Sources::look(&folder));
        Self { folder, output, is_release, built: Mutex::new(None), sources }
    }

    /// Builds; the compiler's words go to standard error. Without cargo there is nothing to build with.
    pub(super) fn build(&self) -> Result<(), Finding> {
        let began = Instant::now();
        let mut cargo = Command::new("cargo");
        cargo.arg("build").args(self.is_release.then_some("--release"));
        // Where the manifest says the library is, whatever the environment says.
        cargo.arg("--target-dir").arg(self.folder.join("target")).env_remove("CARGO_TARGET_DIR");
        cargo.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        let status = cargo.status().map_err(|error| no_cargo(&error))?;
        let said = match status.success() {
            true => {
                *lock(&self.built) = Some(Instant::now());
                format!("built in {:.1} s", began.elapsed().as_secs_f64())
            }
            false if self.has_built() => {
                "it does not compile; what was built before goes on".to_owned()
            }
            false => {
                "it does not compile; nothing was built before that could be served".to_owned()
            }
        };
        self.say(&said);
        Ok(())
    }

    /// Whether the library that the manifest names is there.
    fn has_built(&self) -> bool {
        let path = self.folder.join("plugin.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let library = Manifest::parse(&path, &text).manifest.and_then(|manifest| manifest.library);
        let file = library.as_ref().zip(Platform::current());
        let file = file.and_then(|(library, platform)| library.file_for(platform));
        file.is_some_and(|file| self.folder.join(file.as_str()).is_file())
    }

    /// Builds whenever the sources change, until the program ends.
    pub(super) fn open(self: Arc<Self>) {
        let output = self.output.clone();
        let work = move || self.work();
        if let Err(error) = thread::Builder::new().name("workshop".into()).spawn(work) {
            output.note(&format!("dev: the sources are not watched: no thread: {error}\n"));
        }
    }

    fn work(&self) {
        loop {
            thread::sleep(INTERVAL);
            let now = Sources::look(&self.folder);
            // An editor may still be writing: the next look decides.
            let is_changed = *lock(&self.sources) != now;
            if is_changed && Sources::look(&self.folder) == now {
                *lock(&self.sources) = now;
                if let Err(finding) = self.build() {
                    self.output.report(&[finding]);
                }
            }
        }
    }

    /// How long ago the compiler ended, if that was lately.
    pub(super) fn since_built(&self) -> Option<Duration> {
        let built = (*lock(&self.built))?;
        Some(built.elapsed()).filter(|since| *since < Duration::from_secs(10))
    }

    /// Says something to whoever sits before the terminal.
    pub(super) fn say(&self, words: &str) {
        self.output.note(&format!("dev: {words}\n"));
    }
}

fn no_cargo(error: &io::Error) -> Finding {
    Finding::error("LDR-DEV-CARGO", format!("cargo cannot be run: {error}"))
        .hint("install Rust (https://rustup.rs), or put the folder that has cargo in PATH")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
