//! Names of the operations every plugin answers.
//!
//! An operation name is `<contract>/<major>/<method>`. The lifecycle is the contract `ldr/1`; its
//! bodies are JSON and their types are in `loader-contract`.

/// Both sides say what they speak; the highest common version of each contract wins.
pub const DESCRIBE: &str = "ldr/1/describe";
/// The plugin names the capabilities it provides.
pub const REGISTER: &str = "ldr/1/register";
/// The plugin becomes ready: afterwards it must answer.
pub const START: &str = "ldr/1/start";
/// One long call that drives the plugin's background work until it is cancelled.
pub const RUN: &str = "ldr/1/run";
/// No new work will come; finish what is under way.
pub const DRAIN: &str = "ldr/1/drain";
/// Let go of everything; the object is dropped next.
pub const STOP: &str = "ldr/1/stop";
/// Stop working of your own accord, and give the state that the next generation goes on with. Calls of
/// the plugin wait from now on, and streams go on.
pub const EXPORT_STATE: &str = "ldr/1/export-state";
/// Go on from the state of the generation before; after [`START`] and ahead of [`RUN`]. The generation
/// that gave the state is asked the same when its successor is withdrawn.
pub const IMPORT_STATE: &str = "ldr/1/import-state";
/// Whether the plugin can serve: asked before calls are sent to a fresh generation, and while it is
/// watched.
pub const HEALTH: &str = "ldr/1/health";
/// Resource counters: allocations and tasks.
pub const STATS: &str = "ldr/1/stats";

/// The metadata key that names which of a plugin's capabilities a call is for.
pub const CAPABILITY_KEY: &str = "ldr-capability";

/// What the names of the lifecycle begin with.
const LIFECYCLE: &str = "ldr/";

/// Whether an operation belongs to the lifecycle, which only the host begins.
pub fn is_lifecycle(operation: &str) -> bool {
    operation.starts_with(LIFECYCLE)
}

/// Splits `<contract>/<major>/<method>` into the contract with its major, and the method.
pub fn split(operation: &str) -> Option<(&str, &str)> {
    operation.rsplit_once('/').filter(|(contract, method)| {
        !method.is_empty() && contract.contains('/') && !contract.starts_with('/')
    })
}
