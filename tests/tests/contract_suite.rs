//! `loader plugins test`: the bundled plugins keep what their contracts promise, and each way of breaking
//! a promise is found, named, and said how to mend.

use integration_tests::build;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use tempfile::TempDir;

/// The crate of the plugin that provides everything.
const BREAKER: &str = "promise-breaker";

/// How many plugins are tested at once.
const AT_ONCE: usize = 8;

/// Runs `loader plugins test` on a folder, for programs.
fn test(folder: &Path, more: &[&str]) -> (Output, Value) {
    let mut command = Command::new(build::loader());
    command.args(["--json", "plugins", "test"]).arg(folder).args(more);
    let output = command.output().expect("loader can be run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let envelope = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr))
    });
    (output, envelope)
}

/// The cases of an envelope that ended in this way, as `contract name`.
fn cases(envelope: &Value, outcome: &str) -> BTreeSet<String> {
    let all = envelope["data"]["cases"].as_array().expect("cases").iter();
    let meant = all.filter(|case| case["outcome"] == outcome);
    let text = |case: &Value, key: &str| case[key].as_str().expect("a text").to_owned();
    meant.map(|case| format!("{} {}", text(case, "contract"), text(case, "name"))).collect()
}

/// The breaker as one of its builds, with a manifest that was changed.
fn breaker(name: &str, change: impl FnOnce(String) -> String) -> (TempDir, PathBuf) {
    let home = tempfile::Builder::new().prefix("loader-test-").tempdir().expect("a folder");
    let folder = home.path().join(BREAKER);
    fs::create_dir(&folder).expect("a folder");
    let manifest = build::crate_folder(BREAKER).join("plugin.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest");
    fs::write(folder.join("plugin.toml"), change(manifest)).expect("a file");
    fs::write(folder.join("libpromise_breaker.so"), build::named(BREAKER, name)).expect("a file");
    (home, folder)
}

/// Every plugin that comes with the program, as it is laid out.
fn bundled() -> Vec<PathBuf> {
    build::loader();
    let plugins = fs::read_dir(build::repository().join("plugins")).expect("a folder");
    let names = plugins.map(|entry| entry.expect("an entry"));
    let names = names.filter(|entry| entry.path().join("plugin.toml").is_file());
    let mut folders: Vec<PathBuf> =
        names.map(|one| build::target().join("release/plugins").join(one.file_name())).collect();
    folders.sort();
    folders
}

#[test]
fn every_bundled_plugin_keeps_its_promises() {
    let bundled = bundled();
    assert!(bundled.len() >= 5, "{bundled:?}");
    for folder in bundled {
        let (output, envelope) = test(&folder, &[]);
        let failed = cases(&envelope, "failed");
        assert!(failed.is_empty(), "{}: {failed:?}\n{envelope:#}", folder.display());
        assert_eq!(output.status.code(), Some(0), "{}", folder.display());
        assert_eq!(envelope["schema"], "loader.plugins.test/1");
        assert!(!cases(&envelope, "passed").is_empty(), "{}", folder.display());
    }
}

#[test]
fn a_plugin_that_provides_everything_keeps_every_promise() {
    let (_home, folder) = breaker("good", |manifest| manifest);
    let (_, envelope) = test(&folder, &["--timeout", "2"]);
    assert_eq!(cases(&envelope, "failed"), BTreeSet::new(), "{envelope:#}");
    let unasked = cases(&envelope, "skipped");
    // What has no method that can be asked at will, or needs a network, and nothing else.
    let expected = [
        "channel/1 a-repeated-send-ends-the-same",
        "chat-command/1 answers-many-at-once",
        "chat-command/1 leaves-nothing-running",
        "cli-command/1 answers-many-at-once",
        "scheduled-task/1 answers-many-at-once",
        "scheduled-task/1 leaves-nothing-running",
    ];
    assert_eq!(unasked, expected.map(str::to_owned).into());
}

/// A build of the breaker, the only contract that is asked about, and the promises it breaks there.
type Row = (&'static str, &'static str, &'static [&'static str]);

const BROKEN: &[Row] = &[
    ("start-error", "plugin", &["starts", "starts-with-nothing"]),
    ("start-panics", "plugin", &["starts", "starts-with-nothing"]),
    ("never-starts", "plugin", &["starts", "starts-with-nothing"]),
    ("never-ready", "plugin", &["can-be-replaced"]),
    ("leaves-thread", "plugin", &["leaves-when-asked"]),
    ("undescribed", "tool/1", &["answers-what-it-must"]),
    ("any-method", "tool/1", &["refuses-unknown-methods"]),
    ("method-panics", "tool/1", &["refuses-unknown-methods"]),
    ("method-fails", "tool/1", &["refuses-unknown-methods"]),
    ("takes-garbage", "tool/1", &["refuses-garbage"]),
    ("garbage-panics", "tool/1", &["refuses-garbage"]),
    ("garbage-fails", "tool/1", &["refuses-garbage"]),
    ("is-strict", "tool/1", &["ignores-newer-fields"]),
    ("strict-at-last", "tool/1", &["ignores-newer-fields"]),
    ("blocks", "tool/1", &["bears-short-deadlines"]),
    ("leaks-lock", "tool/1", &["bears-short-deadlines"]),
    ("one-at-a-time", "tool/1", &["answers-many-at-once"]),
    ("leaks-tasks", "tool/1", &["leaves-nothing-running"]),
    ("no-description", "tool/1", &["describes-what-it-does"]),
    ("array-schema", "tool/1", &["schema-is-an-object"]),
    ("broken-schema", "tool/1", &["schema-compiles"]),
    ("unsteady", "tool/1", &["description-is-steady"]),
    ("call-fails", "tool/1", &["answers-a-call"]),
    ("call-panics", "tool/1", &["answers-a-call", "answers-what-it-must"]),
    ("never-answers", "tool/1", &["answers-a-call"]),
    ("other-answer", "tool/1", &["answers-a-call"]),
    ("empty-answer", "tool/1", &["answer-says-something"]),
    ("silent-failure", "tool/1", &["answer-says-something"]),
    ("long-answer", "tool/1", &["answer-is-within-size"]),
    ("no-telephony", "speech/1", &["answers-what-it-lists"]),
    ("no-rate", "speech/1", &["says-what-audio-it-is"]),
    ("no-media-type", "speech/1", &["names-the-media-type"]),
    ("silent", "speech/1", &["audio-comes-whole"]),
    ("breaks-off", "speech/1", &["audio-comes-whole"]),
    ("no-wav", "speech/1", &["wav-is-a-wav"]),
    ("other-rate", "speech/1", &["wav-is-a-wav"]),
    ("only-wav", "speech/1", &["keeps-to-the-format"]),
    ("refuses-own", "speech/1", &["keeps-to-the-format"]),
    ("any-voice", "speech/1", &["refuses-unknown-voices"]),
    ("twin-voices", "speech/1", &["voices-are-told-apart"]),
    ("nameless-voice", "speech/1", &["voices-are-told-apart"]),
    ("dumb-voice", "speech/1", &["voices-speak"]),
    ("telephone-wav", "speech/1", &["telephony-is-pcm"]),
    ("odd-samples", "speech/1", &["telephony-is-pcm"]),
    ("other-code", "speech/1", &["keeps-to-the-format", "refuses-unknown-formats"]),
    ("twin-models", "text-inference/1", &["models-are-told-apart"]),
    ("no-finish", "text-inference/1", &["stream-ends-with-finish"]),
    ("after-finish", "text-inference/1", &["stream-ends-with-finish"]),
    ("endless", "text-inference/1", &["stream-ends-with-finish"]),
    ("stream-leaks", "text-inference/1", &["stream-ends-with-its-caller"]),
    ("says-nothing", "text-inference/1", &["stream-says-something"]),
    ("other-role", "text-inference/1", &["generate-answers", "generate-can-be-opened"]),
    ("empty-message", "text-inference/1", &["generate-answers", "generate-can-be-opened"]),
    ("no-generate", "text-inference/1", &["generate-answers"]),
    ("no-open-generate", "text-inference/1", &["answers-what-it-must"]),
    ("disagrees", "text-inference/1", &["generate-and-stream-agree"]),
    ("any-model", "text-inference/1", &["refuses-unknown-models"]),
    ("part-panics", "text-inference/1", &["bears-unknown-parts"]),
    ("no-talk", "channel/1", &["says-what-it-can-do"]),
    ("no-room", "channel/1", &["says-what-it-can-do"]),
    ("ghost-account", "channel/1", &["has-no-accounts-at-first"]),
    ("strict-connect", "channel/1", &["ignores-newer-fields"]),
    ("any-settings", "channel/1", &["refuses-nonsense-settings"]),
    ("all-is-well", "channel/1", &["status-answers-after-nonsense"]),
    ("still-connected", "channel/1", &["disconnect-bears-unknown-accounts"]),
    ("sends-anyway", "channel/1", &["send-refuses-unknown-accounts"]),
    ("send-fails", "channel/1", &["send-refuses-unknown-accounts"]),
    ("sends-twice", "channel/1", &["a-repeated-send-ends-the-same"]),
    ("fears-paths", "http-route/1", &["answers-every-path"]),
    ("fears-head", "http-route/1", &["answers-every-method"]),
    ("odd-status", "http-route/1", &["answers-every-method"]),
    ("fears-queries", "http-route/1", &["bears-queries"]),
    ("fears-bodies", "http-route/1", &["takes-large-bodies"]),
    ("odd-header", "http-route/1", &["headers-are-headers"]),
    ("other-event", "hook/1", &["refuses-what-it-does-not-list"]),
    ("other-change", "hook/1", &["answers-its-event"]),
    ("empty-event", "hook/1", &["answers-an-empty-event"]),
    ("slow-hook", "hook/1", &["keeps-its-deadline"]),
    ("other-field", "hook/1", &["changes-only-what-it-may"]),
    ("run-fails", "scheduled-task/1", &["runs"]),
    ("second-run-fails", "scheduled-task/1", &["runs-again"]),
    ("slow-run", "scheduled-task/1", &["keeps-its-time"]),
    ("starts-once", "service/1", &["bears-a-second-start"]),
    ("stops-once", "service/1", &["bears-a-second-stop"]),
    ("no-status", "service/1", &["says-how-it-is"]),
    ("waits-for-more", "cli-command/1", &["ends-when-its-input-ends"]),
    ("high-exit", "cli-command/1", &["ends-with-an-exit-code"]),
    ("talks-on", "cli-command/1", &["ends-with-an-exit-code"]),
    ("to-a-printer", "cli-command/1", &["writes-output-as-data"]),
    ("word-panics", "cli-command/1", &["runs-with-arguments"]),
    ("needs-arguments", "chat-command/1", &["answers-without-arguments"]),
    ("fears-arguments", "chat-command/1", &["answers-any-arguments"]),
    ("long-reply", "chat-command/1", &["replies-fit-a-chat"]),
    ("no-status", "web-fetch/1", &["answers-a-page"]),
    ("no-title", "web-fetch/1", &["page-has-its-title"]),
    ("marked-up", "web-fetch/1", &["text-has-no-markup"]),
    ("other-type", "web-fetch/1", &["writes-what-is-asked-for"]),
    ("never-cut", "web-fetch/1", &["keeps-to-max-bytes"]),
    ("any-address", "web-fetch/1", &["refuses-what-is-no-address"]),
    ("any-scheme", "web-fetch/1", &["refuses-other-schemes"]),
    ("no-reason", "health/1", &["says-why"]),
    ("no-report", "health/1", &["reports"]),
    ("slow-check", "health/1", &["answers-within-a-second"]),
];

/// A build of the breaker with a text of its manifest changed, the only contract that is asked about,
/// and what comes of one promise: why it was not asked, or nothing where it is kept. No other is broken.
type Odd = (&'static str, [&'static str; 2], &'static str, &'static str, Option<&'static str>);

const ODD: &[Odd] = &[
    // Arguments are made by the schema, or not at all.
    ("says-which", [""; 2], "tool/1", "answers-a-call", None),
    ("wants-a-code", [""; 2], "tool/1", "answers-a-call", Some("makes no arguments")),
    ("wants-a-code", [""; 2], "tool/1", "answers-what-it-must", Some("makes no arguments")),
    ("trusts-its-host", [""; 2], "tool/1", "answers-what-it-must", None),
    // As long as the manifest says, within bounds.
    (
        "slow-hook",
        ["deadline_ms = 1000", "deadline_ms = 2000"],
        "hook/1",
        "keeps-its-deadline",
        None,
    ),
    (
        "slow-run",
        ["timeout_ms = 1000", "timeout_ms = 2000"],
        "scheduled-task/1",
        "keeps-its-time",
        None,
    ),
    (
        "good",
        [", timeout_ms = 1000", ""],
        "scheduled-task/1",
        "keeps-its-time",
        Some("no `timeout_ms`"),
    ),
    (
        "endless-run",
        ["timeout_ms = 1000", "timeout_ms = 3600000"],
        "scheduled-task/1",
        "runs",
        Some("--timeout"),
    ),
    // What is not there cannot be judged.
    ("writes-raw", [""; 2], "speech/1", "wav-is-a-wav", Some("`raw`")),
    ("no-key", [""; 2], "text-inference/1", "bears-unknown-parts", Some("no_key")),
    (
        "good",
        ["prefix = \"/twin\"", "prefix = \"/it\""],
        "http-route/1",
        "starts",
        Some("LDR-CONFLICT-ROUTE"),
    ),
    ("start-error", [""; 2], "tool/1", "starts", Some("this build does not do it")),
    (
        "good",
        ["overlap = \"skip\"", "overlap = \"of-a-later-one\""],
        "plugin",
        "attributes-fit-their-contracts",
        Some("of-a-later-one"),
    ),
    // A host sends the contract's fields, and no others.
    ("strict-reply", ["message_received", "before_reply"], "hook/1", "answers-its-event", None),
];

#[test]
fn what_is_only_odd_is_not_accused() {
    try_all(ODD, |(name, [text, instead], only, promise, why)| {
        let (_home, folder) = breaker(name, |manifest| {
            assert!(manifest.contains(text), "{text}");
            manifest.replacen(text, instead, 1)
        });
        let (_, envelope) = test(&folder, &["--only", only, "--timeout", "1"]);
        let strict: &[&str] = if *name == "strict-reply" { &["ignores-newer-fields"] } else { &[] };
        let broken: BTreeSet<String> = strict.iter().map(|name| format!("{only} {name}")).collect();
        assert_eq!(cases(&envelope, "failed"), broken, "{name}: {envelope:#}");
        let all = envelope["data"]["cases"].as_array().expect("cases");
        let is_met = all.iter().filter(|case| case["name"] == *promise).any(|case| match why {
            None => case["outcome"] == "passed",
            Some(why) => {
                let said = case["message"].as_str().expect("a text");
                case["outcome"] == "skipped" && said.contains(why)
            }
        });
        assert!(is_met, "{name} {promise}: {envelope:#}");
    });
}

#[test]
fn a_test_in_which_nothing_is_asked_is_not_passed() {
    let (_home, folder) = breaker("start-error", |manifest| manifest);
    let (output, envelope) = test(&folder, &["--only", "tool/1", "--timeout", "1"]);
    assert_eq!((output.status.code(), &envelope["ok"]), (Some(1), &Value::Bool(false)));
    assert_eq!(envelope["errors"][0]["code"], "LDR-TEST-NOTHING", "{envelope:#}");
}

/// Tries every row, several at a time: those that take long wait for a plugin. Fails with all that are
/// wrong.
fn try_all<Row: Debug + Sync>(rows: &[Row], check: impl Fn(&Row) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            if panic::catch_unwind(AssertUnwindSafe(|| check(row))).is_err() {
                wrong.push(format!("{row:?}"));
            }
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let wrong = threads.into_iter().map(|thread| thread.join().expect("it catches panics"));
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fails unless exactly these promises are broken, each with words that say what to change.
fn expect_broken(what: &str, output: &Output, envelope: &Value, only: &str, names: &[&str]) {
    let expected: BTreeSet<String> = names.iter().map(|name| format!("{only} {name}")).collect();
    assert_eq!(cases(envelope, "failed"), expected, "{what}: {envelope:#}");
    assert_eq!(output.status.code(), Some(1), "{what}");
    assert_eq!(envelope["error"]["code"], "LDR-TEST-BROKEN", "{what}");
    for case in envelope["data"]["cases"].as_array().expect("cases") {
        if case["outcome"] == "failed" {
            for key in ["message", "hint"] {
                let text = case[key].as_str().unwrap_or_default();
                assert!(text.len() > 15, "{what} has no {key}: {case:#}");
            }
        }
    }
}

#[test]
fn each_broken_promise_is_found_and_no_other() {
    assert!(BROKEN.len() >= 40);
    try_all(BROKEN, |(name, only, names)| {
        let (_home, folder) = breaker(name, |manifest| manifest);
        let (output, envelope) = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &output, &envelope, only, names);
    });
}

#[test]
fn what_a_manifest_promises_is_looked_at_too() {
    let rows: [(&str, &str, &str, &str, &str); 8] = [
        (
            "description = \"Provides everything; each build breaks one promise.\"\n",
            "",
            "plugin",
            "manifest-has-a-description",
            "description = ",
        ),
        (
            "licence = \"MIT OR Apache-2.0\"\n",
            "",
            "plugin",
            "manifest-names-a-licence",
            "licence = ",
        ),
        (
            "\"tool/1\" = [{ id = \"it\", about = \"Does it.\" }]",
            "\"tool/1\" = [\"it\"]",
            "plugin",
            "capabilities-say-what-they-do",
            "about = ",
        ),
        (
            "methods = [\"status\"]",
            "methods = [\"start\"]",
            "plugin",
            "methods-are-optional-ones",
            "status",
        ),
        ("version = \"0.1.0\"", "version = \"0.2.0\"", "plugin", "library-fits", "build"),
        (
            "\"health/1\" = [\"it\"]",
            "\"health/1\" = [\"it\", \"other\"]",
            "plugin",
            "library-fits",
            "[provides]",
        ),
        (
            "prefix = \"/twin\"",
            "prefix = \"/it\"",
            "plugin",
            "registers-what-it-declares",
            "change one of them",
        ),
        (
            "methods = [\"voices\", \"telephony\"]",
            "methods = [\"voices\"]",
            "speech/1",
            "refuses-what-it-does-not-list",
            "methods = [\"telephony\"]",
        ),
    ];
    for (text, instead, only, name, change) in rows {
        let (_home, folder) = breaker("good", |manifest| {
            assert!(manifest.contains(text), "{text}");
            manifest.replacen(text, instead, 1)
        });
        let (output, envelope) = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &output, &envelope, only, &[name]);
        let cases = envelope["data"]["cases"].as_array().expect("cases");
        let case = cases.iter().find(|case| case["outcome"] == "failed").expect("one");
        assert!(case["hint"].as_str().expect("a hint").contains(change), "{case:#}");
    }
}

#[test]
fn a_plugin_that_ends_the_process_is_a_broken_promise() {
    for (name, only, broken, said) in [
        ("start-exits", "plugin", "describes-itself", "exit code 3"),
        ("start-aborts", "plugin", "describes-itself", "signal 6 (SIGABRT)"),
        ("call-aborts", "tool/1", "answers-what-it-must", "signal 6 (SIGABRT)"),
        ("call-exits", "tool/1", "answers-what-it-must", "exit code 0"),
    ] {
        let (_home, folder) = breaker(name, |manifest| manifest);
        let (output, envelope) = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &output, &envelope, only, &[broken]);
        let message = envelope["error"]["message"].as_str().expect("a message");
        assert!(message.contains(broken), "{message}");
        let cases = envelope["data"]["cases"].to_string();
        assert!(cases.contains(said), "{name}: {cases}");
    }
}

#[test]
fn the_others_are_asked_after_one_has_crashed() {
    let (_home, folder) = breaker("call-aborts", |manifest| manifest);
    let (output, envelope) = test(&folder, &["--timeout", "2"]);
    expect_broken("all", &output, &envelope, "tool/1", &["answers-what-it-must"]);
    let passed = cases(&envelope, "passed");
    for asked in
        ["plugin starts", "channel/1 says-what-it-can-do", "text-inference/1 generate-answers"]
    {
        assert!(passed.contains(asked), "{asked}: {passed:?}");
    }
}

#[test]
fn what_cannot_be_tested_says_where_it_was_looked_for() {
    let home = tempfile::tempdir().expect("a folder");
    let refused = |folder: &Path, more: &[&str], exit: i32, code: &str| {
        let (output, envelope) = test(folder, more);
        assert_eq!(output.status.code(), Some(exit), "{envelope:#}");
        assert_eq!(envelope["error"]["code"], code, "{envelope:#}");
        envelope["error"].to_string()
    };
    refused(&home.path().join("nowhere"), &[], 4, "LDR-TEST-PATH");
    refused(home.path(), &[], 4, "LDR-TEST-PATH");
    let source = build::crate_folder(BREAKER);
    let said = refused(&source, &[], 4, "LDR-TEST-LIBRARY");
    assert!(
        said.contains("libpromise_breaker.so") && said.contains("cargo build --release"),
        "{said}"
    );
    let (_home, folder) = breaker("good", |manifest| manifest);
    let said = refused(&folder, &["--only", "shout/1"], 4, "LDR-TEST-ONLY");
    assert!(said.contains("speech/1"), "{said}");
    refused(&folder, &["--plugin-config", "{"], 3, "LDR-TEST-CONFIG");
    let file = home.path().join("no/such/report.xml");
    let file = file.to_str().expect("UTF-8");
    refused(&folder, &["--only", "health/1", "--junit", file], 1, "LDR-TEST-JUNIT");
}

#[test]
fn build_services_and_people_get_a_report_of_their_own() {
    let (home, folder) = breaker("no-reason", |manifest| manifest);
    let file = home.path().join("junit.xml");
    let mut command = Command::new(build::loader());
    command.args(["plugins", "test", "--only", "health/1", "--junit"]).arg(&file).arg(&folder);
    let output = command.output().expect("loader can be run");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("\nbroken: health/1:it says-why\n"), "{said}");
    assert!(said.contains("\n  change: say in `output` what is wrong"), "{said}");
    let xml = fs::read_to_string(&file).expect("the report");
    assert!(xml.contains("failures=\"1\""), "{xml}");
    assert!(
        xml.contains("<testcase classname=\"promise-breaker health/1:it\" name=\"says-why\""),
        "{xml}"
    );
}

/// The plugins that come with the program, and what each provides: as their manifests say and as they
/// register it. Who adds a capability adds a line here.
const OWNERS: &[&str] = &[
    "echo text-inference/1:echo",
    "echo health/1:echo",
    "hello http-route/1:hello",
    "hello health/1:hello",
    "irc channel/1:irc",
    "irc health/1:irc",
    "openai text-inference/1:openai",
    "openai health/1:openai",
    "calculator tool/1:calculate",
    "calculator health/1:calculator",
    "file-search tool/1:file_search",
    "file-search health/1:file-search",
    "espeak speech/1:espeak",
    "reminders chat-command/1:remind",
    "reminders service/1:reminders",
    "reminders scheduled-task/1:reminders.tidy",
    "reminders cli-command/1:reminders",
    "readable web-fetch/1:readable",
];

#[test]
fn what_the_bundled_plugins_provide_has_one_owner_each() {
    let mut declared = BTreeSet::new();
    let mut registered = BTreeSet::new();
    for folder in bundled() {
        let text = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
        let manifest: toml::Table = toml::from_str(&text).expect("TOML");
        let id = manifest["id"].as_str().expect("an id");
        let provides = manifest.get("provides").and_then(|provides| provides.as_table());
        for (contract, ids) in provides.into_iter().flatten() {
            for one in ids.as_array().expect("a list") {
                let name = one.as_str().or_else(|| one.get("id")?.as_str()).expect("an id");
                assert!(declared.insert(format!("{id} {contract}:{name}")));
            }
        }
        // What was asked in a life of its own was registered.
        let (_, envelope) = test(&folder, &[]);
        for case in envelope["data"]["cases"].as_array().expect("cases") {
            let text = |key: &str| case[key].as_str().expect("a text");
            if text("contract") != "plugin" && case["outcome"] == "passed" {
                let one = format!("{} {}:{}", text("plugin"), text("contract"), text("capability"));
                registered.insert(one);
            }
        }
    }
    let golden: BTreeSet<String> = OWNERS.iter().map(|owner| (*owner).to_owned()).collect();
    assert_eq!(declared, golden);
    assert_eq!(registered, golden);
    let claims: Vec<&str> =
        golden.iter().filter_map(|one| one.split_once(' ')).map(|one| one.1).collect();
    assert_eq!(
        claims.iter().collect::<BTreeSet<_>>().len(),
        claims.len(),
        "two owners: {claims:?}"
    );
}
