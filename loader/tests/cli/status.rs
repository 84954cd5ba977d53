//! How a running gateway is doing.

use std::fs;

use serde_json::json;

use crate::context::Context;
use crate::gateway::Gateway;

#[test]
fn without_a_gateway_it_says_so_and_leaves_nothing_behind() {
    let context = Context::with_plugins();
    let expected = "\
exit: 1
-- stdout
-- stderr
error[LDR-RUN-NONE]: no gateway runs with this state folder
  --> [ROOT]/home/.local/state/loader
  hint: start one: loader run
";
    assert_eq!(context.run(&["status"]).to_string(), expected);
    assert!(!context.state().exists());
    // One that is gone leaves a note that counts no more.
    Gateway::start(&context, &[]).stop();
    assert_eq!(context.run(&["status"]).to_string(), expected);
    let elsewhere = context.run(&["status", "--state-dir", "else where"]);
    assert!(
        elsewhere.stderr.ends_with("loader run --state-dir '[ROOT]/project/else where'\n"),
        "{elsewhere}"
    );
}

#[test]
fn a_running_gateway_tells_how_its_plugins_are() {
    let context = Context::with_plugins();
    context.install("irc");
    fs::write(context.plugins().join("irc/libirc.so"), "no library").expect("a file");
    let off = "plugins.entries.echo.enabled = false\n";
    context.write("home/.config/loader/loader.toml", off);
    let gateway = Gateway::start(&context, &[]);
    let url = &gateway.url;
    assert_eq!(
        context.run(&["status"]).data(),
        format!(
            "\
loader 0.1.0 serves at {url}

PLUGIN  VERSION  PHASE   GENERATION  IN FLIGHT  BREAKER
hello   0.1.0    served  1           0          closed
irc     0.1.0    failed  -           -          -
"
        )
    );
    assert_eq!(
        context.run(&["status", "--all"]).data(),
        format!(
            "\
loader 0.1.0 serves at {url}

PLUGIN  VERSION  PHASE     GENERATION  IN FLIGHT  BREAKER  SHAPE             A START WOULD SAY
echo    0.1.0    disabled  -           -          -        plain-capability  config valid
hello   0.1.0    served    1           0          closed   non-capability    config valid
irc     0.1.0    failed    -           -          -        plain-capability  hard error

PLUGIN  CODE            WHAT                       WHAT MENDS IT
irc     LDR-VET-FORMAT  `libirc.so` is no library  build it again with `cargo build --release`, and copy the whole file
"
        )
    );
    let envelope = context.run(&["status", "--all", "--json"]).json();
    assert_eq!(envelope["schema"], "loader.status/1");
    let data = &envelope["data"];
    assert_eq!((&data["url"], &data["retained"]), (&json!(url), &json!([])));
    assert_eq!(
        json!(["echo", "hello", "irc"].map(|id| data["signals"][id]["signal"].clone())),
        json!(["config-valid", "config-valid", "hard-error"])
    );
    assert_eq!(data["signals"]["irc"]["shape"], "plain-capability");
    assert_eq!(data["signals"]["irc"]["findings"][0]["severity"], "error");
    let hello = &data["plugins"][1];
    assert_eq!((&hello["id"], &hello["stats"]["breaker_open"]), (&json!("hello"), &json!(false)));
    assert_eq!(data["plugins"][0]["stats"], json!(null));
    gateway.stop();
}

#[test]
fn a_gateway_that_cannot_be_used_is_named() {
    let context = Context::new();
    let gateway = Gateway::start(&context, &[]);
    let token = context.state().join("token");
    fs::write(&token, format!("ldr_{}\n", "x".repeat(43))).expect("another token");
    let outcome = context.run(&["status"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("error[LDR-HTTP-TOKEN]: "), "{outcome}");
    gateway.stop();
}
