//! `loader plugins test`: the bundled plugins keep what their contracts promise, and each way of breaking
//! a promise is found, named, and said how to mend.

use integration_tests::build;
use loader_testkit::suite;
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

/// A build of the breaker, the only contract that is asked about, the promises it breaks there, and words of
/// what each says is to be changed.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str);

const BROKEN: &[Row] = &[
    ("start-error", "plugin", &["starts", "starts-with-nothing"], "return the plugin"),
    ("start-panics", "plugin", &["starts", "starts-with-nothing"], "instead of panicking"),
    ("never-starts", "plugin", &["starts", "starts-with-nothing"], "--timeout"),
    ("never-ready", "plugin", &["can-be-replaced"], "ready"),
    ("leaves-thread", "plugin", &["leaves-when-asked"], "host.spawn"),
    ("leaves-thread", "tool/1", &["leaves-when-asked"], "host.spawn"),
    ("nine-lives", "plugin", &["comes-again"], "let nothing outlive it"),
    ("undescribed", "tool/1", &["answers-what-it-must"], "answer it, as a call"),
    ("any-method", "tool/1", &["refuses-unknown-methods"], "Error::unimplemented"),
    ("method-panics", "tool/1", &["refuses-unknown-methods"], "Error::unimplemented"),
    ("method-fails", "tool/1", &["refuses-unknown-methods"], "Error::unimplemented"),
    ("takes-garbage", "tool/1", &["refuses-garbage"], "Error::invalid"),
    ("garbage-panics", "tool/1", &["refuses-garbage"], "Error::invalid"),
    ("garbage-fails", "tool/1", &["refuses-garbage"], "Error::invalid"),
    ("is-strict", "tool/1", &["ignores-newer-fields"], "deny_unknown_fields"),
    ("strict-at-last", "tool/1", &["ignores-newer-fields"], "deny_unknown_fields"),
    ("blocks", "tool/1", &["bears-short-deadlines"], "await"),
    ("leaks-lock", "tool/1", &["bears-short-deadlines"], "Drop"),
    ("one-at-a-time", "tool/1", &["answers-many-at-once"], "mutex"),
    ("leaks-tasks", "tool/1", &["leaves-nothing-running"], "what a call begins ends with it"),
    ("no-description", "tool/1", &["describes-what-it-does"], "what the tool does"),
    ("array-schema", "tool/1", &["schema-is-an-object"], "describe_tool"),
    ("broken-schema", "tool/1", &["schema-compiles"], "correct the schema"),
    ("unsteady", "tool/1", &["description-is-steady"], "the same way"),
    ("call-fails", "tool/1", &["answers-a-call"], "ToolAnswer::failed"),
    ("call-panics", "tool/1", &["answers-a-call", "answers-what-it-must"], "instead of panicking"),
    ("never-answers", "tool/1", &["answers-a-call"], "--timeout"),
    ("other-answer", "tool/1", &["answers-a-call"], "the contract's own type"),
    ("empty-answer", "tool/1", &["answer-says-something"], "ToolAnswer::done"),
    ("silent-failure", "tool/1", &["answer-says-something"], "ToolAnswer::failed"),
    ("long-answer", "tool/1", &["answer-is-within-size"], "cut the answer"),
    ("no-telephony", "speech/1", &["answers-what-it-lists"], "answer it, as a stream"),
    ("no-rate", "speech/1", &["says-what-audio-it-is"], "sample_rate"),
    ("no-media-type", "speech/1", &["names-the-media-type"], "AudioSink::begin"),
    ("silent", "speech/1", &["audio-comes-whole"], "AudioSink::write"),
    ("breaks-off", "speech/1", &["audio-comes-whole"], "write all of it"),
    ("no-wav", "speech/1", &["wav-is-a-wav"], "RIFF"),
    ("other-rate", "speech/1", &["wav-is-a-wav"], "what the file says"),
    ("only-wav", "speech/1", &["keeps-to-the-format"], "Synthesize::format"),
    ("refuses-own", "speech/1", &["keeps-to-the-format"], "where none is asked for"),
    ("any-voice", "speech/1", &["refuses-unknown-voices"], "voice_not_found"),
    ("twin-voices", "speech/1", &["voices-are-told-apart"], "the same id"),
    ("nameless-voice", "speech/1", &["voices-are-told-apart"], "the id of each voice"),
    ("dumb-voice", "speech/1", &["voices-speak"], "list no voice"),
    ("telephone-wav", "speech/1", &["telephony-is-pcm"], "pcm-s16le"),
    ("odd-samples", "speech/1", &["telephony-is-pcm"], "two bytes"),
    ("tel-breaks-off", "speech/1", &["telephony-is-pcm"], "write all of it"),
    (
        "other-code",
        "speech/1",
        &["keeps-to-the-format", "refuses-unknown-formats"],
        "format_unsupported",
    ),
    ("twin-models", "text-inference/1", &["models-are-told-apart"], "the same id"),
    ("no-finish", "text-inference/1", &["stream-ends-with-finish"], "events.finish"),
    ("after-finish", "text-inference/1", &["stream-ends-with-finish"], "as the last event"),
    ("endless", "text-inference/1", &["stream-ends-with-finish"], "return when all is said"),
    ("stream-leaks", "text-inference/1", &["stream-ends-with-its-caller"], "stop the task"),
    ("says-nothing", "text-inference/1", &["stream-says-something"], "events.text"),
    (
        "other-role",
        "text-inference/1",
        &["generate-answers", "generate-can-be-opened"],
        "Role::Assistant",
    ),
    (
        "empty-message",
        "text-inference/1",
        &["generate-answers", "generate-can-be-opened"],
        "message.content",
    ),
    ("no-generate", "text-inference/1", &["generate-answers"], "both ways"),
    ("no-open-generate", "text-inference/1", &["answers-what-it-must"], "as a stream"),
    ("gen-breaks-off", "text-inference/1", &["generate-can-be-opened"], "answer to the end"),
    ("disagrees", "text-inference/1", &["generate-and-stream-agree"], "from the same source"),
    ("any-model", "text-inference/1", &["refuses-unknown-models"], "model_not_found"),
    ("part-panics", "text-inference/1", &["bears-unknown-parts"], "Part::Unknown"),
    ("no-talk", "channel/1", &["says-what-it-can-do"], "direct"),
    ("no-room", "channel/1", &["says-what-it-can-do"], "leave `text_limit` out"),
    ("ghost-account", "channel/1", &["has-no-accounts-at-first"], "and no others"),
    ("strict-connect", "channel/1", &["ignores-newer-fields"], "deny_unknown_fields"),
    ("any-settings", "channel/1", &["refuses-nonsense-settings"], "account_invalid"),
    ("all-is-well", "channel/1", &["status-answers-after-nonsense"], "failed, or not at all"),
    ("still-connected", "channel/1", &["disconnect-bears-unknown-accounts"], "unknown_account"),
    ("sends-anyway", "channel/1", &["send-refuses-unknown-accounts"], "unknown_account"),
    ("send-fails", "channel/1", &["send-refuses-unknown-accounts"], "unknown_account"),
    ("sends-twice", "channel/1", &["a-repeated-send-ends-the-same"], "idempotency key"),
    ("fears-paths", "http-route/1", &["answers-every-path"], "Error::not_found"),
    ("fears-head", "http-route/1", &["answers-every-method"], "instead of panicking"),
    ("odd-status", "http-route/1", &["answers-every-method"], "200 to 599"),
    ("fears-queries", "http-route/1", &["bears-queries"], "Error::not_found"),
    ("fears-bodies", "http-route/1", &["takes-large-bodies"], "Error::not_found"),
    ("odd-header", "http-route/1", &["headers-are-headers"], "in the body"),
    ("late-header", "http-route/1", &["headers-are-headers"], "in the body"),
    ("other-event", "hook/1", &["refuses-what-it-does-not-list"], "the event that `on` names"),
    ("other-change", "hook/1", &["answers-its-event"], "the contract's own type"),
    ("empty-event", "hook/1", &["answers-an-empty-event"], "instead of panicking"),
    ("slow-hook", "hook/1", &["keeps-its-deadline"], "deadline_ms"),
    ("other-field", "hook/1", &["changes-only-what-it-may"], "text, drop"),
    ("run-fails", "scheduled-task/1", &["runs"], "nothing to do end well"),
    ("second-run-fails", "scheduled-task/1", &["runs-again"], "nothing to do end well"),
    ("slow-run", "scheduled-task/1", &["keeps-its-time"], "timeout_ms"),
    ("never-begins", "service/1", &["starts-its-work"], "begin the work and return"),
    ("never-stops", "service/1", &["stops-its-work"], "wake the task"),
    ("cannot-stop", "service/1", &["stops-its-work"], "end the work and return"),
    ("begins-one-time", "service/1", &["starts-again-after-a-stop"], "begin the work anew"),
    ("starts-once", "service/1", &["bears-a-second-start"], "where the work goes on already"),
    ("stops-once", "service/1", &["bears-a-second-stop"], "where no work goes on"),
    ("no-status", "service/1", &["says-how-it-is"], "the contract's own type"),
    ("waits-for-more", "cli-command/1", &["ends-when-its-input-ends"], "--timeout"),
    ("high-exit", "cli-command/1", &["ends-with-an-exit-code"], "0 to 63"),
    ("talks-on", "cli-command/1", &["ends-with-an-exit-code"], "then return the exit code"),
    ("to-a-printer", "cli-command/1", &["writes-output-as-data"], "stderr"),
    ("word-panics", "cli-command/1", &["runs-with-arguments"], "instead of panicking"),
    ("needs-arguments", "chat-command/1", &["answers-without-arguments"], "Error::invalid"),
    ("fears-arguments", "chat-command/1", &["answers-any-arguments"], "Error::invalid"),
    ("long-reply", "chat-command/1", &["replies-fit-a-chat"], "answer with less"),
    ("no-status", "web-fetch/1", &["answers-a-page"], "the status of HTTP"),
    ("no-title", "web-fetch/1", &["page-has-its-title"], "<title>"),
    ("marked-up", "web-fetch/1", &["text-has-no-markup"], "without its tags"),
    ("other-type", "web-fetch/1", &["writes-what-is-asked-for"], "PageFormat::media_type"),
    ("never-cut", "web-fetch/1", &["keeps-to-max-bytes"], "truncated"),
    ("any-address", "web-fetch/1", &["refuses-what-is-no-address"], "url_invalid"),
    ("any-scheme", "web-fetch/1", &["refuses-other-schemes"], "url_forbidden"),
    ("only-found", "web-fetch/1", &["answers-any-status"], "is no error"),
    ("follows-on", "web-fetch/1", &["hands-redirects-on"], "`location`"),
    ("no-location", "web-fetch/1", &["hands-redirects-on"], "`location`"),
    ("reads-on", "web-fetch/1", &["hands-redirects-on"], "no content"),
    ("reads-pictures", "web-fetch/1", &["refuses-what-is-no-text"], "not_text"),
    ("no-reason", "health/1", &["says-why"], "HealthReport::warn"),
    ("no-report", "health/1", &["reports"], "the contract's own type"),
    ("slow-check", "health/1", &["answers-within-a-second"], "in the background"),
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
    // An error that is not the plugin's own fault is an answer.
    ("says-4xx", [""; 2], "http-route/1", "answers-every-path", None),
    ("says-4xx", [""; 2], "http-route/1", "answers-every-method", None),
    ("says-4xx", [""; 2], "http-route/1", "takes-large-bodies", None),
    ("says-usage", [""; 2], "chat-command/1", "answers-without-arguments", None),
    ("says-usage", [""; 2], "chat-command/1", "answers-any-arguments", None),
    ("says-usage", [""; 2], "chat-command/1", "replies-fit-a-chat", Some("with an error")),
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

/// Fails unless exactly these promises are broken, each with these words of what to change.
fn expect_broken(
    what: &str,
    (output, envelope): &(Output, Value),
    only: &str,
    names: &[&str],
    change: &str,
) {
    let expected: BTreeSet<String> = names.iter().map(|name| format!("{only} {name}")).collect();
    assert_eq!(cases(envelope, "failed"), expected, "{what}: {envelope:#}");
    assert_eq!(output.status.code(), Some(1), "{what}");
    assert_eq!(envelope["error"]["code"], "LDR-TEST-BROKEN", "{what}");
    for case in envelope["data"]["cases"].as_array().expect("cases") {
        if case["outcome"] == "failed" {
            let text = |key: &str| case[key].as_str().unwrap_or_default();
            assert!(text("message").len() > 15, "{what} has no message: {case:#}");
            assert!(text("hint").contains(change), "{what} does not say `{change}`: {case:#}");
        }
    }
}

#[test]
fn each_broken_promise_is_found_and_no_other() {
    assert!(BROKEN.len() >= 40);
    try_all(BROKEN, |(name, only, names, change)| {
        let (_home, folder) = breaker(name, |manifest| manifest);
        let tested = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &tested, only, names, change);
    });
}

/// A text of the good build's manifest, what stands in its place, the only contract that is asked about, the
/// promise that is broken then, and words of what it says is to be changed.
type Declared = (&'static str, &'static str, &'static str, &'static str, &'static str);

const DECLARED: &[Declared] = &[
    (
        "description = \"Provides everything; each build breaks one promise.\"\n",
        "",
        "plugin",
        "manifest-has-a-description",
        "description = ",
    ),
    ("licence = \"MIT OR Apache-2.0\"\n", "", "plugin", "manifest-names-a-licence", "licence = "),
    (
        "\"tool/1\" = [{ id = \"it\", about = \"Does it.\" }]",
        "\"tool/1\" = [\"it\"]",
        "plugin",
        "capabilities-say-what-they-do",
        "about = ",
    ),
    (
        "timeout_ms = 1000",
        "timeout_ms = \"1 s\"",
        "plugin",
        "attributes-fit-their-contracts",
        "The longest a run may take",
    ),
    (
        "on = \"message_received\", ",
        "",
        "plugin",
        "attributes-fit-their-contracts",
        "add it to its table",
    ),
    (
        "methods = [\"status\"]",
        "methods = [\"start\"]",
        "plugin",
        "methods-are-optional-ones",
        "status",
    ),
    ("prefix = \"/twin\"", "prefix = \"/v1/twin\"", "plugin", "prefix-can-be-served", "`/shop`"),
    ("prefix = \"/twin\"", "prefix = \"twin/\"", "plugin", "prefix-can-be-served", "`/shop`"),
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
        "[provides]",
        "[config]\nschema = \"config.schema.json\"\n\n[provides]",
        "plugin",
        "starts-with-defaults",
        "correct",
    ),
    (
        "methods = [\"voices\", \"telephony\"]",
        "methods = [\"voices\"]",
        "speech/1",
        "refuses-what-it-does-not-list",
        "methods = [\"telephony\"]",
    ),
    (
        "about = \"A word.\"",
        "about = \"\"",
        "cli-command/1",
        "arguments-are-described",
        "`--help` shows it",
    ),
    (
        "name = \"word\"",
        "name = \"Word\"",
        "cli-command/1",
        "arguments-are-described",
        "lower-case words",
    ),
    (
        "name = \"word\", about = \"A word.\"",
        "name = \"json\", about = \"A word.\", kind = \"flag\"",
        "cli-command/1",
        "arguments-are-described",
        "lower-case words",
    ),
    (
        "about = \"A word.\" }",
        "about = \"A word.\" }, { name = \"last\", about = \"Needed.\", required = true }",
        "cli-command/1",
        "arguments-are-described",
        "comes first",
    ),
];

/// A schema whose default the plugin, which has no settings, does not take.
const SCHEMA: &str =
    r#"{ "type": "object", "properties": { "word": { "type": "string", "default": "x" } } }"#;

#[test]
fn what_a_manifest_promises_is_looked_at_too() {
    try_all(DECLARED, |(text, instead, only, name, change)| {
        let (_home, folder) = breaker("good", |manifest| {
            assert!(manifest.contains(text), "{text}");
            manifest.replacen(text, instead, 1)
        });
        fs::write(folder.join("config.schema.json"), SCHEMA).expect("a file");
        let tested = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &tested, only, &[*name], change);
    });
}

/// A build of the breaker that ends the process, the only contract that is asked about, the promises that are
/// broken then, and what is said of the end.
const ENDING: &[Row] = &[
    ("start-exits", "plugin", &["describes-itself"], "exit code 3"),
    ("start-aborts", "plugin", &["describes-itself"], "signal 6 (SIGABRT)"),
    ("start-aborts", "tool/1", &["starts"], "signal 6 (SIGABRT)"),
    ("call-aborts", "tool/1", &["answers-what-it-must"], "signal 6 (SIGABRT)"),
    ("call-exits", "tool/1", &["answers-what-it-must"], "exit code 0"),
    ("bad-end", "plugin", &["leaves-when-asked", "process-ends-well"], "exit code 7"),
];

#[test]
fn a_plugin_that_ends_the_process_is_a_broken_promise() {
    try_all(ENDING, |(name, only, broken, said)| {
        let (_home, folder) = breaker(name, |manifest| manifest);
        let tested = test(&folder, &["--only", only, "--timeout", "2"]);
        expect_broken(name, &tested, only, broken, "");
        let message = tested.1["error"]["message"].as_str().expect("a message");
        for broken in *broken {
            assert!(message.contains(broken), "{message}");
        }
        let cases = tested.1["data"]["cases"].to_string();
        assert!(cases.contains(said), "{name}: {cases}");
    });
}

#[test]
fn every_promise_is_broken_by_something() {
    let declared = DECLARED.iter().map(|(_, _, only, name, _)| (*only, *name));
    let built = BROKEN.iter().chain(ENDING);
    let built = built.flat_map(|(_, only, names, _)| names.iter().map(|name| (*only, *name)));
    let broken: BTreeSet<(&str, &str)> = declared.chain(built).collect();
    let is_broken = |whose: &str, name: &str| match whose {
        "every" => broken.iter().any(|(only, broken)| *only != "plugin" && *broken == name),
        whose => broken.contains(&(whose, name)),
    };
    let all = suite::promises();
    let whole: Vec<_> = all.iter().filter(|(whose, name, _)| !is_broken(whose, name)).collect();
    assert!(whole.is_empty(), "nothing breaks {whole:?}");
}

#[test]
fn the_others_are_asked_after_one_has_crashed() {
    let (_home, folder) = breaker("call-aborts", |manifest| manifest);
    let tested = test(&folder, &["--timeout", "2"]);
    expect_broken("all", &tested, "tool/1", &["answers-what-it-must"], "");
    let passed = cases(&tested.1, "passed");
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
