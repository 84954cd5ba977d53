//! Commands that plugins own, on the command line and in chats.

use integration_tests::{
    Home, build, defects,
    gateway::Gateway,
    irc::IrcServer,
    peers,
    upkeep::{self, ask, lines, refused},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

const TASKS: &str = "{ id = \"sweep\" },\n{ id = \"stumble\" },";

fn loader(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(build::loader());
    prepare(&mut command, home, arguments);
    command
}

fn prepare(command: &mut Command, home: &Home, arguments: &[&str]) {
    command.args(arguments).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).env_clear().env("HOME", home.state());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    loader(home, arguments).output().expect("it can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What came of it: the exit code and both outputs.
fn outcome(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Gives `bad-constructor`, whose library aborts when it is opened, commands of its own.
fn add_aborting(home: &Home, commands: &str) {
    let folder = defects::add(home, "abort");
    let path = folder.join("plugin.toml");
    let manifest = fs::read_to_string(&path).expect("the manifest");
    fs::write(&path, format!("{manifest}\"cli-command/1\" = [{commands}]\n")).expect("a manifest");
}

/// What the program and its children did, as `strace` saw it: their outcome, the programs that were
/// started, and the libraries of plugins that were mapped to be run.
fn traced(home: &Home, arguments: &[&str]) -> (Output, usize, BTreeSet<String>) {
    let trace = home.state().with_file_name("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "trace=openat,execve,mmap", "-o"]).arg(&trace);
    command.arg(build::loader());
    prepare(&mut command, home, arguments);
    let output = command.output().expect("strace can be run");
    let lines = fs::read_to_string(&trace).expect("the trace");
    let started = lines.lines().filter(|line| line.contains("execve(") && line.contains(" = 0"));
    let ours = home.plugins().parent().expect("a folder").to_str().expect("UTF-8").to_owned();
    let mapped = lines.lines().filter(|line| line.contains("PROT_EXEC") && line.contains(&ours));
    let name = |line: &str| {
        let path = line.split('<').nth(1).and_then(|rest| rest.split('>').next());
        let file = Path::new(path.expect("a path")).file_name().expect("a name");
        file.to_str().expect("UTF-8").to_owned()
    };
    (output, started.count(), mapped.map(name).collect())
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    if !found {
        integration_tests::hostile::not_run("strace: apt-get install strace");
    }
    found
}

#[test]
fn what_manifests_know_is_told_without_opening_a_library() {
    if !has_strace() {
        return;
    }
    let home = Home::new();
    add_aborting(
        &home,
        "{ id = \"blow-up\", about = \"Blows up\", arguments = [{ name = \"fuse\", required = true }] }",
    );
    for (arguments, told) in [
        (&["--help"][..], "blow-up  Blows up"),
        (&["-h"], "Commands of plugins:"),
        (&["blow-up", "--help"], "<FUSE>"),
        (&["completions", "bash"], "blow-up"),
        (&["plugins", "list"], "cli-command/1:blow-up"),
        (&["config", "validate"], ""),
    ] {
        let (output, started, mapped) = traced(&home, arguments);
        let (code, out, err) = outcome(&output);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        assert!(out.contains(told), "{arguments:?}: {out}");
        assert_eq!((started, mapped), (1, BTreeSet::new()), "{arguments:?}");
    }
    // Arguments are checked before anything is opened, too.
    let (output, started, mapped) = traced(&home, &["blow-up"]);
    assert_eq!((output.status.code(), started, mapped.len()), (Some(2), 1, 0));
    assert!(text(&output.stderr).contains("<FUSE>"), "{}", text(&output.stderr));
}

#[test]
fn running_a_command_opens_exactly_one_library() {
    if !has_strace() {
        return;
    }
    let home = Home::new();
    for plugin in ["echo", "hello"] {
        home.add(plugin);
    }
    upkeep::add(&home, TASKS);
    add_aborting(&home, "\"blow-up\"");
    let (output, _, mapped) = traced(&home, &["upkeep", "well", "good", "day"]);
    assert_eq!(outcome(&output), (Some(0), "said: good day\n".into(), "read: 0\n".into()));
    assert_eq!(mapped.len(), 1, "{mapped:?}");
    assert!(mapped.iter().all(|name| name.starts_with("upkeep-g")), "{mapped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_the_same_with_a_gateway_and_without_one() {
    let home = Home::new();
    upkeep::add(&home, TASKS);
    let check = |home: &Home| {
        let told = |arguments: &[&str]| outcome(&run(home, arguments));
        let fine = told(&["upkeep", "well", "a", "b", "--loud", "--code", "7"]);
        assert_eq!(fine, (Some(7), "said: A B\n".into(), "read: 0\n".into()));
        for (mood, code) in [("lost", 4), ("wrong", 2), ("sad", 1)] {
            let (ended, out, err) = told(&["upkeep", mood]);
            assert_eq!((ended, out.as_str()), (Some(code), "said: \n"), "{err}");
        }
        let (code, _, err) = told(&["upkeep", "well", "--bogus"]);
        assert_eq!(code, Some(2), "{err}");
        let mut command = loader(home, &["upkeep", "well"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(&b"\xc3\xa4\"\n".repeat(50_000)).expect("it is read");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(outcome(&output), (Some(0), "said: \n".into(), "read: 200000\n".into()));
        let (code, _, err) = told(&["upkee"]);
        assert_eq!(code, Some(2));
        assert!(err.contains("unrecognized subcommand 'upkee'") && err.contains("upkeep"), "{err}");
    };
    let home = tokio::task::spawn_blocking(move || {
        check(&home);
        home
    });
    let home = home.await.expect("no panic");
    let gateway = Gateway::start(&home, "").await;
    let home = tokio::task::spawn_blocking(move || {
        check(&home);
        home
    });
    let home = home.await.expect("no panic");

    // Ctrl-C cancels what the plugin does.
    let mut endless = loader(&home, &["upkeep", "endless"]).spawn().expect("it can be run");
    gateway.await_log(0, &["it goes on"]).await;
    let id = endless.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("kill").success());
    gateway.await_log(0, &["it was cancelled"]).await;
    assert_eq!(endless.wait().expect("it ends").code(), Some(130));

    let request = json!({ "name": "nobody" });
    assert_eq!(refused(&gateway, "cli-command/1/run", request).await, "LDR-COMMAND-UNKNOWN");
}

#[test]
fn what_cannot_be_offered_is_told_and_breaks_nothing() {
    let home = Home::new();
    add_aborting(
        &home,
        "\"run\", { id = \"odd\", about = \"Odd\", arguments = [{ name = \"json\", kind = \"flag\" }] }",
    );
    let (code, help, _) = outcome(&run(&home, &["--help"]));
    assert_eq!(code, Some(0));
    assert!(help.contains("Start the gateway and serve") && !help.contains("Commands of plugins"));
    let (code, _, err) = outcome(&run(&home, &["plugins", "list"]));
    assert_eq!(code, Some(0));
    for told in
        ["LDR-COMMAND-OWN", "LDR-COMMAND-ARGUMENTS", "`--json` is an option of every command"]
    {
        assert!(err.contains(told), "{told}: {err}");
    }
    // Manifests that are none, and a configuration that cannot be used, take the help away from nobody.
    fs::write(home.plugins().join("bad-constructor/plugin.toml"), "]").expect("a manifest");
    assert_eq!(run(&home, &["--help"]).status.code(), Some(0));
    let (code, help, _) = outcome(&run(&home, &["--help", "--set", "gateway.listen=nowhere"]));
    assert_eq!(code, Some(0));
    assert!(help.contains("Exit codes:"));
    assert_eq!(run(&home, &["upkeep", "--set", "gateway.listen=nowhere"]).status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_commands_reach_their_plugin_from_a_terminal_and_over_http() {
    let home = Home::new();
    home.add("echo");
    upkeep::add(&home, TASKS);
    let gateway = Gateway::start(&home, "").await;
    let request = json!({ "name": "again", "arguments": "tea", "channel": "web" });
    let reply = ask(&gateway, "chat-command/1/run", request).await;
    assert_eq!(reply["text"], "repeat on web: tea");
    let nobody = json!({ "name": "nobody" });
    assert_eq!(refused(&gateway, "chat-command/1/run", nobody).await, "unknown_command");

    let said = tokio::task::spawn_blocking(move || {
        let mut command = loader(&home, &["chat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut input = child.stdin.take().expect("a pipe");
        input
            .write_all(b"/repeat tea\nhello\n/again  more tea\n/nobody knows\n/help\n/repeat\n")
            .expect("read");
        drop(input);
        outcome(&child.wait_with_output().expect("it ends"))
    });
    let (code, out, err) = said.await.expect("no panic");
    let expected = "repeat on cli: tea\nhello\nrepeat on cli: more tea\n/nobody knows\n\
                    /repeat <text>: Says it again\n/help: Lists the commands.\n";
    assert_eq!(out, expected, "{err}");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("there is nothing to repeat"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_commands_are_answered_in_their_turn_on_a_real_network() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["echo", "irc"] {
        home.add(plugin);
    }
    upkeep::add(&home, TASKS);
    let server = IrcServer::start(&home).await;
    let gateway = Gateway::start(&home, &server.account("alpha", "alpha", 0.0)).await;
    gateway.await_log(0, &["account=\"alpha\"", "state=\"connected\""]).await;
    let said = ["one", "/repeat two", "three", "/again four", "/nobody five", "/repeat", "/help"];
    let lines_said: Vec<String> = said.iter().map(|line| format!("alpha: {line}")).collect();
    let mut arguments = vec!["--wait-for", "alpha", "--expect", "8"];
    for line in &lines_said {
        arguments.extend(["--say", line]);
    }
    let events = server.talk(&arguments).await;
    let heard: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "heard" && event["from"] == "alpha")
        .filter_map(|event| event["text"].as_str())
        .collect();
    assert_eq!(
        heard,
        [
            "one",
            "repeat on irc: two",
            "three",
            "repeat on irc: four",
            "/nobody five",
            "Sorry, no answer: there is nothing to repeat (nothing)",
            "/repeat <text>: Says it again",
            "/help: Lists the commands.",
        ]
    );
    assert_eq!(lines(&gateway, &["no answer", "nothing to repeat"]).len(), 1);
}
