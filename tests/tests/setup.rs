//! Setting up channels by their manifests alone, and plugins that are opened only after the port listens.

use integration_tests::{Home, build, defects, gateway::Gateway, hostile, irc::IrcServer};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

fn prepare(command: &mut Command, home: &Home, arguments: &[&str]) {
    command.args(arguments).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).env_clear().env("HOME", home.state());
    command.current_dir(home.plugins());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(build::loader());
    prepare(&mut command, home, arguments);
    command.output().expect("it can be run")
}

/// What came of it: the exit code and the envelope.
fn ask(home: &Home, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(home, &[arguments, &["--json"]].concat());
    let envelope = serde_json::from_slice(&output.stdout);
    (output.status.code(), envelope.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

/// The exit code, and the codes of the errors.
fn refused(home: &Home, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let (code, envelope) = ask(home, arguments);
    let errors = envelope["errors"].as_array().cloned().unwrap_or_default();
    let codes = errors.iter().map(|one| one["code"].as_str().unwrap_or_default().to_owned());
    (code, codes.collect(), envelope.to_string())
}

/// The user's own configuration.
fn user_file(home: &Home) -> PathBuf {
    home.state().join(".config/loader/loader.toml")
}

fn configure(home: &Home, text: &str) -> PathBuf {
    let file = user_file(home);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&file, text).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("ours");
    file
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).expect("a file");
    fs::write(path, before + text).expect("written");
}

/// A channel of `bad-constructor`, whose library aborts when it is opened.
fn add_aborting(home: &Home) -> PathBuf {
    let folder = defects::add(home, "abort");
    append(
        &folder.join("plugin.toml"),
        "\"channel/1\" = [{ id = \"talk\", aliases = [\"Chatter\"] }]\n\
         [config]\naccount_schema = \"account.schema.json\"\n\
         [setup]\nsingle_account_keys = [\"nick\", \"password\"]\n",
    );
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["nick"],
        "properties": {
            "nick": { "type": "string" },
            "rooms": { "type": "array", "items": { "type": "string" } },
            "password": { "type": "string", "writeOnly": true },
        },
    });
    fs::write(folder.join("account.schema.json"), schema.to_string()).expect("written");
    folder
}

#[test]
fn a_channel_is_set_up_though_its_library_aborts_and_nothing_is_opened() {
    if Command::new("strace").arg("-V").output().is_err() {
        return hostile::not_run("strace: apt-get install strace");
    }
    let home = Home::new();
    add_aborting(&home);
    let before = "# mine\n[plugins]\ndeny = [\"bad-constructor\"] # for now\n";
    let file = configure(&home, before);
    let trace = home.state().with_file_name("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "trace=execve,mmap", "-o"]).arg(&trace).arg(build::loader());
    let arguments =
        ["channels", "add", " chatter", "nick=x", "rooms=[\"#a\"]", "password=secret:p"];
    prepare(&mut command, &home, &arguments);
    let output = command.output().expect("strace can be run");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for code in ["LDR-SETUP-OFF", "LDR-CFG-SECRET"] {
        assert!(said.contains(code), "{said}");
    }
    let lines = fs::read_to_string(&trace).expect("the trace");
    let ours = home.plugins().parent().expect("a folder").to_str().expect("UTF-8").to_owned();
    let opened = |line: &&str| line.contains("PROT_EXEC") && line.contains(&ours);
    assert_eq!(lines.lines().find(opened), None);
    assert_eq!(lines.lines().filter(|line| line.contains("execve(")).count(), 1, "{lines}");

    let text = fs::read_to_string(&file).expect("the file");
    assert_eq!(
        text,
        format!(
            "{before}\n[channels.talk.accounts.default]\nnick = \"x\"\npassword = \"secret:p\"\n\
             rooms = [\"#a\"]\n"
        )
    );
    assert_eq!(fs::metadata(&file).expect("it is there").mode() & 0o777, 0o600);
    let (code, shown) = ask(&home, &["config", "show"]);
    assert_eq!(code, Some(0));
    let settings = &shown["data"]["settings"];
    assert_eq!(settings["channels.talk.accounts.default.nick"]["value"], "x", "{settings:#}");

    let (code, removed) = ask(&home, &["channels", "remove", "Chatter", "--account", "default"]);
    assert_eq!((code, &removed["data"]["channel"]), (Some(0), &"talk".into()));
    assert_eq!(fs::read_to_string(&file).expect("the file"), before);
    let again = refused(&home, &["channels", "remove", "talk", "--account", "default"]);
    assert_eq!((again.0, again.1), (Some(4), vec!["LDR-SETUP-NO-ACCOUNT".to_owned()]));
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let home = Home::new();
    add_aborting(&home);
    let before = "[channels.talk.accounts.old]\nnick = \"y\"\n";
    let file = configure(&home, before);
    for (arguments, code, wanted, hint) in [
        (&["talc", "nick=x"][..], 4, "LDR-CHANNEL-UNKNOWN", "did you mean `talk`?"),
        (&["telegraph", "nick=x"], 4, "LDR-CHANNEL-UNKNOWN", "there are: talk"),
        (&["talk"], 3, "LDR-CONFIG-ACCOUNT", "correct channels.talk.accounts.default"),
        (&["talk", "nick=5"], 3, "LDR-CONFIG-ACCOUNT", "channels.talk.accounts.default.nick"),
        (&["talk", "nick=x", "nock=y"], 3, "LDR-CONFIG-ACCOUNT", "correct channels.talk"),
        (&["talk", "nick=x", "enabled=5"], 3, "LDR-CFG-", ""),
        (
            &["talk", "nick=x", "password=hunter2"],
            1,
            "LDR-SETUP-SECRET",
            "password=secret:talk-new",
        ),
        (&["talk", "nick=x", "--account", "old"], 1, "LDR-SETUP-EXISTS", "--account NAME"),
    ] {
        let account = if wanted == "LDR-SETUP-SECRET" { &["--account", "new"][..] } else { &[] };
        let arguments = [&["channels", "add"], arguments, account].concat();
        let (ended, codes, said) = refused(&home, &arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(codes.iter().all(|code| code.starts_with(wanted)), "{arguments:?}: {said}");
        assert!(said.contains(hint) && !said.contains("hunter2"), "{arguments:?}: {said}");
        assert_eq!(fs::read_to_string(&file).expect("the file"), before, "{arguments:?}");
    }
    // A dry run says what it would write, and writes nothing.
    let output = run(&home, &["channels", "add", "talk", "nick=x", "--dry-run"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("[channels.talk.accounts.default]\nnick = \"x\"\n"), "{output:?}");
    assert_eq!(fs::read_to_string(&file).expect("the file"), before);
    // A file that is not read otherwise can be named, and is made.
    let other = home.state().join("other.toml");
    let named = other.to_str().expect("UTF-8");
    let (code, added) = ask(&home, &["channels", "add", "talk", "nick=x", "--file", named]);
    assert_eq!((code, &added["data"]["written"]), (Some(0), &true.into()), "{added:#}");
    assert_eq!(fs::metadata(&other).expect("made").mode() & 0o777, 0o600);
    // What `channels add` refuses, `config validate` does.
    configure(&home, "[channels.talk.accounts.old]\nnick = 5\n");
    let (code, codes, said) = refused(&home, &["config", "validate"]);
    assert_eq!((code, codes), (Some(3), vec!["LDR-CONFIG-ACCOUNT".to_owned()]), "{said}");
}

#[test]
fn a_channel_that_several_plugins_claim_is_set_up_for_none() {
    let home = Home::new();
    add_aborting(&home);
    let other = home.add("hello");
    append(&other.join("plugin.toml"), "\n[setup]\nproviders = [\"TALK\"]\n");
    let (code, codes, said) = refused(&home, &["channels", "add", "talk", "nick=x"]);
    assert_eq!((code, codes), (Some(1), vec!["LDR-SETUP-AMBIGUOUS".to_owned()]), "{said}");
    for claimant in ["`bad-constructor` (bundled, ", "`hello` (bundled, "] {
        assert!(said.contains(claimant), "{said}");
    }
    assert!(!user_file(&home).exists());
    let (code, added) =
        ask(&home, &["channels", "add", "talk", "nick=x", "--set", "plugins.deny=[\"hello\"]"]);
    assert_eq!((code, &added["data"]["plugin"]), (Some(0), &"bad-constructor".into()), "{added:#}");
}

#[test]
fn settings_of_a_single_account_are_moved_as_far_as_the_manifest_says() {
    let home = Home::new();
    add_aborting(&home);
    fs::create_dir_all(home.state()).expect("a folder");
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).expect("ours");
    let file = configure(
        &home,
        "# who\n[channels.talk]\n# me\nnick = \"x\" # short\nrooms = [\"#a\"]\n\n[log]\n# so\nfilter = \
         \"error\"\n",
    );
    let finding = |envelope: &Value| {
        let checks = envelope["data"]["checks"].as_array().expect("checks").clone();
        let check = checks.into_iter().find(|check| check["id"] == "configuration.accounts");
        check.expect("the check")["findings"].clone()
    };
    let (_, found) = ask(&home, &["doctor"]);
    let said = finding(&found);
    assert_eq!(said[0]["code"], "LDR-SETUP-PROMOTE", "{found:#}");
    assert_eq!(
        said[0]["message"],
        "[channels.talk] has an account's settings: `nick`; and others, which stay: `rooms`"
    );
    let (_, fixed) = ask(&home, &["doctor", "--fix"]);
    let repairs = fixed["data"]["repairs"].as_array().expect("repairs");
    let repair = repairs.iter().find(|one| one["code"] == "LDR-SETUP-PROMOTE").expect("one");
    let command = repair["command"].as_str().expect("words");
    let wanted = "move nick of [channels.talk] into [channels.talk.accounts.default] in ";
    assert!(command.starts_with(wanted), "{command}");
    let text = fs::read_to_string(&file).expect("the file");
    assert_eq!(
        text,
        "# who\n[channels.talk]\nrooms = [\"#a\"]\n\n[channels.talk.accounts.default]\n# me\nnick = \
         \"x\" # short\n\n[log]\n# so\nfilter = \"error\"\n"
    );
    let said = finding(&fixed);
    assert!(said[0]["message"].as_str().expect("words").ends_with("has: `rooms`"), "{said}");
    // What is not declared stays, whatever is asked for.
    ask(&home, &["doctor", "--fix"]);
    assert_eq!(fs::read_to_string(&file).expect("the file"), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_plugin_is_opened_only_after_the_port_listens() {
    let home = Home::new();
    let defer = "\n[startup]\ndefer_full_load_until_after_listen = true\n";
    let tide = home.add("tide");
    let late = tide.join("new");
    fs::write(&late, build::named("tide", "starts-late")).expect("a library");
    fs::rename(&late, tide.join("libtide.so")).expect("in its place");
    append(&tide.join("plugin.toml"), defer);
    append(&home.add("irc").join("plugin.toml"), defer);
    let server = IrcServer::start(&home).await;
    let begun = Instant::now();
    let gateway = Gateway::start(&home, &server.account("alpha", "alpha", 0.0)).await;
    let ready = begun.elapsed();
    assert!(ready < Duration::from_secs(3), "{ready:?}");
    let opened = |log: &[String], id: &str| {
        let plugin = format!("plugin=\"{id}\"");
        log.iter().any(|line| line.contains("is opened") && line.contains(&plugin))
    };
    // The account of a channel that was deferred is connected once it is there.
    gateway.await_log(0, &["account=\"alpha\"", "state=\"connected\""]).await;
    assert!(opened(&gateway.log(), "irc"), "{:?}", gateway.log());
    // Who calls meanwhile waits for the same opening.
    let answer = gateway.get("/tide/").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("starts-late"), "{answer}");
    assert!(
        begun.elapsed() >= Duration::from_secs(3),
        "it was not deferred: {:?}",
        begun.elapsed()
    );
    assert!(opened(&gateway.log(), "tide"), "{:?}", gateway.log());
}
