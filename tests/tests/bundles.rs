//! Bundles: files without code that are found, judged, installed and taken out like plugins, and of which
//! nothing is ever staged or opened. And what is laid out of a bundled plugin can be packed.

use integration_tests::{
    Home, build, expect_no_error,
    operator::{Operator, envelope},
};
use loader_core::{
    Engine, Status,
    diagnostic::Diagnostic,
    discovery::Origin,
    trust::{DenialRecord, Records},
    vetting::{Policy, vet},
};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const TIDY: &str = "---\nname: tidy\ndescription: Tidies up.\n---\n# Tidy up\n";

/// A bundle `house` of this version with two skills, `tidy` and one that says this.
fn house(folder: &Path, version: &str, cook: &str) -> PathBuf {
    let folder = folder.join(format!("house-{version}"));
    let manifest = format!(
        "manifest = 1\nid = \"house\"\nversion = \"{version}\"\n\n[bundle]\n\
         skills = [\"skills/tidy/SKILL.md\", \"skills/cook.md\"]\n"
    );
    fs::create_dir_all(folder.join("skills/tidy")).expect("folders");
    fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    fs::write(folder.join("skills/tidy/SKILL.md"), TIDY).expect("a skill");
    fs::write(folder.join("skills/cook.md"), cook).expect("a skill");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The folder of the release that is in use.
fn in_use(operator: &Operator) -> PathBuf {
    let inspected = operator.ask(&["plugins", "inspect", "house"]);
    PathBuf::from(inspected["folder"].as_str().expect("a folder"))
}

#[test]
fn a_bundle_is_packed_installed_updated_rolled_back_and_removed() {
    let operator = Operator::new();
    let one = house(operator.home(), "1.0.0", "# Cook\n");
    let archive = operator.home().join("house.ldr");
    let packed = operator.ask(&["plugins", "pack", text(&one), "--output", text(&archive)]);
    assert_eq!(packed["files"].as_object().map(serde_json::Map::len), Some(3), "{packed:#}");
    let dry = operator.ask(&["plugins", "install", "--dry-run", text(&archive)]);
    assert_eq!(dry["dry_run"], true, "{dry:#}");
    assert_eq!(operator.status("house").as_deref(), Ok("absent"));
    operator.ask(&["plugins", "install", text(&archive)]);

    let list = operator.ask(&["plugins", "list"]);
    let listed = &list["plugins"][0];
    assert_eq!((&listed["kind"], &listed["status"]), (&json!("bundle"), &json!("ready")));
    assert_eq!(listed["skills"], json!(["skills/tidy/SKILL.md", "skills/cook.md"]));
    let inspected = operator.ask(&["plugins", "inspect", "house"]);
    assert_eq!(inspected["library"], json!(null));
    assert_eq!(inspected["bundle"]["digest"], inspected["manifest_digest"]);
    assert_eq!(
        inspected["bundle"]["skills"],
        json!([
            { "path": "skills/tidy/SKILL.md", "title": "tidy", "description": "Tidies up." },
            { "path": "skills/cook.md", "title": "Cook" },
        ])
    );
    let shown = operator.run(&["plugins", "inspect", "house"]).stdout;
    let shown = String::from_utf8(shown).expect("text");
    for line in ["bundle       house 1.0.0", "skill        Cook: skills/cook.md"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    let shown = operator.run(&["plugins", "list"]).stdout;
    assert!(String::from_utf8_lossy(&shown).contains("house  1.0.0    ready   bundle  2 skills"));

    let two = house(operator.home(), "2.0.0", "# Cook well\n");
    operator.ask(&["plugins", "install", text(&two)]);
    assert_eq!(operator.status("house").as_deref(), Ok("2.0.0"));
    let differ = operator.ask(&["plugins", "diff", "house@1.0.0", "house"]);
    assert_eq!(differ["files"]["skills/cook.md"], "changed", "{differ:#}");
    assert_eq!(differ["files"]["skills/tidy/SKILL.md"], json!(null));

    fs::write(two.join("skills/cook.md"), "# Cook better\n").expect("written");
    let updated = operator.ask(&["plugins", "update", "house"]);
    assert_eq!(updated["plugins"][0]["changed"], true, "{updated:#}");
    let cook = || fs::read_to_string(in_use(&operator).join("skills/cook.md")).expect("a skill");
    assert_eq!(cook(), "# Cook better\n");

    operator.ask(&["plugins", "rollback", "house", "1.0.0"]);
    assert_eq!((operator.status("house").as_deref(), cook()), (Ok("1.0.0"), "# Cook\n".into()));
    operator.ask(&["plugins", "remove", "house", "--yes"]);
    assert_eq!(operator.status("house").as_deref(), Ok("absent"));

    operator.ask(&["plugins", "link", text(&one)]);
    assert_eq!(operator.status("house").as_deref(), Ok("1.0.0"));
    operator.ask(&["plugins", "unlink", "house"]);
    assert_eq!(operator.status("house").as_deref(), Ok("absent"));
    assert!(!operator.state().join("store").exists(), "nothing was staged");
}

#[test]
fn what_was_installed_or_released_of_a_bundle_is_what_counts() {
    let operator = Operator::new();
    let source = house(operator.home(), "1.0.0", "# Cook\n");
    operator.ask(&["plugins", "install", text(&source)]);
    let installed = in_use(&operator);
    let lock = Err(vec!["LDR-VET-LOCK".to_owned()]);
    for file in ["skills/cook.md", "skills/tidy/SKILL.md"] {
        let sound = fs::read(installed.join(file)).expect("a skill");
        fs::write(installed.join(file), "# Something else\n").expect("written");
        assert_eq!(operator.status("house"), lock, "{file}");
        fs::write(installed.join(file), &sound).expect("written");
        assert_eq!(operator.status("house").as_deref(), Ok("1.0.0"), "{file}");
    }

    // Under development there is no lock; what was released counts all the same.
    operator.ask(&["plugins", "remove", "house", "--yes"]);
    let archive = operator.home().join("house.ldr");
    operator.ask(&["plugins", "pack", text(&source), "--output", text(&archive)]);
    operator.ask(&["plugins", "link", text(&source)]);
    assert_eq!(operator.status("house").as_deref(), Ok("1.0.0"));
    fs::write(source.join("skills/cook.md"), "# Something else\n").expect("written");
    assert_eq!(operator.status("house"), Err(vec!["LDR-RELEASE-DIGEST".to_owned()]));
    operator.configure("[plugins.trust]\nsignatures = \"required\"\n");
    let unsigned = operator.status("house").expect_err("nobody signed it");
    assert!(unsigned.contains(&"LDR-SIGN-MISSING".to_owned()), "{unsigned:?}");
}

#[test]
fn settings_decide_whether_a_bundle_counts_and_origins_which_one() {
    let operator = Operator::new();
    let source = house(operator.home(), "1.0.0", "# Cook\n");
    operator.ask(&["plugins", "install", text(&source)]);
    let status = |settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let list: Vec<&str> = ["plugins", "list"].into_iter().chain(settings).collect();
        let plugin = operator.ask(&list)["plugins"][0].clone();
        (plugin["status"].clone(), plugin["version"].clone(), plugin["origin"].clone())
    };
    let installed = |status: &str| (json!(status), json!("1.0.0"), json!("user"));
    assert_eq!(status(&[]), installed("ready"));
    assert_eq!(status(&["plugins.deny=[\"house\"]"]), installed("disabled"));
    assert_eq!(status(&["plugins.allow=[\"other\"]"]), installed("disabled"));
    assert_eq!(status(&["plugins.allow=[\"house\"]"]), installed("ready"));
    assert_eq!(status(&["plugins.entries.house.enabled=false"]), installed("disabled"));

    let newer = house(operator.home(), "3.0.0", "# Cook\n");
    let path = format!("plugins.load_paths=[{:?}]", text(&newer));
    assert_eq!(status(&[&path]), (json!("ready"), json!("3.0.0"), json!("config")));
    let warnings = operator.run(&["plugins", "list", "--json", "--set", &path]);
    let warnings = envelope(&warnings)["warnings"].clone();
    assert_eq!(warnings[0]["code"], "LDR-DISCOVERY-SHADOWED", "{warnings:#}");
}

#[test]
fn doctor_finds_and_mends_what_is_wrong_with_a_bundle() {
    let operator = Operator::new();
    let source = house(operator.home(), "1.0.0", "# Cook\n");
    operator.ask(&["plugins", "install", text(&source)]);
    let doctor = |more: &[&str]| {
        let arguments = [&["doctor", "--plugin", "house", "--json"], more].concat();
        envelope(&operator.run(&arguments))["data"].clone()
    };
    let healthy = doctor(&[]);
    assert_eq!(healthy["plugins"][0]["status"], "ready", "{healthy:#}");

    let skill = in_use(&operator).join("skills/cook.md");
    fs::set_permissions(&skill, fs::Permissions::from_mode(0o666)).expect("its mode");
    let sick = doctor(&[]);
    let found = &sick["plugins"][0];
    assert_eq!((&sick["healthy"], &found["status"]), (&json!(false), &json!("refused")));
    assert_eq!(found["findings"][0]["code"], "LDR-VET-MODE");
    assert_eq!(found["findings"][0]["place"]["path"], text(&skill));
    let hint = found["findings"][0]["hint"].as_str().expect("a hint");
    assert!(Command::new("sh").args(["-c", hint]).status().expect("sh").success(), "{hint}");
    assert_eq!(doctor(&[])["plugins"][0]["status"], "ready");

    let audit = operator.refused(&["plugins", "audit", "house"]);
    assert_eq!(audit, ["LDR-LIBRARY-FILE"], "a bundle that is named has nothing to audit");
    let all = operator.ask(&["plugins", "audit"]);
    assert_eq!(all["libraries"], json!([]), "one that is not is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_knows_bundles_and_runs_nothing_of_them() {
    let home = Home::new();
    let folder = house(&home.plugins(), "1.0.0", "# Cook\n");
    let broken = house(&home.plugins(), "2.0.0", "");
    let manifest = broken.join("plugin.toml");
    let other = fs::read_to_string(&manifest).expect("text").replace("\"house\"", "\"broken\"");
    fs::write(&manifest, other).expect("written");
    let engine = Engine::new(home.options()).expect("an engine");
    let findings = engine.load_all().await;
    let codes: Vec<_> = findings.iter().map(|finding: &Diagnostic| finding.code).collect();
    assert_eq!(codes, ["LDR-VET-SKILL"], "{findings:#?}");

    let snapshot = engine.snapshot();
    let record = snapshot.plugin("house").expect("known");
    assert_eq!((record.kind, record.status), ("bundle", Status::Ready));
    assert_eq!((record.origin, record.generation), (Origin::Bundled, None));
    let titles: Vec<_> = record.skills.iter().map(|skill| skill.title.as_deref()).collect();
    assert_eq!(titles, [Some("tidy"), Some("Cook")]);
    let broken = snapshot.plugin("broken").expect("known");
    assert_eq!((broken.status, broken.skills.len()), (Status::Failed, 0));
    assert!(engine.stats().is_empty(), "nothing is served");

    // There is no way for it through the gate for code.
    let candidate = home.candidate("house");
    let refused = vet(&candidate, &Policy::new([""; 0])).expect_err("a bundle has no code");
    assert_eq!(refused[0].code, "LDR-VET-BUNDLE");
    assert_eq!(candidate.folder(), folder);
    // Loaded by itself, it is taken in again.
    expect_no_error(&engine.load(&candidate).await);

    // Its manifest's digest denies it, while it is in use too.
    let mut changes = engine.registry().changes();
    let digest = candidate.manifest_digest();
    assert_eq!(record.digest, Some(digest.to_string()));
    let denial = DenialRecord { reason: "wrong recipe".into(), since: 0 };
    Records::of(&home.state()).deny(digest, &denial).expect("denied");
    let status = || engine.snapshot().plugin("house").expect("known").status;
    let out = async {
        while status() != Status::Failed {
            changes.changed().await.expect("the engine lives");
        }
    };
    tokio::time::timeout(Duration::from_secs(5), out).await.expect("within five seconds");
    let snapshot = engine.snapshot();
    let record = snapshot.plugin("house").expect("known");
    assert_eq!(record.diagnostics.last().map(|one| one.code), Some("LDR-VET-DENIED"));
    assert!(record.skills.is_empty());
    engine.stop(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_lists_its_bundles() {
    let home = Home::new();
    house(&home.plugins(), "1.0.0", "# Cook\n");
    let mut gateway = integration_tests::process::Running::start(&build::loader(), |command| {
        command.args(["run", "--listen", "127.0.0.1:0", "--json"]);
        command.arg("--state-dir").arg(home.state()).arg("--plugins-dir").arg(home.plugins());
        command.env_clear().env("HOME", home.state());
    });
    let ready = gateway.json().await;
    let plugin = &ready["data"]["plugins"][0];
    assert_eq!((&plugin["kind"], &plugin["status"]), (&json!("bundle"), &json!("ready")));
    assert_eq!((&plugin["generation"], &plugin["placement"]), (&json!(null), &json!(null)));
    assert_eq!(plugin["skills"][1]["title"], "Cook");
    gateway.signal("TERM");
    assert!(gateway.child.wait().await.expect("it ends").success());
}

#[test]
fn what_is_laid_out_of_each_bundled_plugin_can_be_packed_and_installed() {
    let operator = Operator::new();
    let built = build::loader();
    let built = built.parent().expect("the build folder");
    let root = operator.home().join("laid-out");
    let plugins = fs::read_dir(build::repository().join("plugins")).expect("the plugins");
    let mut packed = 0;
    for source in plugins.map(|entry| entry.expect("an entry").path()) {
        let id = source.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let lay_out = || {
            let mut script = Command::new(build::repository().join("scripts/lay-out"));
            script.arg(&root).arg(&source).arg(built);
            assert!(script.status().expect("the script runs").success(), "{id}");
        };
        lay_out();
        let (folder, archive) = (root.join(&id), operator.home().join(format!("{id}.ldr")));
        operator.ask(&["plugins", "pack", text(&folder), "--output", text(&archive)]);
        operator.ask(&["plugins", "install", text(&archive)]);
        assert_eq!(operator.status(&id).as_deref(), Ok("0.1.0"), "{id}");
        // What was packed is no claim about what is laid out later.
        assert!(folder.join("release.toml").exists(), "{id}");
        lay_out();
        assert!(!folder.join("release.toml").exists(), "{id}");
        packed += 1;
    }
    println!("{packed} of {packed} bundled plugins packed as they are laid out, and installed");
    assert!(packed >= 5);
}
