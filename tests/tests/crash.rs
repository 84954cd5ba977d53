//! Plugins that end the gateway by a fault: the next start names the one, leaves it out, and serves the
//! others.

use integration_tests::{Home, build, gateway::Gateway};
use loader_core::moment;
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::Command,
};

const SEGV: i32 = 11;
const ABRT: i32 = 6;

const INLINE: &str = "[plugins.entries.crasher]\nplacement = \"inline\"\n";

fn home() -> Home {
    let home = Home::new();
    for plugin in ["crasher", "hello", "keeper"] {
        home.add(plugin);
    }
    home
}

/// A configuration that lets `crasher` crash at this step of its life.
fn fault(step: &str) -> String {
    format!("[plugins.entries.crasher.config]\nfault = \"{step}\"\n")
}

async fn body(gateway: &Gateway, path: &str) -> String {
    let response = gateway.get(path).await.expect("it answers");
    response.split_once("\r\n\r\n").expect("a response").1.to_owned()
}

async fn expect_alive(gateway: &Gateway) {
    assert!(body(gateway, "/crasher/").await.contains("alive"));
}

async fn expect_left_out(gateway: &Gateway) {
    assert!(!body(gateway, "/crasher/").await.contains("alive"));
    assert!(body(gateway, "/hello/you").await.contains("hello, you"));
}

/// Asks it to stop; gives all that it said.
async fn stop(mut gateway: Gateway) -> Vec<String> {
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0), "{:#?}", gateway.log());
    gateway.log()
}

/// The number of the generation of `crasher`, as the gateway said when it loaded it.
fn generation(gateway: &Gateway) -> String {
    let log = gateway.log();
    let line = log.iter().find(|line| line.contains("plugin loaded") && line.contains("crasher"));
    let line = line.unwrap_or_else(|| panic!("{log:#?}"));
    let number = line.split("generation=").nth(1).expect("a number");
    number.chars().take_while(char::is_ascii_digit).collect()
}

/// The gateway ends by the signal when it gets this path or, without one, is asked to stop. The next
/// start says so with these words, leaves the plugin out and serves the others.
async fn crashes(config: &str, path: Option<&str>, signal: i32, place: &str) {
    let home = home();
    let mut gateway = Gateway::start(&home, config).await;
    gateway.await_log(0, &["plugin loaded", "crasher"]).await;
    let place = format!("{place} of generation {}", generation(&gateway));
    match path {
        Some(path) => {
            expect_alive(&gateway).await;
            let answer = gateway.get(&format!("/crasher/{path}")).await.unwrap_or_default();
            assert_eq!(answer, "", "nobody is left to answer");
        }
        None => gateway.process.signal("TERM"),
    }
    assert_eq!(gateway.killed().await, Some(signal), "{:#?}", gateway.log());
    let said = fs::read_to_string(home.state().with_file_name("loader.toml")).expect("it is there");
    assert_eq!(said, config, "the configuration is kept");

    let gateway = Gateway::start(&home, config).await;
    let words = ["LDR-CRASH-PLUGIN", "crasher", "version 0.1.0", &place];
    gateway.await_log(0, &words).await;
    gateway.await_log(0, &["LDR-VET-QUARANTINED", "crasher"]).await;
    expect_left_out(&gateway).await;
    stop(gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_a_call() {
    crashes("", Some("segfault"), SEGV, "(SIGSEGV) in `http-route/1/handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_in_a_call() {
    crashes("", Some("abort"), ABRT, "(SIGABRT) in `http-route/1/handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_when_a_call_goes_on() {
    crashes("", Some("later"), SEGV, "(SIGSEGV) in `http-route/1/handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_an_inline_call() {
    crashes(INLINE, Some("segfault"), SEGV, "(SIGSEGV) in `http-route/1/handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_when_an_inline_call_goes_on() {
    crashes(INLINE, Some("later"), SEGV, "(SIGSEGV) in `http-route/1/handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_stack_in_a_call() {
    // The standard library says its words too, and ends the process by an abort.
    let place = "(SIGSEGV) at the end of its stack in `http-route/1/handle`";
    crashes("", Some("overflow"), ABRT, place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_on_a_thread_of_its_own() {
    crashes("", Some("thread"), SEGV, "(SIGSEGV) on its thread `crasher-own`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_on_a_thread_of_its_own() {
    crashes("", Some("thread-abort"), ABRT, "(SIGABRT) on its thread `crasher-own`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_stack_on_a_thread_of_its_own() {
    let place = "(SIGSEGV) at the end of its stack on its thread `crasher-own`";
    crashes("", Some("thread-overflow"), SEGV, place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_the_end_of_a_thread_of_its_own() {
    crashes("", Some("thread-end"), SEGV, "(SIGSEGV) on its thread `crasher-own`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_while_it_stops() {
    crashes(&fault("stop"), None, SEGV, "(SIGSEGV) in `ldr/1/stop`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_while_it_is_dropped() {
    crashes(&fault("drop"), None, SEGV, "(SIGSEGV) in `drop`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_the_background() {
    crashes("", Some("background"), SEGV, "(SIGSEGV) in `ldr/1/run`").await;
}

/// Lets `crasher` crash in a call.
async fn crash(home: &Home, arguments: &[&str]) {
    let mut gateway = Gateway::start_with(home, "", arguments).await;
    let _ = gateway.get("/crasher/segfault").await;
    assert_eq!(gateway.killed().await, Some(SEGV), "{:#?}", gateway.log());
}

/// The product with this home's folders, run to its end: its exit code and its JSON answer.
fn command(home: &Home, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(build::loader());
    command.env_clear().arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).args(arguments).arg("--json");
    let output = command.output().expect("the product");
    let answer = serde_json::from_slice(&output.stdout);
    (output.status.code(), answer.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn status(home: &Home) -> Value {
    let (_, list) = command(home, &["plugins", "list"]);
    list["data"]["plugins"][0]["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_it_overrides_it_and_ends_it() {
    let home = home();
    crash(&home, &[]).await;
    // Before any start has read the record.
    assert_eq!(status(&home), "quarantined");
    crash(&home, &["--no-safe-boot"]).await;

    let (_, list) = command(&home, &["plugins", "quarantine", "list"]);
    let [record] = &list["data"]["quarantined"].as_array().expect("a list")[..] else {
        panic!("one library: {list:#}");
    };
    assert_eq!((&record["plugin"], &record["version"]), (&json!("crasher"), &json!("0.1.0")));
    assert_eq!((&record["signal"], &record["phase"]), (&json!(11), &json!("serving")));
    let crash = &record["crash"];
    assert_eq!((&crash["count"], &crash["operation"]), (&json!(2), &json!("http-route/1/handle")));
    assert_eq!((&crash["in_library"], &crash["address"]), (&json!(true), &json!(8)));
    assert_eq!(crash["times"].as_array().map(Vec::len), Some(2));
    let (_, doctor) = command(&home, &["doctor"]);
    assert!(doctor.to_string().contains("LDR-DOCTOR-QUARANTINE"), "{doctor:#}");
    assert!(doctor.to_string().contains("the last of 2 times"), "{doctor:#}");

    // It is left out, and served again when it is asked for.
    let gateway = Gateway::start(&home, "").await;
    gateway.await_log(0, &["LDR-VET-QUARANTINED", "the last of 2 times"]).await;
    expect_left_out(&gateway).await;
    stop(gateway).await;
    let gateway = Gateway::start_with(&home, "", &["--no-safe-boot"]).await;
    gateway.await_log(0, &["LDR-CRASH-SERVED", "crasher"]).await;
    expect_alive(&gateway).await;
    stop(gateway).await;
    assert_eq!(status(&home), "quarantined", "what is remembered stays");

    let (_, cleared) = command(&home, &["plugins", "quarantine", "clear", "crasher"]);
    assert_eq!(cleared["data"]["released"][0]["plugin"], "crasher", "{cleared:#}");
    let gateway = Gateway::start(&home, "").await;
    expect_alive(&gateway).await;
    stop(gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_that_no_start_has_read_is_cleared_too() {
    let home = home();
    crash(&home, &[]).await;
    let (code, cleared) = command(&home, &["plugins", "quarantine", "clear", "crasher"]);
    assert_eq!(code, Some(0), "{cleared:#}");
    assert_eq!(status(&home), "ok");
    let gateway = Gateway::start(&home, "").await;
    expect_alive(&gateway).await;
    let log = stop(gateway).await;
    assert!(!log.iter().any(|line| line.contains("LDR-CRASH")), "{log:#?}");
}

/// Makes other bytes of the library, which work the same.
fn rebuild(home: &Home) {
    let library = home.plugins().join("crasher/libcrasher.so");
    let mut file = OpenOptions::new().append(true).open(library).expect("the library");
    file.write_all(b"\n").expect("one more byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_served_and_ten_crashes_lose_nothing_of_others() {
    let home = home();
    for round in 0..10 {
        let mut gateway = Gateway::start(&home, "").await;
        // What others kept before every crash so far is there.
        for earlier in 0..round {
            assert_eq!(body(&gateway, &format!("/keeper/get/key{earlier}")).await, "value");
        }
        assert!(body(&gateway, &format!("/keeper/put/key{round}/value")).await.contains("kept"));
        expect_alive(&gateway).await;
        let _ = gateway.get("/crasher/segfault").await;
        assert_eq!(gateway.killed().await, Some(SEGV), "{:#?}", gateway.log());
        assert_eq!(status(&home), "quarantined");
        rebuild(&home);
        assert_eq!(status(&home), "ok");
    }
    let gateway = Gateway::start(&home, "").await;
    for earlier in 0..10 {
        assert_eq!(body(&gateway, &format!("/keeper/get/key{earlier}")).await, "value");
    }
    stop(gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_from_outside_blames_nobody() {
    let home = home();
    let mut gateway = Gateway::start(&home, "").await;
    gateway.process.signal("SEGV");
    assert_eq!(gateway.killed().await, Some(SEGV));
    let gateway = Gateway::start(&home, "").await;
    gateway.await_log(0, &["LDR-CRASH-PROGRAM", "SIGSEGV", "which process"]).await;
    expect_alive(&gateway).await;
    stop(gateway).await;
    let (_, list) = command(&home, &["plugins", "quarantine", "list"]);
    assert_eq!(list["data"]["quarantined"], json!([]));
}

fn records(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.state().join("crash")).expect("the folder of records");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_said_once_and_set_aside() {
    let home = home();
    crash(&home, &[]).await;
    let [record] = &records(&home)[..] else { panic!("one record: {:?}", records(&home)) };
    let mut bytes = fs::read(record).expect("a record");
    bytes[100] ^= 1;
    fs::write(record, bytes).expect("damage");
    let gateway = Gateway::start(&home, "").await;
    gateway.await_log(0, &["LDR-CRASH-DAMAGED"]).await;
    expect_alive(&gateway).await;
    stop(gateway).await;
    assert!(records(&home).contains(&record.with_extension("damaged")), "{:?}", records(&home));
    let gateway = Gateway::start(&home, "").await;
    let log = stop(gateway).await;
    assert!(!log.iter().any(|line| line.contains("LDR-CRASH")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_crashes_again_and_again_by_itself_does_not_start() {
    let home = home();
    let now = moment::now();
    let folder = home.state().join("trust/crashes");
    fs::create_dir_all(&folder).expect("a folder");
    let remember = |times: &[u64]| {
        fs::write(folder.join("of-nobody"), json!(times).to_string()).expect("it is written");
    };
    let run = ["run", "--listen", "127.0.0.1:0"];
    remember(&[now - 20, now - 10, now]);
    let (code, answer) = command(&home, &run);
    assert_eq!(code, Some(5), "{answer:#}");
    assert_eq!(answer["error"]["code"], "LDR-CRASH-LOOP", "{answer:#}");
    let (_, doctor) = command(&home, &["doctor"]);
    assert!(doctor.to_string().contains("LDR-CRASH-LOOP"), "{doctor:#}");
    stop(Gateway::start_with(&home, "", &["--no-safe-boot"]).await).await;
    // Two of them, and one of long ago.
    remember(&[now - 3600, now - 10, now]);
    stop(Gateway::start(&home, "").await).await;
}
