//! What every plugin promises, whatever it provides: its manifest, its library, its life.

use super::{
    Options,
    promise::{DEADLINE, Kept, PANIC, Promise, Verdict, broken, promises, unasked},
};
use crate::{
    Host, Loaded,
    advice::{advise, against},
};
use loader_contract::{catalogue, objection};
use loader_core::{
    Retirement,
    diagnostic::Diagnostic,
    discovery::Candidate,
    manifest::Provided,
    reload::Verdict as Ending,
    unload_support,
    vetting::{Policy, vet},
};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// A plugin that is to live.
pub(crate) struct Life {
    candidate: Candidate,
    options: Options,
    /// Why it does not start as it is configured, once that is known.
    hopeless: OnceLock<Diagnostic>,
}

/// How often a plugin comes and goes in one process.
const LIVES: usize = 3;

/// The longest description that fits on a line of a list, in characters.
const LONGEST_DESCRIPTION: usize = 200;

/// The largest schema of a configuration, in bytes.
const LARGEST_SCHEMA: u64 = 1024 * 1024;

pub(crate) const PROMISES: &[Promise<Life>] = promises!(Life {
    "manifest-has-a-description",
        "The manifest says in one line what the plugin is for." => describes;
    "manifest-names-a-licence", "The manifest names the licence." => is_licensed;
    "capabilities-say-what-they-do",
        "Every tool, command, service and task has an `about` text in the manifest." => says_what;
    "attributes-fit-their-contracts",
        "Attributes of capabilities have the form that their contracts give them." => fits;
    "methods-are-optional-ones",
        "The attribute `methods` lists optional methods of the contract." => lists_optional;
    "prefix-can-be-served",
        "The prefix of a route is written like `/shop`, and none of the gateway's own." => has_prefixes;
    "library-fits",
        "The library is built for this host, and says of itself what the manifest says." => is_fit;
    "describes-itself", "It describes itself with the versions it speaks." => describes_itself;
    "registers-what-it-declares",
        "It registers what the manifest declares, no more and no less." => registers;
    "starts", "It starts, as it is configured or with nothing configured." => starts;
    "starts-with-nothing",
        "It starts with an empty configuration, unless its schema requires settings."
        => starts_with_nothing;
    "starts-with-defaults",
        "It starts with every default of its schema written out." => starts_with_defaults;
    "can-be-replaced",
        "A fresh generation is ready, takes its state over, and serves in its place." => is_replaced;
    "leaves-when-asked",
        "It drains and stops in time, and its library leaves the process." => leaves;
    "comes-again", "It comes and goes again and again in one process." => comes_again;
});

impl Life {
    pub(crate) fn new(candidate: &Candidate, options: &Options) -> Self {
        let (candidate, options) = (candidate.clone(), options.clone());
        Self { candidate, options, hopeless: OnceLock::new() }
    }

    /// The configuration it is tested with.
    fn config(&self) -> Value {
        self.options.config.clone().unwrap_or_else(|| json!({}))
    }

    /// Begins a life with this configuration; the error is the main reason why not.
    async fn begin(&self, config: Value) -> Result<Loaded, Diagnostic> {
        let host: Host = self.options.host().config(config);
        host.start(&self.candidate).await.map_err(|mut refusals| refusals.swap_remove(0))
    }

    /// Begins a life as it is configured. One that does not start is not tried again.
    async fn begin_as_configured(&self) -> Result<Loaded, Diagnostic> {
        if let Some(refusal) = self.hopeless.get() {
            return Err(refusal.clone());
        }
        let begun = self.begin(self.config()).await;
        begun.inspect_err(|refusal| drop(self.hopeless.set(refusal.clone())))
    }

    /// Begins the life that another promise is about.
    async fn live(&self) -> Kept<Loaded> {
        self.require_code()?;
        self.begin_as_configured().await.or_else(|_| unasked("it does not start"))
    }

    fn require_code(&self) -> Kept {
        if self.candidate.bundle().is_some() {
            return unasked("it is a bundle: it has no code");
        }
        if !self.refusals().is_empty() {
            return unasked("its library does not fit");
        }
        match advise(&self.candidate).into_iter().find(Diagnostic::is_error) {
            None => Ok(()),
            Some(refusal) => {
                unasked(format!("its manifest is refused: {}: {}", refusal.code, refusal.message))
            }
        }
    }

    /// What the engine has to say against its library.
    fn refusals(&self) -> Vec<Diagnostic> {
        let policy = Policy::new(crate::services());
        vet(&self.candidate, &policy).err().unwrap_or_default()
    }

    fn provided(&self) -> &[Provided] {
        &self.candidate.spec().provides
    }
}

async fn describes(life: &Life) -> Kept {
    let description = life.candidate.spec().description.as_deref().unwrap_or_default().trim();
    let hint = "write `description = \"…\"` into plugin.toml: one line that says what it is for";
    if description.is_empty() {
        return broken("the manifest has no description", hint);
    }
    if description.chars().count() > LONGEST_DESCRIPTION || description.contains('\n') {
        return broken(
            format!("the description has more than one line or {LONGEST_DESCRIPTION} characters"),
            hint,
        );
    }
    Ok(())
}

async fn is_licensed(life: &Life) -> Kept {
    match life.candidate.manifest().licence.as_deref().unwrap_or_default().trim() {
        "" => broken(
            "the manifest names no licence",
            "write `licence = \"MIT OR Apache-2.0\"`, or whichever it is, into plugin.toml",
        ),
        _ => Ok(()),
    }
}

async fn says_what(life: &Life) -> Kept {
    for one in life.provided() {
        let Some(contract) = catalogue::find(&one.contract.to_string()) else { continue };
        let wants = contract.attributes.iter().any(|attribute| attribute.name == "about");
        let about = one.attributes.get("about").and_then(Value::as_str).unwrap_or_default();
        if wants && about.trim().is_empty() {
            return broken(
                format!("`{}` as `{}` has no `about` text", one.contract, one.id),
                format!(
                    "in plugin.toml: \"{}\" = [{{ id = \"{}\", about = \"…\" }}]",
                    one.contract, one.id
                ),
            );
        }
    }
    Ok(())
}

async fn fits(life: &Life) -> Kept {
    require_none(life, objection::ATTRIBUTE)
}

async fn lists_optional(life: &Life) -> Kept {
    require_none(life, objection::METHOD)
}

async fn has_prefixes(life: &Life) -> Kept {
    require_none(life, objection::PREFIX)
}

/// Expects the contracts to have nothing of this kind to say against what the manifest provides.
fn require_none(life: &Life, code: &str) -> Kept {
    let mut kept = Ok(());
    for wrong in life.provided().iter().flat_map(against).filter(|one| one.code == code) {
        match wrong.is_for_later {
            true => kept = unasked(format!("{}; a later host may know it", wrong.message)),
            false => {
                return broken(wrong.message, format!("correct plugin.toml: {}", wrong.hint));
            }
        }
    }
    kept
}

async fn is_fit(life: &Life) -> Kept {
    if life.candidate.bundle().is_some() {
        return unasked("it is a bundle: it has no code");
    }
    life.refusals().into_iter().next().map_or(Ok(()), refused)
}

/// A promise that a refusal of the engine's speaks against.
fn refused<T>(refusal: Diagnostic) -> Kept<T> {
    let usual = match refusal.code {
        "LDR-START-PANIC" => PANIC,
        "LDR-START-TIMEOUT" => DEADLINE,
        _ => "return the plugin from `start`, or an error that says what to configure",
    };
    let hint = refusal.hint.unwrap_or_else(|| usual.to_owned());
    broken(format!("{}: {}", refusal.code, refusal.message), hint)
}

/// Codes of a start that speak against what the plugin says of itself.
const DESCRIPTION: [&str; 3] = ["LDR-START-VERSION", "LDR-START-CONTRACT", "LDR-START-REGISTER"];

/// The beginning of codes that speak against what it registers.
const REGISTRATION: &str = "LDR-REGISTER-";

async fn describes_itself(life: &Life) -> Kept {
    life.require_code()?;
    match life.begin_as_configured().await {
        Ok(loaded) => {
            loaded.unload().await;
            Ok(())
        }
        Err(refusal) if DESCRIPTION.contains(&refusal.code) => refused(refusal),
        Err(_) => unasked("it does not start"),
    }
}

async fn registers(life: &Life) -> Kept {
    life.require_code()?;
    match life.begin_as_configured().await {
        Ok(loaded) => {
            // Nobody else is there to claim what it claims.
            let conflict = loaded.engine().snapshot().conflicts().first().cloned();
            loaded.unload().await;
            conflict.map_or(Ok(()), refused)
        }
        Err(refusal) if refusal.code.starts_with(REGISTRATION) => refused(refusal),
        Err(_) => unasked("it does not start"),
    }
}

/// Starts and stops with a configuration.
async fn start_with(life: &Life, config: Value) -> Kept {
    life.require_code()?;
    let begun = match config == life.config() {
        true => life.begin_as_configured().await,
        false => life.begin(config).await,
    };
    match begun {
        Ok(loaded) => {
            loaded.unload().await;
            Ok(())
        }
        Err(refusal)
            if DESCRIPTION.contains(&refusal.code) || refusal.code.starts_with(REGISTRATION) =>
        {
            unasked("it does not say or register what it should")
        }
        Err(refusal) => refused(refusal),
    }
}

async fn starts(life: &Life) -> Kept {
    match start_with(life, life.config()).await {
        Err(Verdict::Broken { message, .. })
            if life.options.config.is_none() && message.starts_with(CONFIGURATION) =>
        {
            unasked("it has to be configured: name its settings with --plugin-config")
        }
        kept => kept,
    }
}

/// What a schema says that does not agree with a configuration.
const CONFIGURATION: &str = "LDR-CONFIG-PLUGIN";

async fn starts_with_nothing(life: &Life) -> Kept {
    match start_with(life, json!({})).await {
        Err(Verdict::Broken { message, .. }) if message.starts_with(CONFIGURATION) => {
            unasked("its schema requires settings")
        }
        kept => kept,
    }
}

async fn starts_with_defaults(life: &Life) -> Kept {
    life.require_code()?;
    let Some(file) = &life.candidate.spec().config.schema else { return Ok(()) };
    let schema = life.candidate.read(file, LARGEST_SCHEMA).map_err(|refusal| Verdict::Broken {
        message: refusal.message.clone(),
        hint: refusal.hint.unwrap_or_default(),
    })?;
    let schema: Value = serde_json::from_slice(&schema).unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let defaults = properties.filter_map(|(name, property)| {
        let default = &property["default"];
        (!default.is_null()).then(|| (name.clone(), default.clone()))
    });
    let mut config: Map<String, Value> = defaults.collect();
    if let Value::Object(said) = life.config() {
        config.extend(said);
    }
    match start_with(life, Value::Object(config)).await {
        Err(Verdict::Broken { message, .. })
            if life.options.config.is_none() && message.starts_with(CONFIGURATION) =>
        {
            unasked("its schema requires settings that have no default")
        }
        kept => kept,
    }
}

async fn is_replaced(life: &Life) -> Kept {
    let loaded = life.live().await?;
    let reload = loaded.reload().await;
    loaded.unload().await;
    let reload = reload.or_else(refused)?;
    if reload.verdict == Some(Ending::Kept) {
        return Ok(());
    }
    match reload.findings.into_iter().find(Diagnostic::is_error) {
        Some(refusal) => refused(refusal),
        None => broken(
            "the reload left the old generation serving",
            "see that `ready` answers, and that `export` and `import` agree on the state",
        ),
    }
}

async fn leaves(life: &Life) -> Kept {
    let loaded = life.live().await?;
    judge(loaded.unload().await)
}

async fn comes_again(life: &Life) -> Kept {
    life.require_code()?;
    for number in 1..=LIVES {
        let loaded = match life.begin_as_configured().await {
            Ok(loaded) => loaded,
            Err(_) if number == 1 => return unasked("it does not start"),
            Err(refusal) => {
                return broken(
                    format!("it does not start again: {}: {}", refusal.code, refusal.message),
                    "let nothing outlive it in the process: no variable, handler or lock of its own",
                );
            }
        };
        match judge(loaded.unload().await) {
            Ok(()) => {}
            // That it does not leave at all is said by another promise.
            Err(_) if number == 1 => return unasked("it does not leave the process"),
            Err(verdict) => return Err(verdict),
        }
    }
    Ok(())
}

/// What the end of a life says.
pub(crate) fn judge(retirement: Retirement) -> Kept {
    match retirement {
        Retirement::Unloaded => Ok(()),
        Retirement::Pinned(_) | Retirement::Wedged(_) if unload_support().is_err() => {
            unasked("libraries are not unloaded on this system")
        }
        Retirement::Pinned(reason) => broken(
            format!("its library stays in the process: {reason}"),
            "end its threads, handlers and globals when it stops; work belongs into `host.spawn`",
        ),
        Retirement::Wedged(reason) => broken(
            format!("it does not stop: {reason}"),
            "do not block: await, and let `stop` and `drain` return; a call ends at its next await",
        ),
    }
}
