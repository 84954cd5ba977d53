//! The real peers, installed by `tests/peers/install`.

use crate::{build, process::Running};
use serde_json::Value;
use std::{path::PathBuf, process::Command};

/// Where the peers are; `None` when they are not installed, which is said on standard output and is a
/// failure where nothing may be left out.
pub fn installed() -> Option<Value> {
    let script = build::repository().join("tests/peers/install");
    let output = Command::new(script).env("CARGO_TARGET_DIR", build::target()).output();
    let output = output.expect("tests/peers/install can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Some(serde_json::from_str(said.lines().last()?).expect("one JSON line")),
        Some(3) => {
            println!("{said}");
            assert!(std::env::var_os("LOADER_TEST_STRICT").is_none(), "{said}");
            None
        }
        _ => panic!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// A file among the peers' scripts.
pub fn script(name: &str) -> PathBuf {
    build::repository().join("tests/peers").join(name)
}

/// Starts a peer through `tests/peers/start` and returns what it says of itself.
pub async fn start(arguments: &[&str]) -> (Running, Value) {
    let mut running = Running::start(&script("start"), |command| {
        command.args(arguments).env("CARGO_TARGET_DIR", build::target());
    });
    let said = running.json().await;
    (running, said)
}

/// Our own server that misbehaves by the model's name.
pub async fn misbehaving_openai(log: &std::path::Path) -> (Running, String) {
    let program = build::target().join("release/misbehaving-openai");
    let mut running = Running::start(&program, |command| {
        command.args(["--listen", "127.0.0.1:0", "--log"]).arg(log);
    });
    let url = running.json().await["url"].as_str().expect("an address").to_owned();
    (running, url)
}
