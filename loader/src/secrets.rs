//! Secrets as `[secrets.<name>]` of the configuration says where they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use loader_abi::class;
use loader_core::message::Failure;
use loader_core::services::{SecretBytes, SecretSource, secrets};
use loader_gateway::config;

use crate::settings::Environment;
use crate::shell;

/// The largest secret, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The secrets of the configuration. A file is read each time its secret is used, so that a secret
/// can be changed without a restart.
pub(crate) struct ConfiguredSecrets(BTreeMap<String, Place>);

/// Where one secret is.
enum Place {
    /// In a variable of this name, whose value is `None` if it is not set.
    Variable(String, Option<OsString>),
    File(PathBuf),
    Value(SecretBytes),
}

impl ConfiguredSecrets {
    /// The secrets these settings name. Of the environment, only the variables they name are kept.
    pub(crate) fn new(
        sources: &BTreeMap<String, config::SecretSource>,
        environment: &Environment,
    ) -> Self {
        let places = sources.iter().filter_map(|(name, source)| {
            let config::SecretSource { env, file, value } = source.clone();
            let variable = env.map(|variable| {
                let value = environment.get(OsString::from(&variable).as_os_str()).cloned();
                Place::Variable(variable, value)
            });
            let place = variable
                .or(file.map(Place::File))
                .or(value.map(|value| Place::Value(SecretBytes::from(value))));
            Some((name.clone(), place?))
        });
        Self(places.collect())
    }
}

impl SecretSource for ConfiguredSecrets {
    fn get(&self, name: &str) -> Result<SecretBytes, Failure> {
        let secret = match self.0.get(name) {
            None => {
                let name = name.escape_debug();
                let hint = format!(
                    "say where it is in loader.toml: [secrets.\"{name}\"] with `env`, `file` or `value`"
                );
                return Err(secrets::missing(&name.to_string()).hint(hint));
            }
            Some(Place::Value(value)) => value.clone(),
            Some(Place::File(path)) => read(name, path)?,
            Some(Place::Variable(variable, value)) => {
                let value = value.clone().ok_or_else(|| {
                    absent(
                        name,
                        format!("the environment variable `{variable}` is not set"),
                        format!("export {variable}=… and start loader again"),
                    )
                })?;
                SecretBytes::from(value.into_vec())
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
        source(json).get("key").expect("there is a secret").into_vec()
    }

    fn failure(json: serde_json::Value) -> Failure {
        source(json).get("key").expect_err("there is no secret")
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
            assert_eq!(source.get("key").expect("it is there").expose(), text.as_bytes());
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
        let failure = source.get("other").expect_err("there is no such secret");
        assert_eq!(failure.code, "LDR-SECRET-MISSING");
        assert!(failure.hint.contains("[secrets.\"other\"]"), "{}", failure.hint);
    }
}
