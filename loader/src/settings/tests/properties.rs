//! Properties of any configuration whatsoever.

use proptest::prelude::*;

use super::*;
use crate::settings::interpolate::interpolate;
use crate::settings::key::Key;
use crate::settings::text::quote;

/// Pieces that configuration is made of, so that random files get past the first line.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[gateway]\n".to_owned()),
        Just("[plugins.entries.a]\n".to_owned()),
        Just("[[channels.b.accounts]]\n".to_owned()),
        Just("[secrets.c]\nvalue".to_owned()),
        Just("plugins.load_paths".to_owned()),
        Just("channels.irc.accounts.main".to_owned()),
        Just("listen".to_owned()),
        Just(" = ".to_owned()),
        Just("\n".to_owned()),
        Just("'${A}${'".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("{ a.b = [1, 'x'], ".to_owned()),
        Just("}".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\u{feff}é\r\n".to_owned()),
        "[ -~]{0,8}",
        ".{0,4}",
    ]
}

/// A layer that sets some of the settings of [`KEYS`], each to the number it is given.
fn layer_of() -> impl Strategy<Value = Vec<Option<u32>>> {
    prop::collection::vec(prop::option::of(1..=200u32), KEYS.len())
}

const KEYS: [&str; 6] = [
    "gateway.request_timeout_ms",
    "gateway.max_body_bytes",
    "plugins.entries.a.threads",
    "plugins.entries.a.config.deep.er",
    "channels.c.accounts.d.e",
    "channels.c.accounts.f.e",
];

fn write_layer(values: &[Option<u32>]) -> String {
    let lines = KEYS.iter().zip(values).filter_map(|(key, value)| Some((key, (*value)?)));
    lines.map(|(key, value)| format!("{key} = {value}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_read_but_never_panic(
        user in prop::collection::vec(any::<u8>(), 0..64),
        project in prop::collection::vec(fragment(), 0..12),
        name in "[A-Za-z_-]{0,12}",
        value in prop_oneof![".{0,12}", prop::collection::vec(fragment(), 0..4).prop_map(|parts| parts.concat())],
        flag in ".{0,8}",
    ) {
        let mut machine = Machine::new()
            .project(&project.concat())
            .variable(&format!("LOADER__{name}"), &value)
            .variable(&format!("LOADER__PLUGINS__{name}"), &value)
            .flag(&flag, value);
        write(&machine.user_file(), &user);
        let first = resolve(&machine.sources);
        // What is reported has a code and a remedy, and shows where.
        let problems = match first {
            Ok(resolved) => resolved.warnings,
            Err(problems) => problems,
        };
        for problem in &problems {
            prop_assert!(problem.code.starts_with("LDR-CFG-"));
            prop_assert!(problem.hint.is_some(), "{problem}");
            prop_assert!(!problem.message.chars().any(char::is_control), "{problem:?}");
            prop_assert_eq!(problem.line.is_some(), problem.column.is_some());
        }
        machine.sources.named = Some(machine.user_file());
        let _ = resolve(&machine.sources);
    }

    #[test]
    fn the_last_layer_that_sets_a_value_wins_and_is_its_origin(
        system in layer_of(), user in layer_of(), project in layer_of(),
        environment in layer_of(), flags in layer_of(),
    ) {
        let mut machine = Machine::new()
            .system(&write_layer(&system))
            .user(&write_layer(&user))
            .project(&write_layer(&project));
        for (key, value) in KEYS.iter().zip(&environment) {
            if let Some(value) = value {
                let name = format!("LOADER__{}", key.to_uppercase().replace('.', "__"));
                machine = machine.variable(&name, &value.to_string());
            }
        }
        for (key, value) in KEYS.iter().zip(&flags) {
            if let Some(value) = value {
                machine = machine.flag(key, i64::from(*value));
            }
        }
        let resolved = machine.resolve();
        let layers = [
            (Layer::Flag, &flags), (Layer::Environment, &environment), (Layer::Project, &project),
            (Layer::User, &user), (Layer::System, &system),
        ];
        let config = serde_json::to_value(&resolved.config).expect("it can be written");
        for (position, key) in KEYS.iter().enumerate() {
            let winner = layers.iter().find_map(|(layer, set)| Some((*layer, set[position]?)));
            let used = config.pointer(&format!("/{}", key.replace('.', "/")));
            match winner {
                Some((layer, value)) => {
                    prop_assert_eq!(used, Some(&serde_json::json!(value)));
                    let setting = &resolved.settings[*key];
                    prop_assert_eq!(&setting.shown, &serde_json::json!(value));
                    prop_assert_eq!(setting.origin.layer, layer);
                }
                None => {
                    let origin = resolved.origin(key).map(|origin| origin.layer);
                    prop_assert!(matches!(origin, None | Some(Layer::Default)));
                }
            }
        }
    }

    #[test]
    fn the_origin_of_a_value_points_at_it(before in "(#[a-zé ]{0,9}\n){0,9}", pad in " {0,9}", value in 1..99u32) {
        let text = format!("{before}gateway.max_body_bytes ={pad}{value}");
        let resolved = Machine::new().user(&text).resolve();
        let origin = resolved.origin("gateway.max_body_bytes").expect("it is set");
        let line = text.lines().nth(origin.line.expect("a line") - 1).expect("the line exists");
        let found: String = line.chars().skip(origin.column.expect("a column") - 1).collect();
        prop_assert_eq!(found, value.to_string());
    }

    #[test]
    fn a_secret_is_never_shown(value in "[A-Za-z0-9]{12}", mistake in "[^\n]{0,6}") {
        let name = "sasl_password";
        let good = Machine::new().user(&format!("channels.c.accounts.d.{name} = '{value}'")).resolve();
        prop_assert!(!good.show_text().contains(&value));
        prop_assert!(!good.show_json().to_string().contains(&value));
        let debug = format!("{good:?}");
        prop_assert!(!debug.contains(&value));
        let bad = Machine::new().user(&format!("[channels.c.accounts.d]\n{name} = '{value}'{mistake}\n"));
        if let Err(problems) = resolve(&bad.sources) {
            prop_assert!(!say(&problems).contains(&value), "{}", say(&problems));
        }
    }

    #[test]
    fn keys_are_read_as_they_are_written(names in prop::collection::vec(".{0,6}", 1..5)) {
        let key: Key = names.into_iter().collect();
        prop_assert_eq!(Key::parse(&key.to_string()), Some(key));
    }

    #[test]
    fn quoted_text_is_toml(text in "\\PC{0,9}|.{0,9}|[\\x00-\\x7f\n]{0,9}") {
        let table: toml::Table = format!("a = {}", quote(&text)).parse().expect("valid TOML");
        prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn escaped_text_stands_for_itself(text in "[${}A ]{0,12}") {
        let written = text.replace("${", "$${");
        let environment = Environment::from([("A".into(), "a".into())]);
        prop_assert_eq!(interpolate(&written, &environment), Ok(text));
    }
}
