//! Scheduled tasks in a gateway that runs: when they come, what becomes of those that meet, and of those
//! whose plugin is replaced. What the clock decides is held to the millisecond beside the scheduler itself.

use integration_tests::{
    Home, build,
    gateway::Gateway,
    upkeep::{add, ask, lines, moment, refused, replace},
};
use serde_json::{Value, json};
use std::process::Command;

const LIST: &str = "scheduled-task/1/list";

/// A task as `list` shows it.
async fn listed(gateway: &Gateway, task: &str) -> Value {
    let list = ask(gateway, LIST, json!({})).await;
    let tasks = list["tasks"].as_array().expect("tasks").iter();
    tasks.clone().find(|one| one["id"] == task).unwrap_or_else(|| panic!("{list:#}")).clone()
}

fn count(listed: &Value, key: &str) -> u64 {
    listed[key].as_u64().expect("a number")
}

/// Where in the log a line is that has all of these.
fn place(gateway: &Gateway, parts: &[&str]) -> usize {
    let log = gateway.log();
    let at = log.iter().position(|line| parts.iter().all(|part| line.contains(part)));
    at.unwrap_or_else(|| panic!("no line has {parts:?}:\n{}", log.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_interval_is_waited_for_and_a_run_that_fails_is_not_the_last() {
    let home = Home::new();
    add(
        &home,
        "{ id = \"sweep\", interval_ms = 1000, skip_initial_run = true },
         { id = \"stumble\", interval_ms = 200, jitter_ms = 50 },",
    );
    let gateway = Gateway::start(&home, "").await;
    gateway.await_log(0, &["service started", "second"]).await;
    let early = listed(&gateway, "sweep").await;
    assert_eq!((&early["interval_ms"], &early["enabled"]), (&json!(1000), &json!(true)));
    gateway.await_log(0, &["a run begins: sweep #1 "]).await;
    let started = moment(&lines(&gateway, &["service started", "second"])[0]);
    let waited = moment(&lines(&gateway, &["a run begins: sweep"])[0]) - started;
    assert!((1.0..10.0).contains(&waited), "the first run came after {waited} s");
    let stumbled = moment(&lines(&gateway, &["a run begins: stumble #1 "])[0]) - started;
    assert!(stumbled < waited, "one that waits for nothing came after {stumbled} s");

    gateway.await_log(0, &["a run ends: stumble #2 "]).await;
    assert_eq!(lines(&gateway, &["the task failed", "the first run stumbles", "no_luck"]).len(), 1);
    let stumble = listed(&gateway, "stumble").await;
    assert_eq!(count(&stumble, "failed"), 1);
    assert_eq!(stumble["last_error"], "the first run stumbles (no_luck)");
    assert!(stumble["next_ms"].is_u64(), "{stumble:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_meet_are_left_out_wait_or_go_beside_each_other() {
    for overlap in ["skip", "queue", "allow"] {
        let home = Home::new();
        add(
            &home,
            &format!(
                "{{ id = \"sweep\", interval_ms = 300, overlap = \"{overlap}\" }},\n{{ id = \"stumble\" }},"
            ),
        );
        let gateway =
            Gateway::start(&home, "[plugins.entries.upkeep.config]\ntakes_ms = 1000\n").await;
        gateway.await_log(0, &["a run begins: sweep #2 "]).await;
        let sweep = listed(&gateway, "sweep").await;
        let second = place(&gateway, &["a run begins: sweep #2 "]);
        if overlap == "allow" {
            gateway.await_log(0, &["a run ends: sweep #1 "]).await;
            assert_eq!(count(&sweep, "skipped"), 0);
            assert!(second < place(&gateway, &["a run ends: sweep #1 "]));
            continue;
        }
        let first = place(&gateway, &["a run ends: sweep #1 "]);
        assert!(first < second, "{overlap}");
        // Three came while the first went on; of those that queue, one was not left out.
        let least = if overlap == "skip" { 3 } else { 2 };
        assert!(count(&sweep, "skipped") >= least, "{overlap}: {sweep:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_on_while_its_plugin_is_replaced_and_ends_with_it() {
    let home = Home::new();
    add(&home, "{ id = \"sweep\", interval_ms = 250 },\n{ id = \"stumble\" },");
    let gateway = Gateway::start(&home, "").await;
    gateway.await_log(0, &["a run ends: sweep #2 "]).await;
    replace(&home, "fresh");
    gateway.await_log(0, &["a run ends: sweep", "of fresh"]).await;
    let first = &lines(&gateway, &["a run begins: sweep", "of fresh"])[0];
    let number = first.split_once('#').and_then(|(_, rest)| rest.split(' ').next());
    let number: u64 = number.expect("a number").parse().expect("a number");
    assert!(number > 2, "it began to count anew: {first}");
    // The next begins when this one has been counted.
    gateway.await_log(0, &[&format!("a run begins: sweep #{} ", number + 1)]).await;
    let sweep = listed(&gateway, "sweep").await;
    assert_eq!(count(&sweep, "failed"), 0, "{sweep:#}");
    assert!(count(&sweep, "ok") >= number);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_says_counts_and_what_is_asked_for_runs() {
    let home = Home::new();
    add(&home, "{ id = \"sweep\", interval_ms = 100, about = \"Sweeps\" },\n{ id = \"stumble\" },");
    let config = "[tasks.sweep]\nenabled = false\n[tasks.stumble]\ninterval_ms = 3600000\n";
    let gateway = Gateway::start(&home, config).await;
    gateway.await_log(0, &["a run begins: stumble"]).await;
    assert_eq!(listed(&gateway, "sweep").await["enabled"], json!(false));
    assert_eq!(lines(&gateway, &["a run begins: sweep"]), Vec::<String>::new());

    let run = ask(&gateway, "scheduled-task/1/run", json!({ "task": "sweep" })).await;
    assert_eq!(run["output"], "run 1 of good");
    let unknown = refused(&gateway, "scheduled-task/1/run", json!({ "task": "weep" })).await;
    assert_eq!(unknown, "LDR-TASK-UNKNOWN");
    // Only the plugin itself plans its tasks.
    let plan = json!({ "task": "sweep", "after_ms": 1 });
    assert_eq!(refused(&gateway, "scheduled-task/1/plan", plan).await, "LDR-TASK-FOREIGN");

    let state = home.state();
    let loader = move |arguments: &[&str]| {
        let mut command = Command::new(build::loader());
        let output = command.args(arguments).arg("--state-dir").arg(&state).output();
        String::from_utf8(output.expect("it can be run").stdout).expect("UTF-8")
    };
    let (ran, list) = tokio::task::spawn_blocking(move || {
        (loader(&["tasks", "run", "sweep"]), loader(&["tasks", "list"]))
    })
    .await
    .expect("no panic");
    assert_eq!(ran, "sweep: run 2 of good\n");
    let row = list.lines().find(|line| line.starts_with("sweep ")).expect("a row");
    assert!(row.contains("upkeep") && row.contains("off"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_runs_come_and_the_end_waits_for_what_goes_on() {
    let home = Home::new();
    add(&home, "{ id = \"sweep\" },\n{ id = \"stumble\" },");
    let config =
        "[plugins.entries.upkeep.config]\nplan = \"sweep\"\nplan_ms = 200\ntakes_ms = 1500\n";
    let mut gateway = Gateway::start(&home, config).await;
    gateway.await_log(0, &["a run begins: sweep"]).await;
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let ends = place(&gateway, &["a run ends: sweep"]);
    assert!(ends < place(&gateway, &["a service stops: first"]));
    assert!(ends < place(&gateway, &["the plugin stops"]));
}
