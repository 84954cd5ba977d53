//! The gateway as its operator meets it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::context::Context;
use crate::gateway::{Gateway, Running};
use crate::http;

#[test]
fn ready_json_is_one_line_and_the_gateway_serves() {
    let context = Context::with_plugins();
    let gateway = Gateway::start(&context, &[]);
    let keys: Vec<_> = gateway.line.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["pid", "token_file", "url"]);
    assert_eq!(gateway.line["token_file"], json!(context.state().join("token")));
    assert_eq!(http::get(&gateway.url, "/hello/world", "").0, 401);
    assert_eq!(http::get(&gateway.url, "/hello/world", &gateway.token).0, 200);
    let (status, health) = http::get(&gateway.url, "/health", &gateway.token);
    assert_eq!((status, health.contains("\"pass\"")), (200, true), "{health}");
    let (status, stdout, _) = gateway.stop();
    assert_eq!((status.code(), &*stdout), (Some(0), ""));
}

#[test]
fn the_token_is_made_once_and_is_private() {
    let context = Context::with_plugins();
    let gateway = Gateway::start(&context, &[]);
    assert!(gateway.token.starts_with("ldr_") && gateway.token.len() == 47);
    let mode = |path| fs::metadata(path).expect("it exists").permissions().mode() & 0o7777;
    assert_eq!(mode(context.state()), 0o700);
    assert_eq!(mode(context.state().join("token")), 0o600);
    let token = gateway.token.clone();
    let (_, _, log) = gateway.stop();
    assert!(!log.contains(&token), "{log}");
    assert_eq!(Gateway::start(&context, &[]).token, token);
}

#[test]
fn a_token_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let context = Context::with_plugins();
    Gateway::start(&context, &[]).stop();
    let token = context.state().join("token");
    fs::set_permissions(&token, Permissions::from_mode(0o644)).expect("it is ours");
    let outcome = context.run(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(
        outcome.to_string(),
        "\
exit: 1
-- stdout
-- stderr
error[LDR-TOKEN-MODE]: others can get at the token file (its mode is 0644)
  --> [ROOT]/home/.local/state/loader/token
  hint: chmod 600 [ROOT]/home/.local/state/loader/token; if somebody may have read it, delete it and start again
"
    );
    fs::set_permissions(&token, Permissions::from_mode(0o600)).expect("it is ours");
    fs::write(&token, "").expect("an empty token");
    let outcome = context.run(&["run", "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.json()["error"]["code"], "LDR-TOKEN-CONTENT");
}

#[test]
fn the_summary_says_what_is_served_and_its_examples_work() {
    let context = Context::with_plugins();
    // A folder that a shell would split.
    let state = context.home().join("the state");
    let mut command = context.command(&["run", "--listen", "127.0.0.1:0"]);
    command.arg("--state-dir").arg(&state);
    let mut running = Running::start(command);
    let mut summary = String::new();
    while !summary.contains("Stop ") {
        summary.push_str(&running.line());
    }
    let url = summary.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a URL");
    let shown = context.redact(&summary).replace(url, "[URL]");
    assert_eq!(
        shown,
        "\
loader 0.1.0 serves at [URL]

PLUGIN  VERSION  PROVIDES                              PLACEMENT  STATUS
echo    0.1.0    health/1:echo, text-inference/1:echo  thread     served
hello   0.1.0    health/1:hello, http-route/1:hello    thread     served

Token file  [ROOT]/home/the state/token

Try it:
  curl -H \"Authorization: Bearer $(cat '[ROOT]/home/the state/token')\" [URL]/health
  curl -H \"Authorization: Bearer $(cat '[ROOT]/home/the state/token')\" [URL]/v1/models
  curl -H \"Authorization: Bearer $(cat '[ROOT]/home/the state/token')\" -H 'Content-Type: application/json' -d '{\"messages\":[{\"content\":\"Hello\",\"role\":\"user\"}],\"model\":\"echo/echo\"}' [URL]/v1/chat/completions

Chat        [LOADER] chat --state-dir '[ROOT]/home/the state' Hello
Stop        Ctrl-C
"
    );
    let chat = summary.lines().find_map(|line| line.strip_prefix("Chat ")).expect("a command");
    let paste = |command: &str| Command::new("sh").args(["-c", command]).output().expect("a shell");
    assert_eq!(paste(chat).stdout, b"Hello\n");
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        // Without curl there is nothing to paste; what the commands ask is tested elsewhere.
        return;
    }
    let examples: Vec<_> = summary.lines().filter(|line| line.contains("curl ")).collect();
    for (example, expected) in examples.iter().zip(["\"pass\"", "\"echo/echo\"", "\"Hello\""]) {
        let output = paste(&format!("{example} --fail"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(expected), "{example}\n{text}");
    }
    running.signal("TERM");
    assert_eq!(running.end().0.code(), Some(0));
}

#[test]
fn the_start_is_data_too() {
    let context = Context::with_plugins();
    let mut running =
        Running::start(context.command(&["run", "--listen", "127.0.0.1:0", "--json"]));
    let envelope: Value = serde_json::from_str(&running.line()).expect("an envelope");
    assert_eq!((&envelope["schema"], &envelope["ok"]), (&json!("loader.run/1"), &json!(true)));
    let plugins = envelope["data"]["plugins"].as_array().expect("plugins");
    let said: Vec<_> = plugins.iter().map(|one| (&one["id"], &one["status"])).collect();
    let served = json!("served");
    assert_eq!(said, [(&json!("echo"), &served), (&json!("hello"), &served)]);
    running.signal("INT");
    assert_eq!(running.end().0.code(), Some(0));
}

#[test]
fn a_plugin_that_fails_does_not_stop_the_start() {
    let context = Context::with_plugins();
    let library = context.plugins().join("hello/libhello.so");
    fs::write(&library, "no library").expect("a file");
    let gateway = Gateway::start(&context, &[]);
    assert_eq!(http::get(&gateway.url, "/v1/models", &gateway.token).0, 200);
    assert_eq!(http::get(&gateway.url, "/hello/world", &gateway.token).0, 404);
    let (status, _, stderr) = gateway.stop();
    assert_eq!(status.code(), Some(0));
    assert!(stderr.contains("error[LDR-") && stderr.contains("  hint: "), "{stderr}");
}

#[test]
fn without_any_plugin_it_serves_all_the_same_and_says_what_to_do() {
    let context = Context::new();
    let mut running = Running::start(context.command(&["run", "--listen", "127.0.0.1:0"]));
    let mut summary = String::new();
    while !summary.contains("Stop ") {
        summary.push_str(&running.line());
    }
    let summary = context.redact(&summary);
    assert!(summary.contains("no plugin was found in "), "{summary}");
    assert!(summary.contains("`--plugins-dir DIR`"), "{summary}");
    assert!(!summary.contains("/v1/chat/completions"), "{summary}");
    running.signal("TERM");
    assert_eq!(running.end().0.code(), Some(0));
}

#[test]
fn an_address_in_use_is_named_with_a_way_out() {
    let context = Context::with_plugins();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let outcome = context.run(&["run", "--listen", &address]);
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""), "{outcome}");
    let message = format!("error[LDR-RUN-LISTEN]: cannot listen on {address}: ");
    assert!(outcome.stderr.contains(&message), "{outcome}");
    assert!(outcome.stderr.contains("`loader run --listen 127.0.0.1:0`"), "{outcome}");
    // No plugin was started for nothing.
    assert!(!outcome.stderr.contains("plugin loaded"), "{outcome}");
}

#[test]
fn an_address_that_others_can_reach_is_a_warning() {
    let context = Context::new();
    let gateway = Gateway::start(&context, &["--set", "gateway.listen='0.0.0.0:0'"]);
    assert!(gateway.url.starts_with("http://127.0.0.1:"), "{}", gateway.url);
    let (_, _, stderr) = gateway.stop();
    assert!(stderr.contains("warning[LDR-RUN-EXPOSED]: 0.0.0.0:"), "{stderr}");
}

#[test]
fn a_configuration_that_comes_through_a_pipe_stays() {
    let text = b"[gateway]\nmax_body_bytes = 4096\n";
    let check = |context: &Context, gateway: Gateway| {
        // Whatever has it read again reads what came through the pipe.
        let applied = context.run(&["config", "apply", "--json"]).json();
        assert_eq!(applied["data"]["changed"], json!([]), "{applied:#}");
        let (status, _, log) = gateway.stop();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("the configuration is applied"), "{log}");
    };

    let context = Context::new();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(text).expect("there is room");
    drop(writer);
    let gateway = Gateway::start_with(&context, &["--config", "/dev/stdin"], |command| {
        command.stdin(reader);
    });
    check(&context, gateway);

    let context = Context::new();
    let fifo = context.project().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("there is mkfifo").success());
    let path = fifo.clone();
    let writer = std::thread::spawn(move || fs::write(path, text).expect("somebody reads"));
    let gateway = Gateway::start(&context, &["--config", fifo.to_str().expect("UTF-8")]);
    writer.join().expect("no panic");
    gateway.signal("HUP");
    check(&context, gateway);
}

#[test]
fn a_state_folder_has_one_gateway_at_a_time() {
    let context = Context::new();
    let gateway = Gateway::start(&context, &[]);
    let outcome = context.run(&["run", "--listen", "127.0.0.1:0"]);
    let (pid, url) = (&gateway.line["pid"], &gateway.url);
    assert_eq!(
        outcome.to_string(),
        format!(
            "\
exit: 1
-- stdout
-- stderr
error[LDR-STATE-BUSY]: `loader run` (process {pid}) serves at {url} with this state folder
  --> [ROOT]/home/.local/state/loader
  hint: stop it with `kill {pid}`, or name another folder with `--state-dir DIR`
"
        )
    );
    // However it ends, the folder is free again.
    gateway.signal("KILL");
    gateway.end();
    assert_eq!(Gateway::start(&context, &[]).stop().0.code(), Some(0));
}

#[test]
fn a_state_folder_is_named_by_flag_or_variable() {
    let context = Context::new();
    let start = |configure: &dyn Fn(&mut Command)| {
        let mut command = context.command(&["run", "--listen", "127.0.0.1:0", "--ready-json"]);
        configure(&mut command);
        let line: Value = serde_json::from_str(&Running::start(command).line()).expect("JSON");
        context.redact(line["token_file"].as_str().expect("a file"))
    };
    let variable = |command: &mut Command| {
        command.env("LOADER_STATE_DIR", "by-variable");
    };
    assert_eq!(start(&variable), "[ROOT]/project/by-variable/token");
    let both = |command: &mut Command| {
        command.env("LOADER_STATE_DIR", "by-variable").args(["--state-dir", "../by-flag"]);
    };
    assert!(start(&both).ends_with("/by-flag/token"));
    let xdg = |command: &mut Command| {
        command.env("XDG_STATE_HOME", context.home().join("xdg"));
    };
    assert_eq!(start(&xdg), "[ROOT]/home/xdg/loader/token");
    let outcome = context.outcome(context.command(&["run"]).env_remove("HOME"));
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.starts_with("error[LDR-STATE-NONE]: "), "{outcome}");
}

#[test]
fn logs_in_json_are_json_to_the_last_line() {
    let context = Context::with_plugins();
    fs::write(context.plugins().join("hello/libhello.so"), "no library").expect("a file");
    context.write("project/loader.toml", "log.format = 'json'\nlog.colour = 'red'\n");
    let gateway = Gateway::start(&context, &["--set", "gateway.listen='0.0.0.0:0'"]);
    let (_, _, stderr) = gateway.stop();
    let mut codes = Vec::new();
    for line in stderr.lines() {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        codes.extend(event["fields"]["code"].as_str().map(str::to_owned));
    }
    for code in ["LDR-CFG-UNKNOWN-KEY", "LDR-RUN-EXPOSED"] {
        assert!(codes.iter().any(|one| one == code), "{code}\n{stderr}");
    }
}

#[test]
fn a_reader_of_the_summary_that_went_away_does_not_stop_the_gateway() {
    let context = Context::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = context.command(&["run", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(writer).spawn().expect("it starts");
    drop(command);
    // It says in the lock where it serves, before it tells anybody else.
    let lock = context.state().join("lock");
    let url = loop {
        let note =
            fs::read(&lock).ok().and_then(|note| serde_json::from_slice::<Value>(&note).ok());
        if let Some(url) = note.and_then(|note| note["url"].as_str().map(str::to_owned)) {
            break url;
        }
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended");
        std::thread::yield_now();
    };
    assert_eq!(http::get(&url, "/health", "").0, 200);
    Command::new("kill").arg(child.id().to_string()).status().expect("there is kill");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
