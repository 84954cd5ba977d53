//! The fixture `upkeep`: tasks, services and commands that tell in the log what they are told.

use crate::{Home, build, client::Client, gateway::Gateway};
use serde_json::Value;
use std::{fs, path::Path};

/// Lays it out, with these lines in the place of its tasks.
pub fn add(home: &Home, tasks: &str) {
    let folder = home.add("upkeep");
    let path = folder.join("plugin.toml");
    let manifest = fs::read_to_string(&path).expect("the manifest");
    let (before, rest) = manifest.split_once("\"scheduled-task/1\" = [\n").expect("tasks");
    let (_, after) = rest.split_once("]\n").expect("their end");
    let manifest = format!("{before}\"scheduled-task/1\" = [\n{tasks}\n]\n{after}");
    fs::write(&path, manifest).expect("a manifest");
}

/// Puts another build of it in its place.
pub fn replace(home: &Home, name: &str) {
    let folder = home.plugins().join("upkeep");
    put(&folder.join("libupkeep.so"), &build::named("upkeep", name));
}

/// A new file: the old one may be read now.
fn put(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).expect("a file");
    fs::rename(&new, path).expect("in its place");
}

/// Asks a running gateway for what a contract offers, which must succeed.
pub async fn ask(gateway: &Gateway, operation: &str, request: Value) -> Value {
    let mut client = Client::connect(gateway).await;
    let path = format!("/v1/capabilities/{operation}");
    let answer = client.post(&path, &request).await.expect("an answer");
    assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
    answer.json()
}

/// The code that a running gateway refuses with.
pub async fn refused(gateway: &Gateway, operation: &str, request: Value) -> String {
    let mut client = Client::connect(gateway).await;
    let path = format!("/v1/capabilities/{operation}");
    let answer = client.post(&path, &request).await.expect("an answer");
    assert_ne!(answer.status, 200, "{operation}: {}", answer.body);
    answer.json()["error"]["loader"]["code"].as_str().expect("a code").to_owned()
}

/// When a line of the log was written, in seconds of its day.
pub fn moment(line: &str) -> f64 {
    let (_, rest) = line.split_once('T').unwrap_or_else(|| panic!("no time in {line}"));
    let (clock, _) = rest.split_once('Z').unwrap_or_else(|| panic!("no time in {line}"));
    let parts = clock.split(':').map(|part| part.parse::<f64>().expect("a number"));
    parts.fold(0.0, |sum, part| sum * 60.0 + part)
}

/// The lines of the log that have all of these.
pub fn lines(gateway: &Gateway, parts: &[&str]) -> Vec<String> {
    let has = |line: &String| parts.iter().all(|part| line.contains(part));
    gateway.log().into_iter().filter(has).collect()
}
