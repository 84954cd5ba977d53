//! What tools do and take: asked once in each generation's life.

use super::failure;
use jsonschema::Validator;
use loader_contract::tool::{CONTRACT, ListedTool, ToolDescription, method};
use loader_core::{CallOptions, Capability, Engine, message::Failure};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;
use tracing::warn;

/// How long a plugin may take to describe a tool.
const TIMEOUT: Duration = Duration::from_secs(5);

/// When a tool that could not be described is asked again though its generation is the same.
const AGAIN: Duration = Duration::from_secs(30);

/// The longest description of a tool: all of them are shown to a model, in every question.
const MOST_BYTES: usize = 64 * 1024;

/// The longest name of a tool that servers of models take.
const MOST_NAME_BYTES: usize = 64;

/// How many violations of a schema are told.
const VIOLATIONS: usize = 3;

/// How much of a violation is told, which may quote the arguments.
const VIOLATION_CHARACTERS: usize = 200;

/// A tool as its plugin describes it.
pub(crate) struct Tool {
    /// What it does and takes.
    pub(crate) listed: ListedTool,
    /// Whether it changes nothing anywhere.
    pub(super) is_read_only: bool,
    validator: Validator,
}

impl Tool {
    /// Checks arguments against the schema.
    pub(super) fn check(&self, arguments: &Value) -> Result<(), Failure> {
        let violations = self.validator.iter_errors(arguments).take(VIOLATIONS).map(|error| {
            let pointer = error.instance_path().to_string();
            let place = if pointer.is_empty() { "/" } else { &pointer };
            let what: String = error.to_string().chars().take(VIOLATION_CHARACTERS).collect();
            format!("{place}: {what}")
        });
        let violations: Vec<String> = violations.collect();
        match violations.is_empty() {
            true => Ok(()),
            false => Err(failure::arguments(self, &violations.join("; "))),
        }
    }
}

/// The descriptions of tools, each of one generation.
#[derive(Default)]
pub(super) struct Descriptions(Mutex<HashMap<String, Arc<Entry>>>);

/// What one generation of a plugin says of a tool.
struct Entry {
    plugin: String,
    generation: Option<u64>,
    asked: Instant,
    said: OnceCell<Result<Arc<Tool>, Failure>>,
}

impl Descriptions {
    /// A tool as the generation that serves describes it.
    pub(super) async fn of(
        &self,
        engine: &Engine,
        capability: &Capability,
    ) -> Result<Arc<Tool>, Failure> {
        let entry = self.entry(engine, capability);
        let said = entry.said.get_or_init(async || {
            let described = ask(engine, capability).await;
            if let Err(failure) = &described {
                let Capability { id, plugin, .. } = capability;
                warn!(plugin, tool = id, code = failure.code, "{}", failure.message);
            }
            described.map(Arc::new)
        });
        said.await.clone()
    }

    fn entry(&self, engine: &Engine, capability: &Capability) -> Arc<Entry> {
        let snapshot = engine.snapshot();
        let record = snapshot.plugin(&capability.plugin);
        let generation = record.and_then(|record| record.generation);
        let mut entries = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(entry) = entries.get(&capability.id)
            && entry.plugin == capability.plugin
            && entry.generation == generation
            && !entry.may_be_asked_again()
        {
            return entry.clone();
        }
        entries.retain(|tool, _| snapshot.capability(CONTRACT, tool).is_some());
        let entry = Arc::new(Entry {
            plugin: capability.plugin.clone(),
            generation,
            asked: Instant::now(),
            said: OnceCell::new(),
        });
        entries.insert(capability.id.clone(), entry.clone());
        entry
    }
}

impl Entry {
    fn may_be_asked_again(&self) -> bool {
        self.said.get().is_some_and(Result::is_err) && self.asked.elapsed() > AGAIN
    }
}

async fn ask(engine: &Engine, capability: &Capability) -> Result<Tool, Failure> {
    let unusable = |why: String| failure::schema(capability, &why);
    let target = engine.target(CONTRACT, Some(&capability.id), method::DESCRIBE)?;
    let options = CallOptions::by("gateway").within(TIMEOUT).idempotent(true);
    let described = target.ask(options, &()).await;
    let description: ToolDescription = described.map_err(|failure| {
        unusable(format!("it does not describe itself: {} ({})", failure.message, failure.code))
    })?;
    if !is_name(&capability.id) {
        return Err(unusable(format!(
            "a model cannot call it by its id, which may have at most {MOST_NAME_BYTES} letters, digits, \
             `_` and `-`"
        )));
    }
    let bytes = description.description.len() + description.parameters.to_string().len();
    if bytes > MOST_BYTES {
        return Err(unusable(format!(
            "its description and `parameters` have {bytes} bytes, and may have {MOST_BYTES}"
        )));
    }
    if description.parameters["type"] != "object" {
        return Err(unusable("its `parameters` are no JSON Schema of an object".to_owned()));
    }
    let validator = jsonschema::validator_for(&description.parameters)
        .map_err(|error| unusable(format!("its `parameters` are no JSON Schema: {error}")))?;
    let listed =
        ListedTool { name: capability.id.clone(), plugin: capability.plugin.clone(), description };
    let is_read_only = capability.attributes.get("read_only") == Some(&Value::Bool(true));
    Ok(Tool { listed, is_read_only, validator })
}

/// Whether servers of models take it for the name of a function.
fn is_name(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    id.len() <= MOST_NAME_BYTES && id.bytes().all(fits)
}
