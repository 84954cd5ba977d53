//! Probed → image → generation: open, create, describe, register, start, run.

use super::{
    Generation,
    executor::{self, Placement},
    host::{Capabilities, HostLink},
    leases::Leases,
    relay::Relay,
    retire::{Keeper, Retained, Retirement},
};
use crate::{
    crash::Resident,
    diagnostic::Diagnostic,
    emission::{LogFilter, Observer},
    image::Image,
    message::{Failure, from_json},
    probe::Probed,
    reload::canary::Canary,
    service::{ServiceCaller, Services},
};
use loader_abi::{PluginBox, abi_stable::sabi_trait::TD_Opaque, class, operation};
use loader_contract::lifecycle::{
    HostDescription, PluginDescription, Registration, Registrations, Start, StateDescription,
};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
};
use tokio_util::sync::CancellationToken;

/// How long the steps of a life may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Opening, creating, describing, registering and starting, each.
    pub(crate) start: Duration,
    /// Stopping, and every step of letting go.
    pub(crate) stop: Duration,
}

/// What a generation is started from.
pub(crate) struct Launch {
    pub(crate) probed: Probed,
    pub(crate) number: u64,
    pub(crate) placement: Placement,
    pub(crate) config: Arc<serde_json::Value>,
    pub(crate) services: Services,
    pub(crate) capabilities: Arc<dyn Capabilities>,
    pub(crate) description: HostDescription,
    pub(crate) log_filter: Option<LogFilter>,
    pub(crate) limits: Limits,
}

/// Why a generation did not start, and what of it could not leave.
pub(crate) struct LaunchError {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) retained: Option<Retained>,
}

/// A generation that answers. Its background work begins with [`Keeper::run`].
pub(crate) struct Launched {
    pub(crate) keeper: Keeper,
    pub(crate) registrations: Vec<Registration>,
    /// What it says of its state, if it hands any over.
    pub(crate) state: Option<StateDescription>,
}

/// Starts a generation. What fails on the way is let go of as carefully as a served one.
pub(crate) async fn launch(launch: Launch) -> Result<Launched, LaunchError> {
    let Launch { probed, number, placement, config, .. } = launch;
    let staged = probed.staged();
    let resident = Resident::of(staged);
    let id: Arc<str> = staged.spec().id.as_str().into();
    let path = staged.candidate().manifest_path().to_owned();
    let plugin_id = staged.spec().library_plugin_id.clone();
    let version = staged.spec().version.to_string();
    let refuse = |code, message: String| Diagnostic::error(code, message).at(&path).about(&*id);
    let limits = launch.limits;
    let failed = |diagnostic: Diagnostic, retirement: Retirement| LaunchError {
        diagnostic,
        retained: (retirement != Retirement::Unloaded).then(|| Retained {
            plugin: id.to_string(),
            generation: number,
            retirement,
        }),
    };

    let (workers, threads) = match placement {
        Placement::Inline => (None, None),
        Placement::Thread { threads } => {
            let (workers, threads) = executor::start(&id, threads, resident).map_err(|error| {
                resident.leave();
                let diagnostic =
                    refuse("LDR-START-THREAD", format!("no thread could be started: {error}"))
                        .hint("raise the limit of processes (ulimit -u)");
                failed(diagnostic, Retirement::Unloaded)
            })?;
            (Some(workers), Some(threads))
        }
    };
    let relay = Relay::new(workers.is_none(), resident);
    let observer = Arc::new(Observer::new(id.clone(), launch.log_filter));
    let origin: Arc<str> = format!("plugin:{id}").into();
    let caller = ServiceCaller {
        plugin: id.clone(),
        generation: number,
        config: config.clone(),
        secrets: Arc::new(staged.spec().secrets.clone()),
    };
    let link = HostLink {
        caller: caller.clone(),
        origin: origin.clone(),
        services: launch.services.clone(),
        capabilities: launch.capabilities,
        observer: observer.clone(),
        relay: relay.clone(),
        runtime: Handle::current(),
    };

    // Opening runs the library's constructors, creating runs its code: both on its own thread.
    let (sender, opened) = oneshot::channel();
    let opening = move || {
        let made = match Image::open(probed, resident) {
            Err(diagnostic) => Err((diagnostic, None)),
            Ok(image) => match create(&image, &plugin_id, link) {
                Ok(plugin) => Ok((image, plugin)),
                Err(diagnostic) => Err((diagnostic, Some(image))),
            },
        };
        let _ = sender.send(made);
    };
    match &workers {
        Some(workers) => workers.spawn(async move { opening() }),
        None => drop(tokio::task::spawn_blocking(opening)),
    }
    let (image, plugin) = match tokio::time::timeout(limits.start, opened).await {
        Ok(Ok(Ok(made))) => made,
        Ok(Ok(Err((diagnostic, image)))) => {
            let placed = diagnostic.place.is_some();
            let keeper = Keeper::unborn(id.clone(), number, image, threads, limits.stop);
            let retirement =
                keeper.retire(Duration::ZERO, &CancellationToken::new()).await.retirement;
            let diagnostic = if placed { diagnostic } else { diagnostic.at(&path).about(&*id) };
            return Err(failed(diagnostic, retirement));
        }
        Ok(Err(_)) => {
            let diagnostic =
                refuse("LDR-START-CREATE", "the plugin panicked while it was created".into());
            return Err(failed(diagnostic, Retirement::Wedged("it panicked while created".into())));
        }
        Err(_) => {
            // The thread is inside the library: nothing of it can be let go of.
            let diagnostic = refuse(
                "LDR-START-TIMEOUT",
                format!("the library did not open within {} s", limits.start.as_secs_f32()),
            )
            .hint("look for endless work in its constructors; the thread is left to itself");
            return Err(failed(diagnostic, Retirement::Wedged("it is still being opened".into())));
        }
    };

    let generation = assemble(number, resident, origin, plugin, workers, relay, observer);
    let keeper =
        Keeper::new(id.clone(), generation, caller, launch.services, image, threads, limits.stop);
    let steps = Steps { keeper: &keeper, limits };
    match steps.take(&launch.description, &version, &config).await {
        Ok((registrations, state)) => Ok(Launched { keeper, registrations, state }),
        Err((step, failure)) => {
            let code = match (step, failure.class) {
                _ if failure.code == VERSION => VERSION,
                _ if failure.code == CONTRACT => CONTRACT,
                (_, class::DEADLINE) => "LDR-START-TIMEOUT",
                (_, class::PANIC) => "LDR-START-PANIC",
                ("describe" | "register", _) => "LDR-START-REGISTER",
                _ => "LDR-START-FAILED",
            };
            let mut diagnostic = refuse(code, format!("`{step}` failed: {}", failure.message));
            if !failure.hint.is_empty() {
                diagnostic = diagnostic.hint(failure.hint.clone());
            }
            let retirement =
                keeper.retire(Duration::ZERO, &CancellationToken::new()).await.retirement;
            Err(failed(diagnostic, retirement))
        }
    }
}

/// Makes the plugin, if the library's interface is the host's.
fn create(image: &Image, plugin_id: &str, link: HostLink) -> Result<PluginBox, Diagnostic> {
    let host = loader_abi::Host_TO::from_value(link, TD_Opaque);
    image.accept()?.create(plugin_id, host).map_err(|failure| {
        let message = format!("the plugin could not be created: {}", failure.message);
        let finding = Diagnostic::error("LDR-START-CREATE", message);
        if failure.hint.is_empty() { finding } else { finding.hint(failure.hint) }
    })
}

fn assemble(
    number: u64,
    resident: Resident,
    origin: Arc<str>,
    plugin: PluginBox,
    workers: Option<executor::Workers>,
    relay: Relay,
    observer: Arc<Observer>,
) -> Arc<Generation> {
    if let Some(workers) = &workers {
        workers.spawn(relay.clone().drive());
    }
    Arc::new(Generation {
        number,
        resident,
        origin,
        plugin: Some(plugin),
        workers,
        relay,
        observer,
        leases: Leases::new(),
        left: Notify::new(),
        canary: Canary::default(),
        cancelled: CancellationToken::new(),
        late: AtomicU64::new(0),
    })
}

/// The library and the manifest name different versions.
const VERSION: &str = "LDR-START-VERSION";

/// The plugin and the host have no version of a contract in common.
const CONTRACT: &str = "LDR-START-CONTRACT";

/// The conversation of a beginning.
struct Steps<'a> {
    keeper: &'a Keeper,
    limits: Limits,
}

type StepResult<T> = Result<T, (&'static str, Failure)>;

impl Steps<'_> {
    async fn take(
        &self,
        host: &HostDescription,
        version: &str,
        config: &serde_json::Value,
    ) -> StepResult<(Vec<Registration>, Option<StateDescription>)> {
        let described = self.ask("describe", operation::DESCRIBE, host).await?;
        let described: PluginDescription =
            from_json(&described).map_err(|failure| ("describe", failure))?;
        check_versions(host, &described, version).map_err(|failure| ("describe", failure))?;
        let registered = self.ask("register", operation::REGISTER, &()).await?;
        let registered: Registrations =
            from_json(&registered).map_err(|failure| ("register", failure))?;
        let start = Start { config: config.clone() };
        self.ask("start", operation::START, &start).await?;
        Ok((registered.capabilities, described.state))
    }

    async fn ask(
        &self,
        step: &'static str,
        operation: &str,
        request: &impl serde::Serialize,
    ) -> StepResult<Vec<u8>> {
        let body = serde_json::to_vec(request).map_err(|error| {
            (step, Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string()))
        })?;
        let answer = self.keeper.generation().ask(operation, body, self.limits.start).await;
        answer.map(|reply| reply.body).map_err(|failure| (step, failure))
    }
}

/// The highest common version of each contract wins; none in common refuses the plugin.
fn check_versions(
    host: &HostDescription,
    plugin: &PluginDescription,
    version: &str,
) -> Result<(), Failure> {
    if plugin.version != version {
        return Err(Failure::new(
            class::CONFLICT,
            VERSION,
            format!("the library says version {}, its manifest {version}", plugin.version),
        ));
    }
    for (contract, (lowest, highest)) in &plugin.contracts {
        let Some((host_lowest, host_highest)) = host.contracts.get(contract) else { continue };
        if lowest > host_highest || highest < host_lowest {
            return Err(Failure::new(
                class::CONFLICT,
                CONTRACT,
                format!(
                    "the plugin speaks {contract}/{lowest} to /{highest}, this host /{host_lowest} \
                     to /{host_highest}"
                ),
            )
            .hint(if lowest > host_highest {
                "update the loader"
            } else {
                "rebuild the plugin"
            }));
        }
    }
    Ok(())
}
