//! `secrets/1`: secrets by name, only to plugins whose settings name them.

use crate::{
    discovery::Candidate,
    manifest::UsualSecret,
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use loader_abi::class;
use loader_contract::service::secrets::{Get, REFERENCE_PREFIX, SERVICE, method};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The largest schema file that is read, in bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// Where secrets come from: a keyring, a folder of files, a vault.
pub trait SecretSource: Send + Sync + 'static {
    /// The secret of this name, or [`missing`]. May block. The failure must not quote a secret.
    ///
    /// `usual` is what the manifest of the plugin that wants it says about it: where the source knows
    /// nothing of the name, it may look there.
    fn get(&self, name: &str, usual: Option<&UsualSecret>) -> Result<SecretBytes, Failure>;
}

/// A secret. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// The bytes, to look at.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to hand on.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(…)")
    }
}

/// Secrets held in memory, for embedding programs that fetched them already.
impl SecretSource for BTreeMap<String, SecretBytes> {
    fn get(&self, name: &str, _: Option<&UsualSecret>) -> Result<SecretBytes, Failure> {
        BTreeMap::get(self, name).cloned().ok_or_else(|| missing(name))
    }
}

/// There is no secret of this name. A source that knows how one is stored adds the hint.
pub fn missing(name: &str) -> Failure {
    Failure::new(
        class::NOT_FOUND,
        "LDR-SECRET-MISSING",
        format!("there is no secret `{}`", name.escape_debug()),
    )
}

/// The names of all `secret:<name>` values anywhere in a configuration.
pub fn references(config: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    collect(config, &mut names);
    names
}

/// The secrets that a plugin's configuration names by default. Blocking.
pub fn by_default(candidate: &Candidate) -> BTreeSet<String> {
    let read = || {
        let file = candidate.spec().config.schema.as_ref()?;
        let text = candidate.read(file, MAX_SCHEMA_BYTES).ok()?;
        let schema: Value = serde_json::from_slice(&text).ok()?;
        Some(references(&schema).into_iter().map(str::to_owned).collect())
    };
    read().unwrap_or_default()
}

fn collect<'a>(value: &'a Value, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => names.extend(text.strip_prefix(REFERENCE_PREFIX)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Hands out secrets to the plugins that may have them.
pub struct Secrets {
    source: RwLock<Arc<dyn SecretSource>>,
    allowed: RwLock<BTreeMap<String, BTreeSet<String>>>,
}

impl Secrets {
    /// Secrets of this source.
    pub fn new(source: Arc<dyn SecretSource>) -> Self {
        Self { source: RwLock::new(source), allowed: RwLock::default() }
    }

    /// Lets a plugin fetch these secrets, too.
    pub fn allow(&self, plugin: &str, names: impl IntoIterator<Item = String>) {
        let mut allowed = self.allowed.write().unwrap_or_else(PoisonError::into_inner);
        allowed.entry(plugin.to_owned()).or_default().extend(names);
    }

    /// Replaces where secrets come from, and which ones each plugin may fetch besides those its
    /// configuration names, such as those of its channel accounts. What is not named any more is
    /// withdrawn.
    pub fn replace(
        &self,
        source: Arc<dyn SecretSource>,
        allowed: BTreeMap<String, BTreeSet<String>>,
    ) {
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
        *self.allowed.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }

    fn check(&self, request: &ServiceRequest, name: &str) -> Result<(), Failure> {
        let plugin = &*request.caller.plugin;
        let allowed = self.allowed.read().unwrap_or_else(PoisonError::into_inner);
        if allowed.get(plugin).is_some_and(|names| names.contains(name))
            || references(&request.caller.config).contains(name)
        {
            return Ok(());
        }
        let name = name.escape_debug();
        Err(Failure::new(
            class::FORBIDDEN,
            "LDR-SECRET-UNDECLARED",
            format!("the settings of plugin `{plugin}` do not name the secret `{name}`"),
        )
        .hint(format!(
            "where the plugin's settings need this secret, write \"{REFERENCE_PREFIX}{name}\" in loader.toml"
        )))
    }

    fn get(&self, request: &ServiceRequest) -> Answer {
        let name = match from_json::<Get>(&request.body) {
            Ok(get) => get.name,
            Err(failure) => return Answer::Ready(Err(failure)),
        };
        if let Err(failure) = self.check(request, &name) {
            return Answer::Ready(Err(failure));
        }
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        let declared = request.caller.secrets.clone();
        Answer::later(super::blocking(move || {
            let body = source.get(&name, declared.get(&name))?.into_vec();
            Ok(Reply { body, ..Reply::empty() })
        }))
    }
}

impl Service for Secrets {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::GET => self.get(&request),
            method => Answer::unimplemented(SERVICE, method),
        }
    }
}
