//! State that outlives a generation: its form, its migrations, and what its author says of it.

mod layout;

use crate::{Error, Plugin, Result, class};
use futures_util::{FutureExt as _, future::BoxFuture};
use loader_contract::lifecycle::{StateBytes, StateDescription, StateForm};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{future::Future, sync::Arc};

/// What a plugin hands over. Derived by [`#[state(version = 1)]`](crate::state), never by hand.
///
/// The host compares versions and layouts before it stops anything: a field that was added, removed or
/// retyped needs a new version, and a `From` for the version before:
///
/// ```
/// # use loader_sdk::prelude::*;
/// #[state(version = 1)]
/// pub struct CountersV1 {
///     total: u64,
/// }
///
/// #[state(version = 2, from = CountersV1)]
/// pub struct Counters {
///     total: u64,
///     by_user: std::collections::BTreeMap<String, u64>,
/// }
///
/// impl From<CountersV1> for Counters {
///     fn from(old: CountersV1) -> Self {
///         Self { total: old.total, by_user: Default::default() }
///     }
/// }
/// ```
///
/// Versions chain: a third one names the second, and states of the first go through both.
pub trait State: Serialize + DeserializeOwned + JsonSchema + Sized + Send + 'static {
    /// The version.
    const VERSION: u32;

    /// The version before; the type itself when there is none.
    type Before: State + Into<Self>;
}

/// A plugin whose successor goes on where it stopped. Listed in
/// [`export_plugin!`](crate::export_plugin) as `state: <the type>`.
///
/// While state is handed over no call is under way and new ones wait; streams go on. What both
/// generations would want for themselves (a connection, a subscription) is let go of in `export` and
/// taken up again in `import`.
pub trait Handover: Plugin {
    /// What is handed over; its JSON may have up to 1 MiB.
    type State: State;

    /// Stops working of its own accord, and gives what the next generation goes on with.
    ///
    /// An error means that nothing was stopped; this generation goes on, and the reload is refused. The
    /// same holds when this is dropped at an `await`: the host does not wait for ever.
    fn export(&self) -> impl Future<Output = Result<Self::State>> + Send;

    /// Goes on from there. Called before the first call, and on the generation that exported when its
    /// successor is withdrawn or its state was not taken.
    fn import(&self, state: Self::State) -> impl Future<Output = Result<()>> + Send;
}

/// How a plugin of one type hands over.
pub(crate) struct Vtable<P> {
    pub(crate) describe: fn() -> StateDescription,
    pub(crate) export: fn(Arc<P>) -> BoxFuture<'static, Result<StateBytes>>,
    pub(crate) import: fn(Arc<P>, StateBytes) -> BoxFuture<'static, Result<()>>,
}

impl<P: Handover> Vtable<P> {
    pub(crate) fn new() -> Self {
        Self {
            describe: describe::<P::State>,
            export: |plugin| {
                async move {
                    let state = plugin.export().await?;
                    Ok(StateBytes {
                        form: form::<P::State>(),
                        value: serde_json::to_value(&state)?,
                    })
                }
                .boxed()
            },
            import: |plugin, state| {
                async move { plugin.import(read::<P::State>(state)?).await }.boxed()
            },
        }
    }
}

fn describe<S: State>() -> StateDescription {
    let mut reads = Vec::new();
    forms::<S>(&mut reads);
    StateDescription { form: form::<S>(), reads, schema: schema::<S>() }
}

/// The forms that a state can be read from, the newest first.
fn forms<S: State>(forms: &mut Vec<StateForm>) {
    forms.push(form::<S>());
    if S::Before::VERSION != S::VERSION {
        self::forms::<S::Before>(forms);
    }
}

fn form<S: State>() -> StateForm {
    StateForm { version: S::VERSION, layout: layout::digest(&schema::<S>()) }
}

/// Reads a state, through as many versions as it takes.
fn read<S: State>(state: StateBytes) -> Result<S> {
    if state.form.version == S::VERSION {
        return serde_json::from_value(state.value).map_err(|error| {
            wrong(format!("the state of version {} makes no sense: {error}", S::VERSION))
        });
    }
    if S::Before::VERSION == S::VERSION {
        return Err(wrong(format!("no migration leads from version {}", state.form.version)));
    }
    read::<S::Before>(state).map(Into::into)
}

fn wrong(message: String) -> Error {
    Error::new(class::CONFLICT, "LDR-HANDOVER-FORM", message)
}

fn schema<S: State>() -> Value {
    serde_json::to_value(schemars::schema_for!(S)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! state {
        ($name:ident, $version:literal, $before:ty, { $($field:ident: $type:ty),* }) => {
            #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
            struct $name { $($field: $type),* }
            impl State for $name {
                const VERSION: u32 = $version;
                type Before = $before;
            }
        };
    }
    state!(First, 1, First, { total: u64 });
    state!(Second, 2, First, { total: u64, last: String });
    state!(Third, 3, Second, { totals: Vec<u64>, last: String });
    state!(Retyped, 1, Retyped, { total: u32 });
    impl From<First> for Second {
        fn from(old: First) -> Self {
            Self { total: old.total, last: "nobody".into() }
        }
    }
    impl From<Second> for Third {
        fn from(old: Second) -> Self {
            Self { totals: vec![old.total], last: old.last }
        }
    }

    #[test]
    fn an_old_state_goes_through_every_version_on_the_way() {
        let bytes = StateBytes { form: form::<First>(), value: serde_json::json!({ "total": 7 }) };
        let third: Third = read(bytes).expect("migrations");
        assert_eq!(third, Third { totals: vec![7], last: "nobody".into() });
        let versions: Vec<u32> =
            describe::<Third>().reads.iter().map(|form| form.version).collect();
        assert_eq!(versions, [3, 2, 1]);
    }

    #[test]
    fn a_newer_state_and_a_damaged_one_are_errors() {
        let newer = StateBytes { form: form::<Third>(), value: Value::Null };
        assert_eq!(read::<Second>(newer).expect_err("newer").code(), "LDR-HANDOVER-FORM");
        let damaged =
            StateBytes { form: form::<First>(), value: serde_json::json!({ "total": "x" }) };
        assert_eq!(read::<First>(damaged).expect_err("damaged").code(), "LDR-HANDOVER-FORM");
    }

    #[test]
    fn a_retyped_field_changes_the_form() {
        assert_ne!(form::<First>().layout, form::<Retyped>().layout);
    }
}
