//! The ways in which the product looks at plugins. What one of them accepts or refuses, all do.

use super::Ground;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// One way.
pub struct Surface {
    /// The command.
    pub name: &'static str,
    /// Looks at the plugin, with these variables set.
    pub look: fn(&Ground, &[(&str, &str)]) -> Seen,
    /// The cases it judges by another rule, by their names.
    pub unconcerned: &'static [&'static str],
}

/// Every way.
pub const SURFACES: [Surface; 5] = [
    Surface { name: "run", look: run, unconcerned: &[] },
    Surface { name: "plugins list", look: list, unconcerned: &[] },
    Surface { name: "plugins inspect", look: inspect, unconcerned: &[] },
    Surface { name: "doctor", look: doctor, unconcerned: &[] },
    // What else a folder would let in matters where it is searched; here one folder in it is named. And
    // a package holds no links, not even those that decide nothing, and is not under development.
    Surface {
        name: "plugins install",
        look: install,
        unconcerned: &[
            "root like /tmp",
            "plugin folder is a link",
            "with other files beside it",
            "in development, with another name",
            "in development, writable by our own group",
        ],
    },
];

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether the plugin is, or would be, loaded.
    pub accepted: bool,
    /// The codes of everything that was found.
    pub codes: BTreeSet<String>,
    /// The hints, in the order of what was found.
    pub hints: Vec<String>,
}

impl Seen {
    fn of<'a>(accepted: bool, findings: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut seen = Self { accepted, codes: BTreeSet::new(), hints: Vec::new() };
        for finding in findings {
            let code = finding["code"].as_str().unwrap_or_default();
            // What is said of the configuration, or of what follows from a refusal, is no verdict.
            let families =
                ["LDR-VET-", "LDR-MANIFEST-", "LDR-DISCOVERY-", "LDR-STAGE-", "LDR-IMAGE-"];
            if families.iter().any(|family| code.starts_with(family))
                && seen.codes.insert(code.to_owned())
            {
                seen.hints.extend(finding["hint"].as_str().map(str::to_owned));
            }
        }
        seen
    }
}

/// Starts the gateway, and ends it as soon as it serves.
fn run(ground: &Ground, variables: &[(&str, &str)]) -> Seen {
    let log = ground.path("log");
    let mut product = ground.product(&["log.format=json", "log.filter=warn,loader_core=info"]);
    product.args(["run", "--listen", "127.0.0.1:0", "--ready-json"]);
    product.envs(variables.iter().copied());
    let errors = fs::File::create(&log).expect("a log");
    let mut running = product.stdout(Stdio::piped()).stderr(errors).spawn().expect("it starts");
    let mut ready = String::new();
    let mut said = BufReader::new(running.stdout.take().expect("its output"));
    // Variables may make the dynamic linker talk as well.
    while said.read_line(&mut ready).expect("its output") > 0 && !ready.contains("\"url\"") {}
    let _ = running.kill();
    running.wait().expect("it ends");
    let log = fs::read_to_string(&log).unwrap_or_default();
    assert!(ready.contains("\"url\""), "it serves, whatever the plugins are: {ready}\n{log}");
    let findings: Vec<Value> = log.lines().filter_map(finding_in).collect();
    let is_load = |said: &Value| {
        (said["message"] == "plugin loaded" || said["message"] == "bundle ready")
            && said["plugin"] == "canary"
    };
    Seen::of(findings.iter().any(is_load), &findings)
}

/// Whether a status is that of a plugin that would be loaded, or of a bundle that would be used.
fn is_good(status: &Value) -> bool {
    status == "ok" || status == "ready"
}

/// What one line of the log says, if it is in its usual form.
fn finding_in(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(if line["fields"].is_object() { line["fields"].clone() } else { line })
}

fn list(ground: &Ground, variables: &[(&str, &str)]) -> Seen {
    let said = answer(ground.product(&[]).args(["plugins", "list", "--json"]), variables);
    let none = Vec::new();
    let plugins = said["data"]["plugins"].as_array().unwrap_or(&none);
    let accepted =
        plugins.iter().any(|plugin| plugin["id"] == "canary" && is_good(&plugin["status"]));
    let own = plugins.iter().flat_map(|plugin| plugin["diagnostics"].as_array()).flatten();
    Seen::of(accepted, own.chain(said["warnings"].as_array().unwrap_or(&none)))
}

fn inspect(ground: &Ground, variables: &[(&str, &str)]) -> Seen {
    let said =
        answer(ground.product(&[]).args(["plugins", "inspect", "canary", "--json"]), variables);
    let accepted = is_good(&said["data"]["status"]);
    let found = [&said["data"]["diagnostics"], &said["errors"], &said["warnings"]];
    Seen::of(accepted, found.into_iter().filter_map(Value::as_array).flatten())
}

fn doctor(ground: &Ground, variables: &[(&str, &str)]) -> Seen {
    let said = answer(ground.product(&[]).args(["doctor", "--json"]), variables);
    let none = Vec::new();
    let plugins = said["data"]["plugins"].as_array().unwrap_or(&none);
    let accepted =
        plugins.iter().any(|plugin| plugin["id"] == "canary" && is_good(&plugin["status"]));
    let checks = said["data"]["checks"].as_array().unwrap_or(&none).iter();
    let found = checks.filter_map(|check| check["findings"].as_array());
    Seen::of(accepted, found.flatten().chain(said["errors"].as_array().unwrap_or(&none)))
}

/// Installs the plugin into a folder of its own, from nothing each time.
fn install(ground: &Ground, variables: &[(&str, &str)]) -> Seen {
    let user = ground.path("installed");
    let _ = fs::remove_dir_all(&user);
    let _ = fs::remove_dir_all(ground.path("state/trust"));
    let user = Value::from(user.to_str().expect("UTF-8"));
    let user = format!("plugins.user_dir={user}");
    let mut product = ground.product(&[]);
    product
        .arg("--set")
        .arg(user)
        .args(["plugins", "install", "--json"])
        .arg(ground.plugins.join("canary"));
    let said = answer(&mut product, variables);
    let none = Vec::new();
    let lists = [&said["errors"], &said["warnings"]];
    let found = lists.into_iter().flat_map(|list| list.as_array().unwrap_or(&none));
    Seen::of(said["ok"] == true, found)
}

/// What the product answers. Variables may make the dynamic linker talk as well.
fn answer(product: &mut Command, variables: &[(&str, &str)]) -> Value {
    let output = product.envs(variables.iter().copied()).output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    let json = said.lines().find_map(|line| serde_json::from_str(line).ok());
    json.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
