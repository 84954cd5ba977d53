//! `loader dev` with a compiler made of cardboard: what is built is copied.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::gateway::PATIENCE;

/// Builds by copying what lies beside the sources, and not what is `broken`.
const CARGO: &str = "#!/bin/sh\n\
    if grep -q broken src/lib.rs; then echo 'error: broken' >&2; exit 1; fi\n\
    cp ready libhello.so.new && mv libhello.so.new libhello.so\n";

/// A machine with a crate in `[ROOT]/project/hello` of which nothing is built.
struct Desk {
    context: Context,
    path: String,
}

impl Desk {
    fn new(source: &str) -> Self {
        let context = Context::new();
        context.install("hello");
        let folder = context.project().join("hello");
        fs::rename(context.plugins().join("hello"), &folder).expect("moved");
        fs::rename(folder.join("libhello.so"), folder.join("ready")).expect("moved");
        context.write("project/hello/Cargo.toml", "");
        context.write("project/hello/src/lib.rs", source);
        let cargo = context.write("bin/cargo", CARGO);
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let bin = cargo.parent().expect("a folder").display().to_string();
        let path = format!("{bin}:{}", std::env::var("PATH").expect("there is one"));
        Self { context, path }
    }

    fn folder(&self) -> PathBuf {
        self.context.project().join("hello")
    }

    fn command(&self, more: &[&str]) -> Command {
        let usual = ["dev", "hello", "--listen", "127.0.0.1:0"];
        let mut command = self.context.command(&[&usual[..], more].concat());
        command.env("PATH", &self.path);
        command
    }

    fn run(&self, more: &[&str]) -> Outcome {
        self.context.outcome(&mut self.command(more))
    }

    fn links(&self, folder: &Path) {
        let folder = folder.to_str().expect("UTF-8");
        assert_eq!(self.context.run(&["plugins", "link", folder]).code, Some(0));
    }

    /// The folders that are linked.
    fn linked(&self) -> Vec<PathBuf> {
        let lock = self.context.home().join(".local/share/loader/plugins/loader.lock");
        let text = fs::read_to_string(lock).unwrap_or_default();
        let linked = text.split("[[linked]]").skip(1);
        let path = |entry: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix("path = ")).expect("a path");
            PathBuf::from(line.trim_matches('"'))
        };
        linked.map(path).collect()
    }
}

/// A `loader dev` that serves.
struct Dev {
    child: std::process::Child,
    stdout: BufReader<std::process::ChildStdout>,
    said: Receiver<String>,
}

impl Dev {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (tell, said) = channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Self { child, stdout, said }
    }

    fn ready(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("UTF-8");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Waits for a line of standard error that begins so.
    fn hear(&self, begin: &str) {
        let mut heard = Vec::new();
        loop {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else {
                panic!("no `{begin}` in {heard:#?}")
            };
            if line.starts_with(begin) {
                return;
            }
            heard.push(line);
        }
    }

    /// Asks it to stop; its exit code and the rest of standard output.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(asked.expect("there is kill").success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("UTF-8");
        (self.child.wait().expect("it ends").code(), rest)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_build_that_compiles_is_served_and_that_is_said() {
    let desk = Desk::new("broken");
    let mut dev = Dev::start(desk.command(&["--json"]));
    dev.hear("dev: it does not compile; nothing was built before that could be served");
    let ready = dev.ready();
    assert_eq!((&ready["schema"], &ready["ok"]), (&json!("loader.dev/1"), &json!(true)));
    assert_eq!(desk.linked(), [desk.folder()]);
    let lock = fs::read_to_string(desk.context.state().join("lock")).expect("a note");
    assert!(lock.contains("\"command\":\"dev\""), "{lock}");

    desk.context.write("project/hello/src/lib.rs", "fine");
    dev.hear("dev: hello is served");

    desk.context.write("project/hello/src/lib.rs", "broken again");
    dev.hear("dev: it does not compile; what was built before goes on");
    assert_eq!(dev.stop(), (Some(0), String::new()));
    assert_eq!(desk.linked(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_link_of_before_is_there_again_afterwards() {
    let desk = Desk::new("fine");
    let other = desk.context.project().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::copy(desk.folder().join("plugin.toml"), other.join("plugin.toml")).expect("a copy");
    for before in [other.clone(), desk.folder()] {
        desk.links(&before);
        let mut dev = Dev::start(desk.command(&["--ready-json"]));
        dev.ready();
        assert_eq!(desk.linked(), [desk.folder()]);
        assert_eq!(dev.stop().0, Some(0));
        assert_eq!(desk.linked(), [before]);
    }
    // What somebody linked meanwhile stays.
    desk.links(&desk.context.project().join("hello"));
    let mut dev = Dev::start(desk.command(&["--ready-json"]));
    dev.ready();
    desk.links(&other);
    assert_eq!(dev.stop().0, Some(0));
    assert_eq!(desk.linked(), [other]);
}

#[test]
fn where_a_gateway_runs_already_nothing_is_built_or_linked() {
    let desk = Desk::new("fine");
    let _gateway = crate::gateway::Gateway::start(&desk.context, &[]);
    let outcome = desk.run(&[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-STATE-BUSY]: `loader run`"), "{outcome}");
    assert!(!desk.folder().join("libhello.so").exists(), "nothing is built");
    let lock = desk.context.home().join(".local/share/loader/plugins/loader.lock");
    assert!(!lock.exists(), "nothing is linked");
}

#[test]
fn without_cargo_there_is_nothing_to_build_with() {
    let desk = Desk::new("fine");
    let outcome = desk.context.outcome(desk.command(&["--json"]).env("PATH", "/nowhere"));
    let envelope = outcome.json();
    assert_eq!((outcome.code, &envelope["schema"]), (Some(1), &json!("loader.dev/1")), "{outcome}");
    assert_eq!(envelope["error"]["code"], "LDR-DEV-CARGO");
    assert!(envelope["error"]["hint"].as_str().is_some_and(|hint| hint.contains("PATH")));
}

#[test]
fn what_is_no_folder_of_a_crate_is_refused() {
    let desk = Desk::new("fine");
    let refused = |why: &str| {
        let outcome = desk.run(&[]);
        assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""), "{outcome}");
        let message = format!("error[LDR-DEV-FOLDER]: {why}");
        assert!(outcome.stderr.starts_with(&message), "{outcome}");
        assert!(outcome.stderr.contains("\n  hint: make one: loader new NAME "), "{outcome}");
    };
    fs::remove_file(desk.folder().join("Cargo.toml")).expect("removed");
    refused("the folder has no Cargo.toml\n");
    fs::remove_file(desk.folder().join("plugin.toml")).expect("removed");
    refused("the folder has no plugin.toml\n");
    fs::remove_dir_all(desk.folder()).expect("removed");
    refused("no such folder: ");
    assert!(!desk.context.state().exists(), "nothing else was done");
}
