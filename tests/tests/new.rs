//! `loader new` as a newcomer meets it: a plugin of each kind outside of the repository, tested, built,
//! linked where it is, and served by a real gateway.

use integration_tests::{Home, build, gateway::Gateway};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    time::timeout,
};

/// A newcomer's account and a gateway's folders.
struct Newcomer {
    home: Home,
}

impl Newcomer {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    /// Where the newcomer works.
    fn desk(&self) -> PathBuf {
        let desk = self.home.state().with_file_name("desk");
        fs::create_dir_all(&desk).expect("a folder");
        desk
    }

    /// Runs the product where the newcomer works.
    fn loader(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(build::loader());
        command.args(arguments).arg("--state-dir").arg(self.home.state());
        command.arg("--plugins-dir").arg(self.home.plugins()).current_dir(self.desk());
        command.env_clear().env("HOME", self.home.state());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.output().expect("it can be run")
    }

    /// Runs the product, which must succeed and warn of nothing, and returns its `data`.
    fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.loader(&[arguments, &["--json"]].concat());
        let envelope = envelope(&output);
        assert!(output.status.success(), "{arguments:?}: {envelope:#}");
        assert_eq!(envelope["warnings"], json!([]), "{arguments:?}");
        envelope["data"].clone()
    }

    /// Runs the product, which must not succeed, and returns the error.
    fn refused(&self, arguments: &[&str]) -> Value {
        let output = self.loader(&[arguments, &["--json"]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        envelope(&output)["error"].clone()
    }

    /// Makes a plugin, tests and builds it, and has it used from where it is.
    fn make(&self, name: &str, kind: &str) -> PathBuf {
        let made = self.ask(&["new", name, "--kind", kind]);
        let folder = self.desk().join(name);
        assert_eq!(made["path"].as_str().map(Path::new), Some(&*folder));
        let tested = cargo(&folder, "test");
        assert!(tested.contains("test result: ok. 2 passed"), "{tested}");
        cargo(&folder, "build");
        lay_out(&folder, &format!("lib{name}.so"));

        let linked = self.ask(&["plugins", "link", name]);
        assert_eq!(linked["linked"]["id"], name);
        let doctor = self.loader(&["plugins", "doctor", "--plugin", name]);
        assert!(doctor.status.success(), "{doctor:?}");
        let list = self.ask(&["plugins", "list"]);
        let mut plugins = list["plugins"].as_array().expect("plugins").iter();
        let plugin = plugins.find(|plugin| plugin["id"] == name).expect("it is found");
        assert_eq!((&plugin["status"], &plugin["diagnostics"]), (&json!("ok"), &json!([])));
        let inspected = self.ask(&["plugins", "inspect", name]);
        assert_eq!(inspected["library"]["facts"]["panic"], "unwind", "{inspected:#}");
        let audit = self.loader(&["plugins", "audit", name]);
        assert!(audit.status.success(), "{audit:?}");
        folder
    }
}

fn envelope(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Where the newcomers' plugins are built, so that the SDK is built once.
fn target() -> PathBuf {
    build::target().join("new")
}

/// Runs cargo in a new plugin's folder, which must not warn of anything, and returns what was printed.
fn cargo(folder: &Path, command: &str) -> String {
    // With what the workspace's lock names nothing must be downloaded.
    let lock = build::repository().join("Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock")).expect("a copy");
    let mut cargo = Command::new("cargo");
    cargo.args([command, "--release", "--offline"]).current_dir(folder);
    let output = cargo.env("CARGO_TARGET_DIR", target()).output().expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("warning"), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Puts the library where cargo leaves it when it builds below the folder: one file of two names.
fn lay_out(folder: &Path, library: &str) {
    let release = folder.join("target/release");
    fs::create_dir_all(release.join("deps")).expect("a folder");
    let built = release.join("deps").join(library);
    fs::copy(target().join("release").join(library), &built).expect("a copy");
    fs::hard_link(built, release.join(library)).expect("a link");
}

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).iter().map(|file| format!("{name}/{file}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_provider_answers() {
    let newcomer = Newcomer::new();
    newcomer.make("weather", "provider");
    let config = "[plugins.entries.weather.config]\nopening = \"One says:\"\n";
    let _gateway = Gateway::start(&newcomer.home, config).await;
    let chat = newcomer.loader(&["chat", "--model", "weather/parrot", "hello there"]);
    assert_eq!(String::from_utf8_lossy(&chat.stdout), "One says: hello there\n", "{chat:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_route_answers() {
    let newcomer = Newcomer::new();
    newcomer.make("pages", "route");
    let config = "[plugins.entries.pages.config]\ngreeting = \"good day\"\n";
    let gateway = Gateway::start(&newcomer.home, config).await;
    let response = gateway.get("/pages/ada").await.expect("an answer");
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("good day, ada\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_channel_carries_messages_and_answers_and_connects_again() {
    let newcomer = Newcomer::new();
    newcomer.make("bench", "channel");
    newcomer.home.add("echo");
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = server.local_addr().expect("an address").port();
    let config = format!("[channels.bench.accounts.one]\nport = {port}\nmodel = \"echo/echo\"\n");
    let _gateway = Gateway::start(&newcomer.home, &config).await;
    for said in ["hello there", "hello again"] {
        let answered = async {
            let (connection, _) = server.accept().await.expect("it connects");
            let mut connection = BufReader::new(connection);
            connection.write_all(format!("{said}\n").as_bytes()).await.expect("it listens");
            let mut answer = String::new();
            connection.read_line(&mut answer).await.expect("an answer");
            answer
        };
        let answer =
            timeout(Duration::from_secs(30), answered).await.expect("within half a minute");
        assert_eq!(answer, format!("{said}\n"));
    }
}

#[test]
fn one_that_is_not_built_yet_is_refused_with_the_command_that_builds_it() {
    let newcomer = Newcomer::new();
    newcomer.ask(&["new", "weather", "--kind", "provider"]);
    newcomer.ask(&["plugins", "link", "weather"]);
    let list = newcomer.loader(&["plugins", "list", "--json"]);
    let finding = &envelope(&list)["data"]["plugins"][0]["diagnostics"][0];
    assert_eq!(finding["code"], "LDR-VET-FILE", "{finding:#}");
    let package = newcomer.desk().join("weather/Cargo.toml");
    let command = format!("cargo build --release --manifest-path {}", package.display());
    assert_eq!(finding["hint"], command);
}

#[test]
fn each_kind_has_these_files() {
    let newcomer = Newcomer::new();
    let common =
        [".gitignore", "Cargo.toml", "README.md", "plugin.toml", "src/lib.rs", "src/tests.rs"];
    for (kind, own) in [
        ("provider", &["config.schema.json"][..]),
        ("channel", &["account.schema.json", "src/account.rs"]),
        ("route", &["config.schema.json"]),
    ] {
        let made = newcomer.ask(&["new", kind, "--kind", kind, "--path", &format!("in-{kind}")]);
        let mut expected = [&common[..], own].concat();
        expected.sort_unstable();
        let folder = newcomer.desk().join(format!("in-{kind}"));
        assert_eq!(files(&folder), expected);
        let mut said: Vec<_> = made["files"].as_array().expect("files").iter().collect();
        said.sort_by_key(|file| file.as_str());
        assert_eq!(said, expected);
        let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
        assert!(manifest.contains(&format!("\"target/release/lib{kind}.so\"")), "{manifest}");
        let sdk = build::repository().join("abi/sdk");
        let package = fs::read_to_string(folder.join("Cargo.toml")).expect("a package");
        assert!(package.contains(&format!("path = \"{}\"", sdk.display())), "{package}");
    }
}

/// The other kinds: what a new plugin of each does keeps what its contract promises.
#[test]
fn a_plugin_of_every_other_kind_keeps_its_promises() {
    let newcomer = Newcomer::new();
    for kind in ["speech", "tool", "hook", "service", "task", "command", "chat-command"] {
        let name = format!("my_{}", kind.replace('-', "_"));
        newcomer.ask(&["new", &name, "--kind", kind]);
        let folder = newcomer.desk().join(&name);
        cargo(&folder, "build");
        lay_out(&folder, &format!("lib{name}.so"));
        let tested = newcomer.loader(&["plugins", "test", &name, "--json"]);
        assert!(tested.status.success(), "{kind}: {:#}", envelope(&tested));
        let cases = envelope(&tested)["data"]["cases"].clone();
        let kept = cases.as_array().expect("cases").iter();
        let kept = kept.filter(|case| case["outcome"] == "passed").count();
        assert!(kept > 20, "{kind}: only {kept} promises were asked");
    }
}

#[test]
fn what_cannot_be_made_leaves_everything_as_it_was() {
    let newcomer = Newcomer::new();
    let desk = newcomer.desk();
    fs::create_dir(desk.join("empty")).expect("a folder");
    fs::write(desk.join("file"), "mine").expect("a file");
    std::os::unix::fs::symlink("nowhere", desk.join("link")).expect("a link");
    let before = files(&desk);
    for (name, more, code) in [
        ("empty", &[][..], "LDR-NEW-EXISTS"),
        ("file", &[], "LDR-NEW-EXISTS"),
        ("link", &[], "LDR-NEW-EXISTS"),
        ("a.b", &[], "LDR-NEW-NAME"),
        ("../up", &[], "LDR-NEW-NAME"),
        ("Weather", &[], "LDR-NEW-NAME"),
        ("match", &[], "LDR-NEW-NAME"),
        ("weather", &["--sdk", "."], "LDR-NEW-SDK"),
        ("weather", &["--path", "missing/weather"], "LDR-NEW-WRITE"),
        ("weather", &["--path", "file/weather"], "LDR-NEW-WRITE"),
    ] {
        let arguments = [&["new", name, "--kind", "route"], more].concat();
        let error = newcomer.refused(&arguments);
        assert_eq!(error["code"], code, "{arguments:?}: {error:#}");
        assert!(error["hint"].is_string(), "{error:#}");
        assert_eq!(files(&desk), before, "{arguments:?}");
        assert!(desk.join("empty").is_dir() && fs::read(desk.join("file")).is_ok());
    }
    // What the hint proposes works, and makes a folder beside the one that is there.
    for (name, more, folder) in [
        ("Weather", &[][..], "weather"),
        ("weather", &[], "weather-2"),
        ("weather", &["--path", "empty/"], "empty-2"),
        ("lines", &["--path", "."], "lines"),
        ("lines", &["--path", "empty/.."], "lines-2"),
    ] {
        let arguments = [&["new", name, "--kind", "route"], more].concat();
        let hint = newcomer.refused(&arguments)["hint"].clone();
        let words: Vec<&str> = hint.as_str().expect("a hint").split(' ').collect();
        newcomer.ask(words.strip_prefix(&["loader"]).expect("a command"));
        assert!(desk.join(folder).join("plugin.toml").is_file(), "{hint}");
    }
}

#[test]
fn a_kind_that_does_not_exist_is_answered_with_those_that_do() {
    let output = Newcomer::new().loader(&["new", "weather", "--kind", "bot"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("provider, channel, route"), "{errors}");
}
