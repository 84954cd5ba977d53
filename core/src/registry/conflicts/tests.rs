use super::*;
use crate::{
    diagnostic::Severity,
    registry::{Exclusive, Terms},
};
use proptest::prelude::*;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// A plugin and what it provides.
#[derive(Debug, Clone)]
struct Plugin {
    id: String,
    origin: Origin,
    manifest: PathBuf,
    provides: Vec<Provided>,
}

impl Plugin {
    fn new(id: &str, origin: Origin, provides: Vec<Provided>) -> Self {
        let manifest = PathBuf::from(format!("/{origin}/{id}/plugin.toml"));
        Self { id: id.to_owned(), origin, manifest, provides }
    }
}

impl<'a> From<&'a Plugin> for Claimant<'a> {
    fn from(Plugin { id, origin, manifest, provides }: &'a Plugin) -> Self {
        Self { plugin: id, origin: *origin, manifest, provides }
    }
}

fn provided(contract: &str, id: &str, attributes: serde_json::Value) -> Provided {
    let attributes = attributes.as_object().expect("a table").clone();
    let contract = contract.parse().expect("a contract");
    Provided { contract, id: id.to_owned(), attributes, line: 9 }
}

fn tool(id: &str, aliases: &[&str]) -> Provided {
    provided("tool/1", id, json!({ "aliases": aliases }))
}

fn route(id: &str, prefix: Option<&str>) -> Provided {
    let attributes = prefix.map_or(json!({}), |prefix| json!({ "prefix": prefix }));
    provided("route/1", id, attributes)
}

fn contracts() -> Contracts {
    let prefix = Exclusive { attribute: "prefix", default: Some("/{id}") };
    let route = Terms { exclusive: vec![prefix], conflict: "LDR-TEST", ..Terms::default() };
    [("route".to_owned(), route)].into()
}

/// Who has which name, as `contract name plugin`, and what there is to say.
fn settled(plugins: &[Plugin]) -> (BTreeSet<String>, Vec<Diagnostic>) {
    let settled = settle(plugins.iter().map(Claimant::from), &contracts());
    let mut owners = BTreeSet::new();
    for Owned { plugin, provided, aliases } in settled.owned {
        for name in aliases.into_iter().chain([provided.id.as_str()]) {
            assert!(owners.insert(format!("{} {name} {plugin}", provided.contract)), "{name}");
        }
    }
    (owners, settled.conflicts)
}

fn names(text: &[&str]) -> BTreeSet<String> {
    text.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn of_one_origin_the_first_id_keeps_what_two_claim_and_both_are_named() {
    let plugins = [
        Plugin::new("b", Origin::User, vec![tool("x", &[]), tool("y", &[])]),
        Plugin::new("a", Origin::User, vec![tool("x", &[])]),
    ];
    let (owners, conflicts) = settled(&plugins);
    assert_eq!(owners, names(&["tool/1 x a", "tool/1 y b"]));
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
    assert_eq!((conflict.code, conflict.severity), ("LDR-CONFLICT-CAPABILITY", Severity::Error));
    assert_eq!(
        conflict.message,
        "the id `x` of `tool/1` is claimed by `a` (user, /user/a/plugin.toml) and by `b` (user, \
         /user/b/plugin.toml); `a` keeps it"
    );
    assert_eq!(conflict.plugin.as_deref(), Some("b"));
    let hint = "keep one: plugins.deny = [\"b\"], or plugins.deny = [\"a\"]";
    assert_eq!(conflict.hint.as_deref(), Some(hint));
    let place = conflict.place.as_ref().expect("a place").to_string();
    assert_eq!(place, "/user/b/plugin.toml:9");
}

#[test]
fn an_earlier_origin_goes_before_a_later_one_and_that_is_a_warning() {
    let plugins = [
        Plugin::new("a", Origin::Bundled, vec![tool("x", &[])]),
        Plugin::new("b", Origin::User, vec![tool("z", &["x"])]),
    ];
    let (owners, conflicts) = settled(&plugins);
    assert_eq!(owners, names(&["tool/1 z b", "tool/1 x b"]));
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
    assert_eq!(conflict.severity, Severity::Warning);
    assert_eq!(
        conflict.message,
        "the id `x` of `tool/1` is claimed by `b` (user, /user/b/plugin.toml) as an alias and by `a` \
         (bundled, /bundled/a/plugin.toml); `b` keeps it"
    );
    let hint = "to have it from `a`: plugins.deny = [\"b\"]";
    assert_eq!(conflict.hint.as_deref(), Some(hint));
}

#[test]
fn of_one_origin_an_id_goes_before_an_alias_and_only_the_alias_is_lost() {
    let plugins = [
        Plugin::new("a", Origin::User, vec![tool("one", &["x", "y"])]),
        Plugin::new("b", Origin::User, vec![tool("x", &["y", "z"])]),
    ];
    let (owners, conflicts) = settled(&plugins);
    assert_eq!(owners, names(&["tool/1 one a", "tool/1 y a", "tool/1 x b", "tool/1 z b"]));
    let said: Vec<_> = conflicts.iter().map(|one| (one.code, one.plugin.as_deref())).collect();
    let code = "LDR-CONFLICT-ALIAS";
    assert_eq!(said, [(code, Some("a")), (code, Some("b"))]);
    assert!(conflicts[0].message.starts_with("the alias `x` of `tool/1` is claimed by `b` "));
    assert!(conflicts[0].message.contains(") as an id and by `a` "), "{}", conflicts[0].message);
}

#[test]
fn an_exclusive_value_is_had_once_whether_it_is_said_or_not() {
    let plugins = [
        Plugin::new("a", Origin::User, vec![route("one", Some("/two"))]),
        Plugin::new("b", Origin::User, vec![route("two", None)]),
        // The id that `b` had to give up is free.
        Plugin::new("c", Origin::User, vec![route("two", Some("/three"))]),
    ];
    let (owners, conflicts) = settled(&plugins);
    assert_eq!(owners, names(&["route/1 one a", "route/1 two c"]));
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
    assert_eq!((conflict.code, conflict.plugin.as_deref()), ("LDR-TEST", Some("b")));
    assert!(conflict.message.starts_with("`prefix` = `/two` of `route/1` is claimed by `a` "));
}

#[test]
fn a_plugin_that_claims_something_twice_itself_is_told_to_change_it() {
    let provides = vec![route("one", Some("/x")), route("two", Some("/x"))];
    let (owners, conflicts) = settled(&[Plugin::new("a", Origin::User, provides)]);
    assert_eq!(owners, names(&["route/1 one a"]));
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].hint.as_deref(), Some("change one of them in its manifest"));
}

/// Some plugins that get in each other's way.
fn plugins() -> impl Strategy<Value = Vec<Plugin>> {
    let name = || proptest::sample::select(vec!["p", "q", "r", "s", "t"]);
    let contract = proptest::sample::select(vec!["tool/1", "route/1", "route/2"]);
    let aliases = prop::collection::vec(name(), 0..3);
    let capability = (contract, name(), aliases, prop::option::of(name())).prop_map(
        |(contract, id, aliases, prefix)| {
            let prefix = prefix.map(|prefix| format!("/{prefix}"));
            let mut attributes = json!({ "aliases": aliases });
            if let Some(prefix) = prefix {
                attributes["prefix"] = prefix.into();
            }
            provided(contract, id, attributes)
        },
    );
    let origins = vec![Origin::Config, Origin::Workspace, Origin::User, Origin::Bundled];
    let origin = proptest::sample::select(origins);
    let plugin = (origin, prop::collection::vec(capability, 0..5));
    prop::collection::vec(plugin, 0..8).prop_map(|plugins| {
        let number = |(number, (origin, provides)): (usize, _)| {
            Plugin::new(&format!("plugin-{number}"), origin, provides)
        };
        plugins.into_iter().enumerate().map(number).collect()
    })
}

proptest! {
    #[test]
    fn everything_has_one_owner_whatever_the_order(
        (plugins, shuffled) in plugins().prop_flat_map(|plugins| {
            (Just(plugins.clone()), Just(plugins).prop_shuffle())
        })
    ) {
        let contracts = contracts();
        let settlement = settle(plugins.iter().map(Claimant::from), &contracts);
        // Nothing is had twice: neither a name nor a prefix.
        let mut owners: BTreeMap<(String, String), (Origin, &str)> = BTreeMap::new();
        let origin = |id: &str| plugins.iter().find(|one| one.id == id).expect("known").origin;
        for Owned { plugin, provided, aliases } in &settlement.owned {
            let contract = provided.contract.to_string();
            let owner = (origin(plugin), *plugin);
            for name in aliases.iter().copied().chain([provided.id.as_str()]) {
                prop_assert!(owners.insert((contract.clone(), name.to_owned()), owner).is_none());
            }
            if contract.starts_with("route/") {
                let said = provided.attributes.get("prefix").and_then(|prefix| prefix.as_str());
                let prefix = said.map_or_else(|| format!("/{}", provided.id), str::to_owned);
                prop_assert!(owners.insert((contract, prefix), owner).is_none());
            }
        }
        // What is claimed and not served was lost, and whoever lost it is told.
        for plugin in &plugins {
            for provided in &plugin.provides {
                let is_owned = |one: &Owned<'_>| std::ptr::eq(one.provided, provided);
                if !settlement.owned.iter().any(is_owned) {
                    let told = settlement.conflicts.iter().any(|conflict| {
                        conflict.plugin.as_deref() == Some(&plugin.id)
                            && conflict.message.contains(&provided.contract.to_string())
                    });
                    prop_assert!(told, "{provided:?}");
                }
            }
        }
        // Nobody loses to a later origin.
        for conflict in &settlement.conflicts {
            let loser = conflict.plugin.as_deref().expect("a loser");
            let (_, winner) = conflict.message.rsplit_once("; `").expect("a winner");
            let winner = winner.split('`').next().expect("a winner");
            prop_assert!(origin(winner) <= origin(loser), "{conflict}");
            prop_assert_eq!(conflict.is_error(), origin(winner) == origin(loser));
        }
        prop_assert_eq!(settled_lines(&shuffled, &contracts), settled_lines(&plugins, &contracts));
    }
}

/// Everything that is settled, in order.
fn settled_lines(plugins: &[Plugin], contracts: &Contracts) -> (Vec<String>, Vec<Diagnostic>) {
    let settled = settle(plugins.iter().map(Claimant::from), contracts);
    let owned = settled.owned.iter().map(|one| format!("{one:?}"));
    (owned.collect(), settled.conflicts)
}
