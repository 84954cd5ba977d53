//! A machine for one test: folders of its own, an empty environment, and built plugins.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

use serde_json::Value;
use tempfile::TempDir;

use crate::gateway::Running;

/// The program.
const LOADER: &str = env!("CARGO_BIN_EXE_loader");

/// A home, a working directory and a folder of plugins, all temporary.
pub(crate) struct Context {
    root: PathBuf,
    _folder: TempDir,
}

/// What came of running the program. Temporary folders read `[ROOT]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Context {
    /// A machine with nothing on it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("loader-cli-").tempdir();
        let folder = folder.expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it exists");
        let context = Self { root, _folder: folder };
        for folder in [context.home(), context.project(), context.plugins()] {
            fs::create_dir(folder).expect("a folder");
        }
        context
    }

    /// A machine with the plugins `echo` and `hello`.
    pub(crate) fn with_plugins() -> Self {
        let context = Self::new();
        context.install("echo");
        context.install("hello");
        context
    }

    /// Lays a bundled plugin out.
    pub(crate) fn install(&self, id: &str) {
        let folder = self.plugins().join(id);
        fs::create_dir(&folder).expect("a folder");
        let manifest = repository().join("plugins").join(id).join("plugin.toml");
        fs::copy(manifest, folder.join("plugin.toml")).expect("a copy");
        let library =
            format!("{}{id}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        fs::copy(built(&library), folder.join(&library)).expect("a copy");
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The working directory.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// The folder for state when nobody names one.
    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".local/state/loader")
    }

    /// Writes a file below the machine's root, in folders that need not exist.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// The program with these arguments, which finds the machine's plugins and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_alone(arguments);
        command.arg("--plugins-dir").arg(self.plugins());
        command
    }

    /// The program with these arguments and no others.
    pub(crate) fn command_alone(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LOADER);
        command.args(arguments).current_dir(self.project()).env_clear();
        command.env("HOME", self.home()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.outcome(&mut self.command(arguments))
    }

    /// Runs the program to its end, with this on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut running = Running::start(self.command(arguments).stdin(Stdio::piped()));
        let mut stdin = running.stdin().expect("it is piped");
        stdin.write_all(input).expect("it reads its input");
        drop(stdin);
        self.outcome_of(running)
    }

    /// Runs a command to its end.
    pub(crate) fn outcome(&self, command: &mut Command) -> Outcome {
        self.outcome_of(Running::start(command))
    }

    fn outcome_of(&self, running: Running) -> Outcome {
        let (status, stdout, stderr) = running.end();
        let [stdout, stderr] = [stdout, stderr].map(|text| self.redact(&text));
        Outcome { code: status.code(), stdout, stderr }
    }

    /// A text without what differs from run to run.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.root.display().to_string(), "[ROOT]").replace(LOADER, "[LOADER]")
    }
}

impl Outcome {
    /// Standard output as the envelope of `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Standard output as one JSON value per line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Checks that it ended well and silently but for its data, and returns that.
    pub(crate) fn data(&self) -> &str {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{self}");
        &self.stdout
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let Self { stdout, stderr, .. } = self;
        write!(formatter, "exit: {code}\n-- stdout\n{stdout}-- stderr\n{stderr}")
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace")
}

/// A library of a bundled plugin, built like the program itself.
fn built(library: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    let folder = Path::new(LOADER).parent().expect("the program is in a folder");
    // `scripts/test` builds everything beforehand.
    if std::env::var_os("LOADER_TEST_BUILT").is_none() {
        BUILD.call_once(|| {
            let profile = match folder.file_name().and_then(|name| name.to_str()) {
                Some("debug") | None => "dev",
                Some(profile) => profile,
            };
            let target = folder.parent().expect("profiles are in the target folder");
            let status = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "-p", "hello", "-p", "echo", "--profile", profile])
                .arg("--target-dir")
                .arg(target)
                .current_dir(repository())
                .status();
            assert!(status.expect("cargo can be run").success());
        });
    }
    folder.join(library)
}
