//! Turns an author's [`Plugin`] into the boundary's object: lifecycle, dispatch, guards.

use crate::{
    Call, Error, Host, Metadata, Plugin, Registration, Result, Stream, allocation,
    current::{self, Current},
    custody::Custody,
    guard::{self, Guarded},
    host::HostObject,
    log,
    registration::{Capability, Invocation},
    tasks::Tasks,
};
use loader_abi::{
    CallContext, CallFuture, CreateResult, Duplex, HandleFuture, HostBox, Plugin as AbiPlugin,
    Plugin_TO, Reply,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RResult, RStr, RVec},
    },
    async_ffi::FutureExt,
    operation,
};
use loader_contract::{health::HealthReport, lifecycle};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, OnceLock},
};

/// Makes the boundary object of one plugin. Called by `export_plugin!`.
#[doc(hidden)]
pub fn create<P: Plugin>(
    id: &'static str,
    version: &'static str,
    registration: Registration<P>,
    host: HostBox,
) -> CreateResult {
    let made = guard::catch(|| {
        let object = Arc::new(HostObject::new(id, host));
        let index = current::enroll(&object);
        log::install();
        let tasks = Arc::new(Tasks::default());
        let host = Host::new(object.clone(), tasks.clone(), index);
        let state = State {
            id,
            version,
            registration,
            object,
            host: Mutex::new(Some(host)),
            tasks,
            index,
            plugin: OnceLock::new(),
            custody: Custody::default(),
        };
        Plugin_TO::from_value(Adapter(Some(Arc::new(state))), TD_Opaque)
    });
    match made {
        Ok(plugin) => RResult::ROk(plugin),
        Err(panic) => RResult::RErr(Error::panicked(&panic).into_abi()),
    }
}

struct State<P> {
    id: &'static str,
    version: &'static str,
    registration: Registration<P>,
    /// Keeps the host reachable for logs of the last drop.
    object: Arc<HostObject>,
    /// Taken by `start`.
    host: Mutex<Option<Host>>,
    tasks: Arc<Tasks>,
    index: usize,
    plugin: OnceLock<Arc<P>>,
    /// Of its state; the author's `run` stands still while another generation has it.
    custody: Custody,
}

struct Adapter<P: Plugin>(Option<Arc<State<P>>>);

impl<P: Plugin> Drop for Adapter<P> {
    fn drop(&mut self) {
        let Some(state) = self.0.take() else { return };
        let index = state.index;
        // Logs of the plugin's own drop still need the host.
        let object = state.object.clone();
        state.tasks.close();
        let _ = current::scope(Current::background(index), || guard::catch(|| drop(state)));
        if Arc::strong_count(&object) == 1 {
            log::uninstall();
        }
    }
}

impl<P: Plugin> Adapter<P> {
    fn state(&self) -> Arc<State<P>> {
        self.0.clone().expect("the state is taken by drop alone")
    }

    /// Finds which capability an operation is for.
    fn route<'a>(
        state: &'a State<P>,
        operation: &'a str,
        context: CallContext,
        metadata: RVec<loader_abi::Field>,
        body: RVec<u8>,
    ) -> Result<Route<'a, P>> {
        let unimplemented = || Error::unimplemented(operation);
        let (contract, method) = operation::split(operation).ok_or_else(unimplemented)?;
        let metadata = Metadata(metadata);
        let id = metadata.get_text(operation::CAPABILITY_KEY).filter(|id| !id.is_empty());
        let capability = state.registration.find(contract, id).ok_or_else(unimplemented)?;
        let plugin = started(state)?.clone();
        let call = Call::new(context, capability.id);
        let current = Current {
            plugin: state.index,
            call_id: call.id(),
            deadline: call.deadline(),
            trace: call.trace(),
        };
        let contract = capability.contract;
        let invocation = Invocation { contract, current, call, metadata, body };
        Ok(Route { capability, plugin, method, invocation })
    }
}

/// One operation on its way to an author's method.
struct Route<'a, P> {
    capability: &'a Capability<P>,
    plugin: Arc<P>,
    method: &'a str,
    invocation: Invocation,
}

impl<P: Plugin> AbiPlugin for Adapter<P> {
    fn call(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: RVec<loader_abi::Field>,
        body: RVec<u8>,
    ) -> CallFuture {
        let entered = guard::catch(|| {
            let state = self.state();
            let name = operation.as_str();
            if name.starts_with("ldr/") {
                return lifecycle_call(state, name, context, body);
            }
            match Self::route(&state, name, context, metadata, body) {
                Ok(Route { capability, plugin, method, invocation }) => {
                    (capability.call)(plugin, method, invocation)
                        .unwrap_or_else(|| failed(Error::unimplemented(name)))
                }
                Err(error) => failed(error),
            }
        });
        entered.unwrap_or_else(|panic| failed(Error::panicked(&panic)))
    }

    fn open(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: RVec<loader_abi::Field>,
        body: RVec<u8>,
        stream: Duplex,
    ) -> HandleFuture {
        let entered = guard::catch(|| {
            let state = self.state();
            let name = operation.as_str();
            match Self::route(&state, name, context, metadata, body) {
                Ok(Route { capability, plugin, method, invocation }) => {
                    (capability.open)(plugin, method, invocation, Stream::from_abi(stream))
                        .unwrap_or_else(|| failed(Error::unimplemented(name)))
                }
                Err(error) => failed(error),
            }
        });
        entered.unwrap_or_else(|panic| failed(Error::panicked(&panic)))
    }
}

fn failed<T: Send + 'static>(
    error: Error,
) -> loader_abi::async_ffi::FfiFuture<
    RResult<T, loader_abi::abi_stable::std_types::RBox<loader_abi::CallError>>,
> {
    let error = error.into_abi();
    async move { RResult::RErr(error) }.into_ffi()
}

fn not_started() -> Error {
    Error::new(crate::class::UNAVAILABLE, "LDR-CALL-NOT-STARTED", "the plugin is not started")
}

fn lifecycle_call<P: Plugin>(
    state: Arc<State<P>>,
    name: &str,
    context: CallContext,
    body: RVec<u8>,
) -> CallFuture {
    let current = Current { call_id: context.call_id, ..Current::background(state.index) };
    match name {
        operation::DESCRIBE => reply(current, async move { Ok(describe(&state)) }),
        operation::REGISTER => reply(current, async move { Ok(state.registration.describe()) }),
        operation::START => reply(current, async move { start(&state, &body).await }),
        operation::RUN => reply(Current::background(state.index), async move { run(&state).await }),
        operation::DRAIN => reply(current, async move { started(&state)?.drain().await }),
        operation::STOP => reply(current, async move {
            let result = started(&state)?.stop().await;
            state.tasks.close();
            result
        }),
        operation::HEALTH => reply(current, async move {
            started(&state)?.ready().await?;
            Ok(HealthReport::pass())
        }),
        operation::EXPORT_STATE => reply(current, async move { export(&state).await }),
        operation::IMPORT_STATE => reply(current, async move { import(&state, body).await }),
        operation::STATS => reply(current, async move {
            Ok(lifecycle::Stats {
                allocated_bytes: allocation::allocated_bytes(),
                allocations: allocation::allocations(),
                tasks: state.tasks.running() as u64,
            })
        }),
        _ => failed(Error::unimplemented(name)),
    }
}

fn reply<T: Serialize + Send + 'static>(
    current: Current,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> CallFuture {
    Guarded::new(current, async move {
        let answer = work.await?;
        Ok(Reply { metadata: RVec::new(), body: RVec::from(serde_json::to_vec(&answer)?) })
    })
    .into_ffi()
}

fn describe<P: Plugin>(state: &State<P>) -> lifecycle::PluginDescription {
    let mut contracts = BTreeMap::new();
    for contract in state.registration.contracts() {
        if let Some((name, major)) = contract.split_once('/') {
            if let Ok(major) = major.parse() {
                contracts.insert(name.to_owned(), (major, major));
            }
        }
    }
    let operations = [
        operation::RUN,
        operation::DRAIN,
        operation::HEALTH,
        operation::STATS,
        operation::EXPORT_STATE,
        operation::IMPORT_STATE,
    ];
    lifecycle::PluginDescription {
        id: state.id.to_owned(),
        version: state.version.to_owned(),
        contracts,
        operations: operations.map(str::to_owned).to_vec(),
        state: state.registration.handover().map(|handover| (handover.describe)()),
    }
}

async fn start<P: Plugin>(state: &State<P>, body: &[u8]) -> Result<()> {
    let request: lifecycle::Start =
        if body.is_empty() { Default::default() } else { serde_json::from_slice(body)? };
    let config = crate::config::read(request.config)?;
    let host = state.host.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    let host = host.ok_or_else(|| {
        Error::new(crate::class::CONFLICT, "LDR-CALL-STARTED", "the plugin was started before")
    })?;
    let plugin = P::start(host, config).await?;
    let _ = state.plugin.set(Arc::new(plugin));
    Ok(())
}

async fn run<P: Plugin>(state: &State<P>) -> Result<()> {
    use futures_util::future::{Either, select};
    let plugin = started(state)?;
    let main = std::pin::pin!(state.custody.around(plugin.run()));
    let tasks = std::pin::pin!(state.tasks.drive());
    match select(main, tasks).await {
        Either::Left((result, tasks)) => {
            result?;
            tasks.await;
            Ok(())
        }
        Either::Right(_) => Ok(()),
    }
}

async fn export<P: Plugin>(state: &State<P>) -> Result<Option<lifecycle::StateBytes>> {
    let plugin = started(state)?.clone();
    state.custody.give(plugin, state.registration.handover()).await
}

async fn import<P: Plugin>(state: &State<P>, body: RVec<u8>) -> Result<()> {
    let plugin = started(state)?.clone();
    // A generation without state gives none, and takes what it gave.
    let given = if body.is_empty() { None } else { serde_json::from_slice(&body)? };
    state.custody.take(plugin, state.registration.handover(), given).await
}

fn started<P: Plugin>(state: &State<P>) -> Result<&Arc<P>> {
    state.plugin.get().ok_or_else(not_started)
}
