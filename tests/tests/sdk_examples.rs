//! The examples in the documentation of the SDK: one for each kind, and each a plugin that keeps what its
//! contract promises.

use integration_tests::build;
use loader_contract::catalogue;
use serde_json::Value;
use std::{fs, path::Path, process::Command, thread};

/// The file of a contract's example, and the module of the SDK that shows it, without their endings.
fn name_of(contract: &str) -> String {
    match contract.split_once('/') {
        Some(("service", _)) => "background_service".to_owned(),
        Some((name, _)) => name.replace('-', "_"),
        None => contract.to_owned(),
    }
}

/// Runs `loader plugins test` on an example, laid out as its author would have it.
fn test(name: &str) -> Value {
    let home = tempfile::Builder::new().prefix("loader-test-").tempdir().expect("a folder");
    let library = format!("lib{name}.so");
    let manifest = build::repository().join("abi/sdk/examples").join(name).with_extension("toml");
    fs::copy(&manifest, home.path().join("plugin.toml")).expect("a manifest beside the example");
    fs::copy(build::example(&library), home.path().join(&library)).expect("a built example");
    let mut command = Command::new(build::loader());
    command.args(["--json", "plugins", "test"]).arg(home.path());
    let output = command.output().expect("loader can be run");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_kind_has_an_example_that_keeps_its_promises() {
    thread::scope(|scope| {
        for contract in catalogue::ALL {
            scope.spawn(|| {
                let report = test(&name_of(contract.name));
                assert_eq!(report["ok"], true, "{}: {report:#}", contract.name);
                let cases = report["data"]["cases"].as_array().expect("cases").iter();
                let own = cases.filter(|case| case["contract"] == contract.name);
                let kept = own.filter(|case| case["outcome"] == "passed").count();
                assert!(kept > 5, "{}: only {kept} promises were asked for", contract.name);
            });
        }
    });
}

#[test]
fn every_kind_shows_its_example_and_its_manifest() {
    let modules = build::repository().join("abi/sdk/src/capability");
    for contract in catalogue::ALL {
        let name = name_of(contract.name);
        let page = modules.join(&name).with_extension("rs");
        let page = fs::read_to_string(&page).expect("a module");
        for shown in ["rs", "toml"].map(|ending| Path::new(&name).with_extension(ending)) {
            let shown = format!("#[doc = include_str!(\"../../examples/{}\")]", shown.display());
            assert!(page.contains(&shown), "{name} does not show it: {shown}");
        }
    }
}

#[test]
fn the_guide_to_hooks_shows_the_example() {
    let file = |path| fs::read_to_string(build::repository().join(path)).expect("a file");
    let (guide, manifest) = (file("docs/guides/hooks.md"), file("abi/sdk/examples/hook.toml"));
    let (_, provides) = manifest.split_once("[provides]").expect("what it provides");
    assert!(guide.contains(provides) && guide.contains(&file("abi/sdk/examples/hook.rs")));
}
