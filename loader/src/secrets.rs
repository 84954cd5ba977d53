//! Secrets: where `[secrets.<name>]` of the configuration says they are, or else in the variables that the
//! manifest of the plugin that wants one names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use loader_abi::class;
use loader_core::manifest::UsualSecret;
use loader_core::message::Failure;
use loader_core::services::{SecretBytes, SecretSource, secrets};
use loader_gateway::config;

use crate::settings::Environment;
use crate::shell;

/// The largest secret, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The secrets of the configuration. A file is read each time its secret is used, so that a secret
/// can be changed without a restart.
pub(crate) struct ConfiguredSecrets {
    places: BTreeMap<String, Place>,
    environment: Environment,
}

/// Whether a secret is said to be somewhere.
pub(crate) enum Whereabouts<'a> {
    /// `[secrets.<name>]` says where.
    Configured,
    /// This variable, which a plugin's manifest names, is set.
    Variable(&'a str),
    /// Nobody says where, and no variable for it is set.
    Unknown,
}

impl<'a> Whereabouts<'a> {
    /// Of the secret of this name, about which a plugin says what is usual.
    pub(crate) fn of(
        name: &str,
        usual: Option<&'a UsualSecret>,
        sources: &BTreeMap<String, config::SecretSource>,
        environment: &Environment,
    ) -> Self {
        if sources.contains_key(name) {
            return Self::Configured;
        }
        usual
            .and_then(|usual| set_variable(usual, environment))
            .map_or(Self::Unknown, |(variable, _)| Self::Variable(variable))
    }
}

/// The first variable of a plugin's that says something.
fn set_variable<'a, 'e>(
    usual: &'a UsualSecret,
    environment: &'e Environment,
) -> Option<(&'a str, &'e OsString)> {
    let set = |variable: &'a String| {
        let value = environment.get(OsStr::new(variable)).filter(|value| !value.is_empty());
        Some((variable.as_str(), value?))
    };
    usual.env.iter().find_map(set)
}

/// How people say where a secret is.
pub(crate) fn hint(name: &str, usual: Option<&UsualSecret>) -> String {
    let name = name.escape_debug();
    let place = format!("[secrets.\"{name}\"] with `env`, `file` or `value`");
    match usual.and_then(|usual| usual.env.first()) {
        Some(variable) => {
            format!("export {variable}=… and start loader again; or say where it is: {place}")
        }
        None => format!("say where it is in loader.toml: {place}"),
    }
}

/// Where one secret is.
enum Place {
    /// In the variable of this name.
    Variable(String),
    File(PathBuf),
    Value(SecretBytes),
}

impl ConfiguredSecrets {
    /// The secrets these settings name, and what is in the environment for others.
    pub(crate) fn new(
        sources: &BTreeMap<String, config::SecretSource>,
        environment: &Environment,
    ) -> Self {
        let places = sources.iter().filter_map(|(name, source)| {
            let config::SecretSource { env, file, value } = source.clone();
            let place = env
                .map(Place::Variable)
                .or(file.map(Place::File))
                .or(value.map(|value| Place::Value(SecretBytes::from(value))));
            Some((name.clone(), place?))
        });
        Self { places: places.collect(), environment: environment.clone() }
    }
}

impl SecretSource for ConfiguredSecrets {
    fn get(&self, name: &str, usual: Option<&UsualSecret>) -> Result<SecretBytes, Failure> {
        let secret = match self.places.get(name) {
            None => {
                let set = usual.and_then(|usual| set_variable(usual, &self.environment));
                let (_, value) =
                    set.ok_or_else(|| secrets::missing(name).hint(hint(name, usual)))?;
                SecretBytes::from(value.clone().into_vec())
            }
            Some(Place::Value(value)) => value.clone(),
            Some(Place::File(path)) => read(name, path)?,
            Some(Place::Variable(variable)) => {
                let value = self.environment.get(OsStr::new(variable)).ok_or_else(|| {
                    absent(
                        name,
                        format!("the environment variable `{variable}` is not set"),
                        format!("export {variable}=… and start loader again"),
                    )
                })?;
                SecretBytes::from(value.clone().into_vec())
            }
        };
        if secret.expose().is_empty() {
            return Err(absent(name, "it is empty", "put the secret where its settings say"));
        }
        Ok(secret)
    }
}

/// What a file holds, without the line break at its end.
fn read(name: &str, path: &Path) -> Result<SecretBytes, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let shown = path.display();
    if let Err(error) = read {
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => {
                format!("let this user read it: ls -l {}", shell::word(path))
            }
            _ => format!("put the secret into {}", shell::word(path)),
        };
        return Err(absent(name, format!("cannot read {shown}: {error}"), hint));
    }
    if bytes.len() as u64 > LARGEST {
        let hint = "name a file that holds nothing but the secret";
        return Err(absent(name, format!("{shown} has more than {LARGEST} bytes"), hint));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(SecretBytes::from(bytes))
}

/// A secret that is named in the configuration but is not there.
fn absent(name: &str, why: impl Into<String>, hint: impl Into<String>) -> Failure {
    let message = format!("the secret `{}` is not there: {}", name.escape_debug(), why.into());
    Failure::new(class::UNAVAILABLE, "LDR-SECRET-ABSENT", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: serde_json::Value) -> ConfiguredSecrets {
        let environment = Environment::from([
            ("SET".into(), "from the environment".into()),
            ("EMPTY".into(), "".into()),
            ("BYTES".into(), OsString::from_vec(vec![0xff, 0])),
        ]);
        let sources = BTreeMap::from([(
            "key".to_owned(),
            serde_json::from_value(json).expect("it is a source of a secret"),
        )]);
        ConfiguredSecrets::new(&sources, &environment)
    }

    fn secret(json: serde_json::Value) -> Vec<u8> {
        source(json).get("key", None).expect("there is a secret").into_vec()
    }

    fn failure(json: serde_json::Value) -> Failure {
        source(json).get("key", None).expect_err("there is no secret")
    }

    #[test]
    fn a_secret_comes_from_where_its_settings_say() {
        assert_eq!(secret(serde_json::json!({ "value": "as it is \n" })), b"as it is \n");
        assert_eq!(secret(serde_json::json!({ "env": "SET" })), b"from the environment");
        assert_eq!(secret(serde_json::json!({ "env": "BYTES" })), [0xff, 0]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        for (text, expected) in [
            ("in a file", "in a file"),
            ("one line\n", "one line"),
            ("other line\r\n", "other line"),
            ("two\nlines\n\n", "two\nlines\n"),
        ] {
            std::fs::write(&file, text).expect("a file");
            assert_eq!(secret(serde_json::json!({ "file": file })), expected.as_bytes());
        }
    }

    #[test]
    fn a_file_is_read_whenever_its_secret_is_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        let source = source(serde_json::json!({ "file": file }));
        for text in ["old", "new"] {
            std::fs::write(&file, text).expect("a file");
            assert_eq!(source.get("key", None).expect("it is there").expose(), text.as_bytes());
        }
    }

    #[test]
    fn a_secret_that_is_not_there_says_what_to_do() {
        let unset = failure(serde_json::json!({ "env": "UNSET" }));
        assert_eq!(unset.code, "LDR-SECRET-ABSENT");
        assert_eq!(unset.hint, "export UNSET=… and start loader again");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        let missing = failure(serde_json::json!({ "file": file }));
        assert!(missing.hint.contains(&file.display().to_string()), "{}", missing.hint);
        assert_eq!(failure(serde_json::json!({ "env": "EMPTY" })).code, "LDR-SECRET-ABSENT");
        std::fs::write(&file, "\n").expect("a file");
        assert_eq!(failure(serde_json::json!({ "file": file })).code, "LDR-SECRET-ABSENT");
        std::fs::write(&file, vec![b'x'; 70_000]).expect("a file");
        let large = failure(serde_json::json!({ "file": file }));
        assert!(large.message.contains("more than 65536 bytes"), "{}", large.message);
        assert!(!large.message.contains("xx"));
    }

    #[test]
    fn a_secret_nobody_configured_says_where_to_configure_it() {
        let source = source(serde_json::json!({ "value": "v" }));
        let failure = source.get("other", None).expect_err("there is no such secret");
        assert_eq!(failure.code, "LDR-SECRET-MISSING");
        assert!(failure.hint.contains("[secrets.\"other\"]"), "{}", failure.hint);
    }

    #[test]
    fn what_a_manifest_says_counts_where_the_configuration_says_nothing() {
        let usual = |variables: &[&str]| UsualSecret {
            env: variables.iter().map(|&variable| variable.to_owned()).collect(),
            about: None,
        };
        let source = source(serde_json::json!({ "value": "configured" }));
        let get = |name: &str, variables: &[&str]| source.get(name, Some(&usual(variables)));
        assert_eq!(get("key", &["SET"]).expect("a secret").expose(), b"configured");
        let other = get("other", &["UNSET", "EMPTY", "SET", "BYTES"]).expect("a secret");
        assert_eq!(other.expose(), b"from the environment");
        let failure = get("other", &["UNSET", "EMPTY"]).expect_err("none is set");
        assert_eq!(failure.code, "LDR-SECRET-MISSING");
        assert!(failure.hint.starts_with("export UNSET=… and"), "{}", failure.hint);
    }
}
