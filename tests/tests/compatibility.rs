//! Hosts and plugins that were built apart: with other minor and major versions of the interface,
//! and with other releases of rustc. Real libraries, made by `tests/fixtures/abi-next/make` and
//! `tests/toolchains/build-plugins`.

use integration_tests::{Home, build, expect_no_error, expect_unloaded, get, mapped_images};
use loader_core::{Engine, diagnostic::Diagnostic};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

fn run(command: &mut Command) -> Output {
    let output = command.env("CARGO_TARGET_DIR", build::target()).output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What today's host says of one plugin.
async fn load(home: &Home, plugin: &str) -> (Engine, Vec<Diagnostic>) {
    let engine = Engine::new(home.options()).expect("an engine");
    let findings = engine.load(&home.candidate(plugin)).await;
    (engine, findings)
}

/// A refusal as a terminal shows it: at most ten lines that say who has what, and what to do.
fn expect_short_refusal(findings: &[Diagnostic], code: &str, says: &[&str]) {
    let [finding] = findings else { panic!("one diagnostic: {findings:#?}") };
    assert!(finding.is_error());
    assert_eq!(finding.code, code, "{finding}");
    let text = format!("{finding}\nhint: {}", finding.hint.as_deref().expect("a hint"));
    assert!(text.lines().count() <= 10, "{text}");
    for part in says {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn todays_host_serves_a_plugin_of_the_next_minor() {
    let home = Home::new();
    home.add("abi-next");
    let (engine, findings) = load(&home, "abi-next").await;
    expect_no_error(&findings);
    // The operation that today's host does not have is answered by its default body.
    assert_eq!(get(&engine, "abi-next", "/").await.expect("an answer"), "host load -1");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

/// Runs the host of the next minor on one plugin.
fn next_host(home: &Home, plugin: &str) -> serde_json::Value {
    let host = build::program("host-next");
    let output =
        run(Command::new(host).arg(home.plugins()).arg(plugin).arg(build::library(plugin)));
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
}

#[test]
fn the_next_minors_host_serves_todays_plugin() {
    let home = Home::new();
    home.add("bare-call");
    let report = next_host(&home, "bare-call");
    assert_eq!(report["abi"], "1.1");
    assert_eq!(report["engine"], "hello");
    assert_eq!(report["direct"], "hello");
    assert_eq!(report["plugin_count"], serde_json::Value::Null, "a field that is missing is none");
    assert_eq!(report["tasks"], -1, "a method that is missing runs its default body");
}

/// Without this, the two tests above could pass because the additions never work.
#[test]
fn the_next_minor_has_what_it_added() {
    let home = Home::new();
    home.add("abi-next");
    let report = next_host(&home, "abi-next");
    assert_eq!(report["plugin_count"], 1);
    assert_eq!(report["tasks"], 0);
    assert_eq!(report["direct"], "host load 7");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_major_is_refused_before_it_is_opened() {
    let home = Home::new();
    home.add_built("bare-call", &build::library("abi-major"));
    let (_, findings) = load(&home, "bare-call").await;
    let says = ["interface 2.0", "this host has interface 1.0", "upgrade loader"];
    expect_short_refusal(&findings, "LDR-VET-ABI", &says);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_major_is_refused_even_if_its_metadata_lies() {
    let home = Home::new();
    let folder = home.add_built("bare-call", &build::library("abi-major"));
    let library = folder.join("libbare_call.so");
    let mut bytes = fs::read(&library).expect("a library");
    let (truth, lie) = (br#"{"abi":"2.0""#, br#"{"abi":"1.0""#);
    let places: Vec<usize> =
        (0..bytes.len()).filter(|&at| bytes[at..].starts_with(truth)).collect();
    assert!(!places.is_empty(), "the metadata says 2.0");
    for at in places {
        bytes[at..at + lie.len()].copy_from_slice(lie);
    }
    fs::write(&library, bytes).expect("a changed library");
    let (_, findings) = load(&home, "bare-call").await;
    let says = ["interface 2.0.0", "this host has 1.0.0", "upgrade loader"];
    expect_short_refusal(&findings, "LDR-IMAGE-ABI", &says);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new(), "the refused image is let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_struct_is_refused_by_its_field() {
    let home = Home::new();
    home.add_built("bare-call", &build::library("abi-changed"));
    let (_, findings) = load(&home, "bare-call").await;
    let says = ["`CallContext`", "`idempotency_key`", "rebuild the plugin"];
    expect_short_refusal(&findings, "LDR-IMAGE-LAYOUT", &says);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new(), "the refused image is let go");
}

/// Fixtures built with another release of rustc; none if this machine cannot have it.
fn built_by(release: &str) -> Option<PathBuf> {
    let script = build::repository().join("tests/toolchains/build-plugins");
    let output = run(Command::new(script).arg(release));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    if output.status.success() {
        return Some(last.into());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(last.starts_with("not run: "), "{stdout}{errors}");
    assert!(std::env::var_os("LOADER_TEST_STRICT").is_none(), "{last}");
    println!("{last}");
    None
}

async fn serves_plugins_built_by(release: &str) {
    let Some(built) = built_by(release) else { return };
    let home = Home::new();
    home.add_built("bare-call", &built.join("libbare_call.so"));
    home.add_built("thread-locals", &built.join("libthread_locals.so"));
    let facts = fs::read(built.join("libbare_call.so")).expect("a library");
    let compiler = format!("\"rustc\":\"rustc {release}.");
    assert!(facts.windows(compiler.len()).any(|bytes| bytes == compiler.as_bytes()));
    let engine = Engine::new(home.options()).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let answers = (0..100).map(|_| get(&engine, "thread-locals", "/"));
    for answer in futures_util::future::join_all(answers).await {
        assert!(answer.expect("an answer").contains("ThreadId"));
    }
    assert_eq!(get(&engine, "bare-call", "/").await.expect("an answer"), "");
    assert_eq!(mapped_images(&home.state()).len(), 2);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_built_by_rustc_1_85_loads_answers_and_leaves() {
    serves_plugins_built_by("1.85").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_built_by_rustc_1_96_loads_answers_and_leaves() {
    serves_plugins_built_by("1.96").await;
}
