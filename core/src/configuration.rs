//! Configuration against the JSON Schemas beside a plugin's manifest, before any code runs.

use crate::{diagnostic::Diagnostic, discovery::Candidate, manifest::RelativePath};
use jsonschema::Validator;
use serde_json::Value;

/// The largest schema file that is read, in bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// Checks a configuration; a plugin without a schema file checks it itself when it starts.
pub(crate) fn check(candidate: &Candidate, config: &Value) -> Result<(), Vec<Diagnostic>> {
    let Some(validator) = validator(candidate).map_err(|refusal| vec![refusal])? else {
        return Ok(());
    };
    let key = format!("plugins.entries.\"{}\".config", candidate.id());
    let findings = mistakes(&validator, config, &key, |message| {
        Diagnostic::error("LDR-CONFIG-PLUGIN", format!("the configuration is wrong: {message}"))
            .about(candidate.id())
    });
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// Checks that the schema a manifest names is there and is one, whatever the configuration.
pub(crate) fn check_schema(candidate: &Candidate) -> Result<(), Diagnostic> {
    validator(candidate).map(drop)
}

/// Checks the settings of an account, which stand at this key. A plugin without a schema file for them
/// checks them itself when it connects the account.
pub fn check_account(candidate: &Candidate, key: &str, settings: &Value) -> Vec<Diagnostic> {
    let file = candidate.spec().config.account_schema.as_ref();
    let compiled = file.map(|file| compile(candidate, file, &read(candidate, file)?));
    match compiled {
        None => Vec::new(),
        Some(Err(refusal)) => vec![refusal],
        Some(Ok(validator)) => mistakes(&validator, settings, key, |message| {
            Diagnostic::error("LDR-CONFIG-ACCOUNT", format!("`{key}` is wrong: {message}"))
                .about(candidate.id())
        }),
    }
}

/// The JSON Schema of the settings of a plugin's accounts, if it has one.
pub fn account_schema(candidate: &Candidate) -> Result<Option<Value>, Diagnostic> {
    let file = candidate.spec().config.account_schema.as_ref();
    file.map(|file| read(candidate, file)).transpose()
}

/// What a schema has against settings, each with the key that is to be corrected.
fn mistakes(
    validator: &Validator,
    settings: &Value,
    key: &str,
    wrong: impl Fn(String) -> Diagnostic,
) -> Vec<Diagnostic> {
    let findings = validator.iter_errors(settings).map(|error| {
        let place = error.instance_path().to_string();
        let below = place.trim_start_matches('/').replace('/', ".");
        let below = if below.is_empty() { String::new() } else { format!(".{below}") };
        // The message may quote the value, and the value may be a secret.
        wrong(error.masked().to_string()).hint(format!("correct {key}{below}"))
    });
    findings.collect()
}

fn validator(candidate: &Candidate) -> Result<Option<Validator>, Diagnostic> {
    let file = candidate.spec().config.schema.as_ref();
    file.map(|file| compile(candidate, file, &read(candidate, file)?)).transpose()
}

fn read(candidate: &Candidate, file: &RelativePath) -> Result<Value, Diagnostic> {
    let text = candidate.read(file, MAX_SCHEMA_BYTES)?;
    serde_json::from_slice(&text).map_err(|error| {
        broken(candidate, file, format!("the configuration's schema is not JSON: {error}"))
    })
}

fn compile(
    candidate: &Candidate,
    file: &RelativePath,
    schema: &Value,
) -> Result<Validator, Diagnostic> {
    jsonschema::validator_for(schema).map_err(|error| {
        broken(candidate, file, format!("the configuration's schema is wrong: {error}"))
    })
}

fn broken(candidate: &Candidate, file: &RelativePath, message: String) -> Diagnostic {
    Diagnostic::error("LDR-CONFIG-SCHEMA", message)
        .at(&candidate.folder().join(file.as_str()))
        .about(candidate.id())
        .hint("ask the plugin's author for a corrected schema")
}
