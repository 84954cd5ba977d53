//! `loader new` as a newcomer meets it: a plugin of each kind outside of the repository, tested, built,
//! linked where it is, and served by a real gateway.

use integration_tests::{Home, build, gateway::Gateway};
use loader_contract::{
    background_service::{CONTRACT, method},
    service::clock,
};
use loader_testkit::{Host, Retirement};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
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
        assert_eq!(unexpected(&envelope["warnings"]), [] as [&Value; 0], "{arguments:?}");
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
        assert!(tested.contains("test result: ok. 2 passed"), "{kind}: {tested}");
        cargo(&folder, "build");
        lay_out(&folder, &format!("lib{}.so", name.replace('-', "_")));

        let kept = self.ask(&["plugins", "test", name])["cases"].clone();
        let kept = kept.as_array().expect("cases").iter();
        let kept = kept.filter(|case| case["outcome"] == "passed").count();
        assert!(kept > 20, "{kind}: only {kept} promises were asked");

        let linked = self.ask(&["plugins", "link", name]);
        assert_eq!(linked["linked"]["id"], name);
        let doctor = self.loader(&["plugins", "doctor", "--plugin", name]);
        assert!(doctor.status.success(), "{doctor:?}");
        let list = self.ask(&["plugins", "list"]);
        let mut plugins = list["plugins"].as_array().expect("plugins").iter();
        let plugin = plugins.find(|plugin| plugin["id"] == name).expect("it is found");
        assert_eq!(plugin["status"], "ok", "{plugin:#}");
        assert_eq!(unexpected(&plugin["diagnostics"]), [] as [&Value; 0]);
        let inspected = self.ask(&["plugins", "inspect", name]);
        assert_eq!(inspected["library"]["facts"]["panic"], "unwind", "{inspected:#}");
        let audit = self.loader(&["plugins", "audit", name]);
        assert!(audit.status.success(), "{audit:?}");
        folder
    }

    /// What a command of a README prints, where the newcomer works.
    fn shell(&self, command: &str) -> String {
        let programs = self.desk().join("programs");
        if fs::create_dir(&programs).is_ok() {
            let (loader, state) = (build::loader(), self.home.state());
            let plugins = self.home.plugins();
            let places = [&loader, &state, &plugins].map(|place| place.display().to_string());
            let [loader, state, plugins] = places;
            let script = format!(
                "#!/bin/sh\nexec {loader} --state-dir {state} --plugins-dir {plugins} \"$@\"\n"
            );
            let program = programs.join("loader");
            fs::write(&program, script).expect("a script");
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.desk()).env_clear();
        shell.env("HOME", self.home.state());
        shell.env("PATH", format!("{}:{path}", programs.display()));
        let output = shell.output().expect("there is a shell");
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The commands in the README of a plugin that are its kind's own and end.
fn own_commands(folder: &Path) -> Vec<String> {
    let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
    let commands = readme.split("```sh\n").nth(1).expect("commands");
    let commands = commands.split("```").next().unwrap_or_default().lines();
    let commands = commands.map(|line| line.split("  #").next().unwrap_or(line).trim());
    let others = ["cargo ", "loader plugins ", "loader run", "loader dev", "nc "];
    let own = commands.filter(|line| !others.iter().any(|other| line.starts_with(other)));
    own.map(str::to_owned).collect()
}

/// Findings, but for the advice that every plugin is given which has hooks and nothing else.
fn unexpected(findings: &Value) -> Vec<&Value> {
    let findings = findings.as_array().expect("findings").iter();
    findings.filter(|finding| finding["code"] != "LDR-SHAPE-HOOK-ONLY").collect()
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
    cargo.env("CARGO_TARGET_DIR", target());
    // Not for what it does, but for how long it takes to build.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    let output = cargo.output().expect("cargo can be run");
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

/// A kind, a name for a plugin of it, and what each command of its README's own prints a part of. Where
/// there are settings, the gateway has others than the default.
const KINDS: &[(&str, &str, &[&str])] = &[
    ("provider", "weather", &["One says: hello\n"]),
    ("channel", "bench", &[]),
    ("route", "pages", &["good day, ada\n"]),
    ("speech", "morse", &["sos.wav", "Telegraph key"]),
    ("tool", "count_words", &["2 words"]),
    ("hook", "reminder", &["before_prompt_build", "Hello"]),
    ("service", "minutes", &["0 minutes"]),
    ("task", "my-notes", &["run 1", "my-notes"]),
    ("command", "turn-around", &["olleh\n", "olleh\n", "--shout"]),
    ("chat-command", "dice", &["\"text\""]),
    ("health", "storage", &["\"pass\""]),
    ("web-fetch", "plain", &["A fine day."]),
];

/// Serves one page for as long as it is asked for it.
async fn serve_page(server: TcpListener) {
    let page = "<title>Lake</title><p>A fine day.</p>";
    loop {
        let (mut connection, _) = server.accept().await.expect("a connection");
        let mut head = BufReader::new(&mut connection).lines();
        while head.next_line().await.expect("a request").is_some_and(|line| !line.is_empty()) {}
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{page}",
            page.len()
        );
        connection.write_all(answer.as_bytes()).await.expect("it listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_plugin_of_every_kind_keeps_its_promises_and_does_what_its_readme_says() {
    let newcomer = Newcomer::new();
    newcomer.home.add("echo");
    let next = AtomicUsize::new(0);
    // What one waits for, another builds meanwhile.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((kind, name, _)) = KINDS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    newcomer.make(name, kind);
                }
            });
        }
    });
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = server.local_addr().expect("an address").port();
    let page = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let page_address = page.local_addr().expect("an address");
    tokio::spawn(serve_page(page));
    let config = format!(
        "[plugins.entries.weather.config]\nopening = \"One says:\"\n\
         [plugins.entries.pages.config]\ngreeting = \"good day\"\n\
         [channels.bench.accounts.one]\nport = {port}\nmodel = \"echo/echo\"\n\
         [models]\ndefault = \"echo/echo\"\n\
         [web_fetch]\nallow_private = true\n"
    );
    let gateway = Gateway::start(&newcomer.home, &config).await;
    for (kind, name, expected) in KINDS {
        let commands = own_commands(&newcomer.desk().join(name));
        assert_eq!(commands.len(), expected.len(), "{kind}: {commands:?}");
        for (command, expected) in commands.iter().zip(*expected) {
            let command = command
                .replace("http://127.0.0.1:7280", &gateway.url)
                .replace("~/.local/state/loader", newcomer.home.state().to_str().expect("UTF-8"))
                .replace("https://example.com", &format!("http://{page_address}"));
            let printed = newcomer.shell(&command);
            assert!(printed.contains(expected), "{command}: {printed}");
        }
    }
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
    stops_for_good(&newcomer.desk().join("minutes")).await;
}

/// A service that is stopped and started again soon does its work once, not twice.
async fn stops_for_good(folder: &Path) {
    let service = Host::new().load(folder).await.expect("it loads");
    let tell = async |asked: &'static str| {
        let () = service.call(CONTRACT, "minutes", asked, &()).await.expect(asked);
    };
    let waits = async |times: usize| {
        let waits = service.captured().first(times, clock::SERVICE, clock::method::SLEEP);
        timeout(Duration::from_secs(10), waits).await.expect("it waits for a minute");
    };
    tell(method::START).await;
    waits(1).await;
    tell(method::STOP).await;
    tell(method::START).await;
    waits(2).await;
    let one_is_left = async {
        while service.usage().await.expect("figures").tasks > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), one_is_left).await.expect("what is stopped ends at once");
    assert_eq!(service.unload().await, Retirement::Unloaded);
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
    for (kind, name, _) in KINDS {
        let own = match *kind {
            "provider" | "route" => &["config.schema.json"][..],
            "channel" => &["account.schema.json", "src/account.rs"],
            "speech" => &["src/morse.rs"],
            _ => &[],
        };
        let made = newcomer.ask(&["new", name, "--kind", kind, "--path", &format!("in-{kind}")]);
        let mut expected = [&common[..], own].concat();
        expected.sort_unstable();
        let folder = newcomer.desk().join(format!("in-{kind}"));
        assert_eq!(files(&folder), expected);
        let mut said: Vec<_> = made["files"].as_array().expect("files").iter().collect();
        said.sort_by_key(|file| file.as_str());
        assert_eq!(said, expected);
        let manifest = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
        let library = format!("\"target/release/lib{}.so\"", name.replace('-', "_"));
        assert!(manifest.contains(&library), "{manifest}");
        let sdk = build::repository().join("abi/sdk");
        let package = fs::read_to_string(folder.join("Cargo.toml")).expect("a package");
        assert!(package.contains(&format!("path = \"{}\"", sdk.display())), "{package}");
    }
}

#[test]
fn a_command_that_would_not_be_offered_is_not_made() {
    let newcomer = Newcomer::new();
    for (name, proposed) in [
        ("my_cmd", "my-cmd"),
        ("a--b", "a-b"),
        ("a-", "a"),
        ("run", "run-plugin"),
        ("tools", "tools-plugin"),
        ("status", "status-plugin"),
    ] {
        let error = newcomer.refused(&["new", name, "--kind", "command"]);
        assert_eq!(error["code"], "LDR-NEW-NAME", "{error:#}");
        assert_eq!(error["hint"], format!("loader new {proposed} --kind command"));
    }
    newcomer.ask(&["new", "run", "--kind", "tool"]);
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
