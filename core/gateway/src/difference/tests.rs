//! Differences of configurations as they are written.

use super::*;
use proptest::prelude::*;

fn config(text: &str) -> Config {
    toml::from_str(text).expect("a configuration")
}

fn keys(old: &str, new: &str) -> Vec<String> {
    difference(&config(old), &config(new)).iter().map(Key::to_string).collect()
}

fn account_changes(old: &str, new: &str) -> Vec<(AccountAction, String)> {
    let changes = accounts(&config(old), &config(new)).into_iter();
    changes.map(|one| (one.action, format!("{}/{}", one.channel, one.account))).collect()
}

const TWO: &str =
    "[channels.irc.accounts.a]\nnick = \"a\"\n[channels.irc.accounts.b]\nnick = \"b\"\n";

#[test]
fn only_what_differs_is_named() {
    assert_eq!(keys("", ""), [""; 0]);
    assert_eq!(keys("", "[models]\ndefault = \"echo/echo\""), [""; 0], "the default is no change");
    assert_eq!(keys("", "[models]\ndefault = \"a/b\""), ["models.default"]);
    assert_eq!(keys(TWO, &TWO.replace("\"a\"", "\"c\"")), ["channels.irc.accounts.a.nick"]);
    assert_eq!(keys("", TWO), ["channels.irc"]);
    let entry = "[plugins.entries.\"x.y\"]\n";
    assert_eq!(
        keys(entry, &format!("{entry}threads = 2\nconfig.deep.key = 1")),
        ["plugins.entries.\"x.y\".config.deep", "plugins.entries.\"x.y\".threads"]
    );
}

#[test]
fn a_key_touches_what_is_above_and_below_it_by_whole_names() {
    let key = difference(&config(TWO), &config(&TWO.replace("\"a\"", "\"c\""))).remove(0);
    for other in ["channels", "channels.irc", "channels.irc.accounts.a.nick"] {
        assert!(key.touches(other), "{other}");
    }
    for other in ["channel", "channels.ir", "channels.irc.accounts.b", "models", ""] {
        assert!(!key.touches(other), "{other}");
    }
    let whole = difference(&config(""), &config(TWO)).remove(0);
    assert!(whole.touches("channels.irc.accounts.a"));
}

#[test]
fn what_only_counts_at_the_start_stays() {
    let wanted = config(
        "[gateway]\nlisten = \"127.0.0.1:1\"\nmax_body_bytes = 5\n[plugins]\nload_paths = [\"/x\"]\n\
         [plugins.reload]\nwatch = false\nfailures = 7\n[log]\nformat = \"json\"\nfilter = \"debug\"",
    );
    let started = Config::default();
    let reached = within_reach(&started, &wanted);
    let named = |keys: Vec<Key>| keys.iter().map(Key::to_string).collect::<Vec<_>>();
    assert_eq!(
        named(difference(&started, &reached)),
        ["gateway.max_body_bytes", "log.filter", "plugins.reload.failures"]
    );
    assert_eq!(
        named(difference(&reached, &wanted)),
        ["gateway.listen", "log.format", "plugins.load_paths", "plugins.reload.watch"]
    );
}

#[test]
fn only_accounts_whose_own_settings_differ_are_touched() {
    use AccountAction::{Connect, Disconnect, Reconnect};
    let b = "[channels.irc.accounts.b]\nnick = \"b\"\n";
    assert_eq!(account_changes(TWO, TWO), []);
    assert_eq!(account_changes(TWO, b), [(Disconnect, "irc/a".into())]);
    assert_eq!(account_changes(b, TWO), [(Connect, "irc/a".into())]);
    let renamed = TWO.replace("\"a\"", "\"c\"");
    assert_eq!(account_changes(TWO, &renamed), [(Reconnect, "irc/a".into())]);
    assert_eq!(
        account_changes(TWO, &format!("{TWO}enabled = false")),
        [(Disconnect, "irc/b".into())]
    );
    // The model is the gateway's own affair.
    assert_eq!(account_changes(TWO, &format!("{TWO}model = \"x/y\"")), []);
    let moved = "[channels.irc.accounts.c]\nnick = \"a\"\n";
    assert_eq!(
        account_changes(TWO, moved),
        [(Disconnect, "irc/a".into()), (Disconnect, "irc/b".into()), (Connect, "irc/c".into())]
    );
}

/// Some configuration: few names and values, so that two of them have much in common.
fn any_config() -> impl Strategy<Value = Config> {
    let name = || prop::sample::select(vec!["a", "b", "c.d"]);
    let number = || 1..4_u64;
    let account = (name(), prop::bool::ANY, number());
    let entry = (name(), prop::option::of(prop::bool::ANY), number(), number());
    (
        prop::collection::vec((name(), account), 0..4),
        prop::collection::vec(entry, 0..4),
        (number(), name()),
    )
        .prop_map(|(accounts, entries, (timeout, model))| {
            let mut config = Config::default();
            config.gateway.request_timeout_ms = timeout;
            config.models.default = format!("{model}/m");
            for (channel, (name, enabled, nick)) in accounts {
                let channel = config.channels.entry(channel.to_owned()).or_default();
                let account = channel.accounts.entry(name.to_owned()).or_default();
                account.enabled = enabled;
                account.settings.0.insert("nick".to_owned(), nick.into());
            }
            for (id, enabled, threads, value) in entries {
                let entry = config.plugins.entries.entry(id.to_owned()).or_default();
                entry.enabled = enabled;
                entry.threads = threads as u32;
                entry.config.0.insert("value".to_owned(), value.into());
            }
            config
        })
}

/// The value at a key.
fn at<'a>(value: &'a Value, key: &Key) -> Option<&'a Value> {
    key.0.iter().try_fold(value, |value, name| value.get(name))
}

proptest! {
    #[test]
    fn equal_configurations_differ_in_nothing(config in any_config()) {
        prop_assert!(difference(&config, &config.clone()).is_empty());
        prop_assert!(accounts(&config, &config.clone()).is_empty());
    }

    #[test]
    fn exactly_what_differs_is_named(old in any_config(), new in any_config()) {
        let keys = difference(&old, &new);
        prop_assert_eq!(keys.is_empty(), old == new);
        let value = |config: &Config| serde_json::to_value(config).expect("JSON");
        let (from, to) = (value(&old), value(&new));
        for key in &keys {
            prop_assert_ne!(at(&from, key), at(&to, key), "{}", key);
        }
        // With what is named taken from the new one, the old one is the new one.
        let mut changed = from.clone();
        for key in &keys {
            let (last, path) = key.0.split_last().expect("no key is empty");
            let table = path.iter().fold(&mut changed, |value, name| &mut value[name]);
            let table = table.as_object_mut().expect("a table");
            match at(&to, key) {
                Some(value) => drop(table.insert(last.clone(), value.clone())),
                None => drop(table.remove(last)),
            }
        }
        prop_assert_eq!(changed, to);
    }

    #[test]
    fn an_account_is_touched_only_where_its_keys_differ(old in any_config(), new in any_config()) {
        let keys = difference(&old, &new);
        for change in accounts(&old, &new) {
            let path = ["channels", change.channel.as_str(), "accounts", change.account.as_str()];
            let is_on_the_way = |key: &Key| key.0.iter().zip(path).all(|(name, part)| name == part);
            prop_assert!(keys.iter().any(is_on_the_way), "{:?}", change);
        }
    }
}
