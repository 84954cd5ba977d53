//! Who owns what: two plugins that claim the same, and what everybody says about it.

use integration_tests::{Home, build, expect_no_error, expect_unloaded, get};
use loader_core::{
    Engine, Options, Status,
    diagnostic::{Diagnostic, Severity},
    discovery::{Origin, Root},
    staging::Store,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A pack of one plugin, a build of `tide` by this name, below a folder. Its id is `<pack>/tide`.
fn pack(folder: &Path, pack: &str, name: &str, more: &str) -> PathBuf {
    let folder = folder.join(pack);
    fs::create_dir_all(&folder).expect("a folder");
    let manifest = format!(
        "manifest = 1\nid = \"{pack}\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
         [library]\npath = \"libtide.so\"\n[[extensions]]\nid = \"tide\"\n[extensions.provides]\n\
         \"http-route/1\" = [{{ id = \"tide\"{more} }}]\n\"text-inference/1\" = [\"tide\"]\n"
    );
    fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
    fs::write(folder.join("new"), build::named("tide", name)).expect("a library");
    fs::rename(folder.join("new"), folder.join("libtide.so")).expect("in its place");
    folder
}

/// Options with a second folder that the operator named, which goes first.
fn with_own(home: &Home) -> (Options, PathBuf) {
    let own = home.plugins().with_file_name("own");
    fs::create_dir_all(&own).expect("a folder");
    let mut options = home.options();
    let root = Root { path: own.clone(), origin: Origin::Config, required: true };
    options.roots.insert(0, root);
    (options, own)
}

/// What an engine, its records, a survey and a rehearsal say of clashes: all the same.
fn said_everywhere(engine: &Engine) -> Vec<Diagnostic> {
    let snapshot = engine.snapshot();
    let said = snapshot.conflicts().to_vec();
    let of_clash = |one: &&Diagnostic| one.code.starts_with("LDR-CONFLICT-");
    let recorded = snapshot.plugins().flat_map(|record| record.diagnostics.clone());
    let recorded: Vec<Diagnostic> = recorded.filter(|one| of_clash(&one)).collect();
    let options = engine.options();
    let surveyed = loader_core::survey(&options).conflicts;
    let store = Store::open(&options.state_dir.join("rehearsal")).expect("a store");
    let rehearsed = loader_core::rehearse(&options, &store).conflicts;
    for (who, others) in [("survey", surveyed), ("rehearsal", rehearsed), ("records", recorded)] {
        let others: Vec<&Diagnostic> = others.iter().filter(of_clash).collect();
        assert_eq!(others.len(), said.len(), "{who}: {others:#?}");
        assert!(others.iter().all(|one| said.contains(one)), "{who}: {others:#?}");
    }
    said
}

fn owners(engine: &Engine) -> [Option<String>; 2] {
    let snapshot = engine.snapshot();
    ["http-route/1", "text-inference/1"]
        .map(|contract| snapshot.owner(contract, "tide").map(str::to_owned))
}

fn both(plugin: &str) -> [Option<String>; 2] {
    [Some(plugin.to_owned()), Some(plugin.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_in_one_root_the_first_id_serves_and_the_clash_is_an_error() {
    let home = Home::new();
    pack(&home.plugins(), "two", "two", "");
    pack(&home.plugins(), "one", "one", "");
    let engine = Engine::new(home.options()).expect("an engine");
    let said = engine.load_all().await;
    assert_eq!(owners(&engine), both("one/tide"));
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "one");
    assert_eq!(engine.snapshot().plugin("two/tide").expect("known").status, Status::Served);
    let clashes = said_everywhere(&engine);
    assert!(clashes.iter().all(|clash| said.contains(clash)), "{said:#?}");
    let [route, model] = clashes.as_slice() else { panic!("{clashes:#?}") };
    let manifest = |pack: &str| home.plugins().join(pack).join("plugin.toml").display().to_string();
    for (clash, contract, line) in [(route, "http-route/1", 10), (model, "text-inference/1", 11)] {
        assert_eq!((clash.code, clash.severity), ("LDR-CONFLICT-CAPABILITY", Severity::Error));
        assert_eq!(clash.plugin.as_deref(), Some("two/tide"));
        assert_eq!(
            clash.message,
            format!(
                "the id `tide` of `{contract}` is claimed by `one/tide` (bundled, {}) and by \
                 `two/tide` (bundled, {}); `one/tide` keeps it",
                manifest("one"),
                manifest("two")
            )
        );
        let place = clash.place.as_ref().expect("a place").to_string();
        assert_eq!(place, format!("{}:{line}", manifest("two")));
    }
    // What the hint says mends it.
    let hint = route.hint.as_deref().expect("a hint");
    assert_eq!(hint, "keep one: plugins.deny = [\"two/tide\"], or plugins.deny = [\"one/tide\"]");
    let mut options = engine.options().as_ref().clone();
    options.enablement.deny.insert("one/tide".into());
    engine.apply(options, Default::default()).await.expect("applied");
    assert_eq!(owners(&engine), both("two/tide"));
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "two");
    assert_eq!(said_everywhere(&engine), []);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn across_roots_what_the_operator_named_goes_first_and_the_loser_serves_the_rest() {
    let home = Home::new();
    let (options, own) = with_own(&home);
    home.add("tide");
    // It takes one of the two things that `tide` provides, as an alias.
    let counter = home.add("counter");
    fs::rename(counter, own.join("counter")).expect("moved");
    let manifest = own.join("counter/plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let aliased = text.replace("[\"counter\"]", "[{ id = \"counter\", aliases = [\"tide\"] }]");
    fs::write(&manifest, aliased).expect("written");
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    assert_eq!(owners(&engine), [Some("counter".into()), Some("tide".into())]);
    let clashes = said_everywhere(&engine);
    let [clash] = clashes.as_slice() else { panic!("{clashes:#?}") };
    assert_eq!((clash.severity, clash.plugin.as_deref()), (Severity::Warning, Some("tide")));
    assert!(clash.message.contains("`counter` (config, "), "{clash}");
    let hint = "to have it from `tide`: plugins.deny = [\"counter\"]";
    assert_eq!(clash.hint.as_deref(), Some(hint));
    let snapshot = engine.snapshot();
    let owned: Vec<_> = snapshot.owned_by("tide").map(|one| one.contract.as_str()).collect();
    assert_eq!(owned, ["text-inference/1"]);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_owner_cannot_serve_goes_to_the_next_and_comes_back() {
    let home = Home::new();
    let (options, own) = with_own(&home);
    let first = pack(&own, "one", "start-error", "");
    pack(&home.plugins(), "two", "two", "");
    let engine = Engine::new(options).expect("an engine");
    let said = engine.load_all().await;
    let errors = said.iter().filter(|one| one.is_error()).map(|one| one.code);
    assert_eq!(errors.collect::<Vec<_>>(), ["LDR-START-FAILED"]);
    assert_eq!(owners(&engine), both("two/tide"));
    assert_eq!(engine.snapshot().conflicts(), []);
    // Which of them was there before does not count.
    pack(&own, "one", "one", "");
    assert!(first.is_dir());
    expect_no_error(&engine.load_all().await);
    assert_eq!(owners(&engine), both("one/tide"));
    assert_eq!(get(&engine, "tide", "/").await.expect("an answer"), "one");
    assert_eq!(said_everywhere(&engine).len(), 2);
    engine.unload("one/tide", Duration::ZERO).await.expect("it was served");
    assert_eq!(owners(&engine), both("two/tide"));
    assert_eq!(engine.snapshot().plugin("two/tide").expect("known").diagnostics.len(), 0);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_leads_to_the_capability_under_its_own_id() {
    let home = Home::new();
    home.add("counter");
    pack(&home.plugins(), "one", "one", ", aliases = [\"ebb\", \"flow\"], order = 1");
    let engine = Engine::new(home.options()).expect("an engine");
    engine.load_all().await;
    let target = engine.target("http-route/1", Some("ebb"), "handle").expect("an alias");
    assert_eq!(target.plugin(), "one/tide");
    for name in ["tide", "ebb", "flow"] {
        // The plugin knows itself by its id alone.
        assert_eq!(get(&engine, name, "/").await.expect("an answer"), "one", "{name}");
        assert_eq!(engine.snapshot().owner("http-route/1", name), Some("one/tide"));
    }
    assert_eq!(engine.snapshot().owner("text-inference/1", "ebb"), None);
    // Listed once each, by the order they ask for.
    let snapshot = engine.snapshot();
    let listed = snapshot.capabilities("http-route/1").map(|one| one.id.as_str());
    assert_eq!(listed.collect::<Vec<_>>(), ["counter", "tide"]);
    let tide = snapshot.capability("http-route/1", "flow").expect("an alias");
    assert_eq!(
        (tide.id.as_str(), tide.aliases.as_slice()),
        ("tide", &["ebb".into(), "flow".into()][..])
    );
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}
