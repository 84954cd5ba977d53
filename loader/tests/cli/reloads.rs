//! Replacing plugins of a gateway that runs.

use std::fs;
use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};

use crate::context::Context;
use crate::gateway::Gateway;
use crate::http;

/// A gateway that replaces plugins only when it is asked to.
fn gateway(context: &Context, more: &[&str]) -> Gateway {
    let usual = ["--set", "plugins.reload.watch=false"];
    Gateway::start(context, &[&usual[..], more].concat())
}

#[test]
fn a_reload_is_done_listed_shown_and_waited_for() {
    let context = Context::with_plugins();
    let _gateway = gateway(&context, &[]);
    let none = context.run(&["reloads", "list"]);
    assert_eq!(none.data(), "Nothing was reloaded since the gateway started.\n");

    let done = context.run(&["plugins", "reload", "hello", "--window", "0", "--json"]).json();
    assert_eq!((&done["schema"], &done["ok"]), (&json!("loader.plugins.reload/1"), &json!(true)));
    assert_eq!((&done["data"]["id"], &done["data"]["verdict"]), (&json!(1), &json!("kept")));
    let shown = context.run(&["reloads", "show", "1"]);
    assert!(shown.data().starts_with("Reload 1 of hello: kept\n  from  generation "), "{shown}");
    assert!(shown.data().contains("\npublish "), "{shown}");

    // It is published at once, watched for a while, and over when the old generation is gone.
    let watched = ["plugins", "reload", "hello", "--window", "1000", "--no-wait", "--json"];
    let watched = context.run(&watched).json();
    assert_eq!(watched["data"]["verdict"], Value::Null, "{watched:#}");
    let over = context.run(&["reloads", "wait", "2", "--json"]).json();
    assert_eq!(
        (&over["data"]["verdict"], &over["data"]["state"]),
        (&json!("kept"), &json!("over"))
    );
    let list = context.run(&["reloads", "list"]);
    let rows: Vec<_> = list.data().lines().skip(1).collect();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.contains("kept")), "{list}");
}

#[test]
fn a_reload_that_is_refused_is_an_error_that_says_why() {
    let context = Context::with_plugins();
    let gateway = gateway(&context, &[]);
    fs::write(context.plugins().join("hello/libhello.so"), "no library").expect("a file");
    let refused = context.run(&["plugins", "reload", "hello"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stdout.starts_with("Reload 1 of hello: refused\n"), "{refused}");
    assert!(refused.stderr.contains("error[LDR-VET-"), "{refused}");
    assert!(!refused.stdout.contains("LDR-VET-"), "once is enough: {refused}");
    for arguments in
        [&["plugins", "reload", "hello", "--json"][..], &["reloads", "wait", "1", "--json"]]
    {
        let outcome = context.run(arguments);
        let envelope = outcome.json();
        assert_eq!((outcome.code, &envelope["ok"]), (Some(1), &json!(false)), "{outcome}");
        let code = envelope["error"]["code"].as_str().expect("an error");
        assert!(code.starts_with("LDR-VET-"), "{outcome}");
        assert_eq!(envelope["data"]["verdict"], "refused");
    }
    // To show it is no failure.
    let shown = context.run(&["reloads", "show", "1"]);
    assert_eq!(shown.code, Some(0), "{shown}");
    assert!(shown.stderr.contains("error[LDR-VET-"), "{shown}");
    assert_eq!(http::get(&gateway.url, "/hello/you", &gateway.token).0, 200);
}

#[test]
fn what_is_not_there_is_not_found() {
    let context = Context::with_plugins();
    let _gateway = gateway(&context, &[]);
    for (arguments, code) in [
        (&["reloads", "show", "7"][..], "LDR-RELOAD-NUMBER"),
        (&["reloads", "wait", "7"], "LDR-RELOAD-NUMBER"),
        (&["plugins", "reload", "nobody"], "LDR-RELOAD-UNKNOWN"),
        (&["plugins", "reload", "no body?"], "LDR-RELOAD-UNKNOWN"),
        (&["plugins", "reload", "a-pack/ä"], "LDR-RELOAD-UNKNOWN"),
    ] {
        let outcome = context.run(arguments);
        assert_eq!((outcome.code, &*outcome.stdout), (Some(4), ""), "{outcome}");
        assert!(outcome.stderr.starts_with(&format!("error[{code}]: ")), "{outcome}");
        assert!(outcome.stderr.contains("\n  hint: "), "{outcome}");
        if code == "LDR-RELOAD-UNKNOWN" {
            assert!(outcome.stderr.contains(&format!("`{}`", arguments[2])), "{outcome}");
        }
    }
}

#[test]
fn a_reload_may_take_longer_than_a_request() {
    let context = Context::with_plugins();
    let _gateway = gateway(&context, &["--set", "gateway.request_timeout_ms=1"]);
    for more in [&["--window", "200"][..], &["--window", "200", "--no-wait"]] {
        let outcome = context.run(&[&["plugins", "reload", "hello"], more].concat());
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
}

#[test]
fn a_listener_hears_of_a_reload_and_does_not_hold_up_the_end() {
    let context = Context::with_plugins();
    let gateway = gateway(&context, &["--set", "gateway.drain_timeout_ms=600000"]);
    let mut listener = http::connect(&gateway.url);
    let authority = gateway.url.trim_start_matches("http://");
    let token = &gateway.token;
    let head = format!(
        "GET /admin/events HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    listener.write_all(head.as_bytes()).expect("it listens");
    let mut lines = BufReader::new(listener).lines().map(|line| line.expect("an open stream"));
    assert!(lines.any(|line| line == "content-type: text/event-stream"), "the head");
    assert!(lines.any(|line| line.is_empty()), "its end");

    let reload = context.run(&["plugins", "reload", "hello", "--window", "0"]);
    assert_eq!(reload.code, Some(0), "{reload}");
    assert!(lines.any(|line| line == "event: reload"), "an event");
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let data: Value = serde_json::from_str(&data.expect("its data")).expect("JSON");
    assert_eq!((&data["id"], &data["plugin"]), (&json!(1), &json!("hello")));

    let (status, _, stderr) = gateway.stop();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(lines.last().is_some_and(|line| line.is_empty()), "a proper end");
}
