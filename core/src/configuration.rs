//! A plugin's configuration against the JSON Schema beside its manifest, before any code runs.

use crate::{diagnostic::Diagnostic, discovery::Candidate};
use jsonschema::Validator;
use serde_json::Value;

/// The largest schema file that is read, in bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// Checks a configuration; a plugin without a schema file checks it itself when it starts.
pub(crate) fn check(candidate: &Candidate, config: &Value) -> Result<(), Vec<Diagnostic>> {
    let Some(validator) = validator(candidate).map_err(|refusal| vec![refusal])? else {
        return Ok(());
    };
    let findings: Vec<Diagnostic> = validator
        .iter_errors(config)
        .map(|error| {
            let place = error.instance_path().to_string();
            let key = place.trim_start_matches('/').replace('/', ".");
            let key = if key.is_empty() { String::new() } else { format!(".{key}") };
            // The message may quote the value, and the value may be a secret.
            let message = error.masked().to_string();
            Diagnostic::error("LDR-CONFIG-PLUGIN", format!("the configuration is wrong: {message}"))
                .about(candidate.id())
                .hint(format!("correct plugins.entries.\"{}\".config{key}", candidate.id()))
        })
        .collect();
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// Checks that the schema a manifest names is there and is one, whatever the configuration.
pub(crate) fn check_schema(candidate: &Candidate) -> Result<(), Diagnostic> {
    validator(candidate).map(drop)
}

fn validator(candidate: &Candidate) -> Result<Option<Validator>, Diagnostic> {
    let Some(file) = &candidate.spec().config.schema else { return Ok(None) };
    let path = candidate.folder().join(file.as_str());
    let text = candidate.read(file, MAX_SCHEMA_BYTES)?;
    let broken = |message: String| {
        Diagnostic::error("LDR-CONFIG-SCHEMA", message)
            .at(&path)
            .about(candidate.id())
            .hint("ask the plugin's author for a corrected schema")
    };
    let schema: Value = serde_json::from_slice(&text)
        .map_err(|error| broken(format!("the configuration's schema is not JSON: {error}")))?;
    let validator = jsonschema::validator_for(&schema)
        .map_err(|error| broken(format!("the configuration's schema is wrong: {error}")))?;
    Ok(Some(validator))
}
