//! Who has a plugin's state: the plugin itself, or whoever the host gave it to.

use crate::{Error, Plugin, Result, class, pause::Pause, state::Vtable};
use futures_util::lock::Mutex;
use loader_abi::MAX_BODY_BYTES;
use loader_contract::lifecycle::StateBytes;
use std::{future::Future, sync::Arc};

/// One plugin's part in handovers. Work [around](Self::around) it stands still while another generation has
/// the state.
///
/// The host may stop waiting just when an answer is on its way. So what was given away is kept until the
/// host says who goes on: when it is this generation, it goes on with just that.
#[derive(Default)]
pub(crate) struct Custody {
    pause: Pause,
    /// Locked while state is given or taken, so that one follows the other.
    given: Mutex<Option<StateBytes>>,
}

impl Custody {
    /// Gives the state away, if the plugin has any, and lets the work stand still.
    pub(crate) async fn give<P: Plugin>(
        &self,
        plugin: Arc<P>,
        handover: Option<&Vtable<P>>,
    ) -> Result<Option<StateBytes>> {
        let mut given = self.given.lock().await;
        if let Some(handover) = handover {
            let state = (handover.export)(plugin.clone()).await?;
            let bytes = serde_json::to_vec(&state)?.len();
            if bytes > MAX_BODY_BYTES {
                (handover.import)(plugin, state).await?;
                return Err(too_large(bytes));
            }
            *given = Some(state);
        }
        self.pause.begin();
        Ok(given.clone())
    }

    /// Takes a state, or without one what was given away, and lets the work go on.
    pub(crate) async fn take<P: Plugin>(
        &self,
        plugin: Arc<P>,
        handover: Option<&Vtable<P>>,
        state: Option<StateBytes>,
    ) -> Result<()> {
        let mut given = self.given.lock().await;
        let kept = given.take();
        if let (Some(handover), Some(state)) = (handover, state.or(kept)) {
            (handover.import)(plugin, state).await?;
        }
        self.pause.end();
        Ok(())
    }

    /// Does work, but while the state is given away.
    pub(crate) async fn around<F: Future>(&self, work: F) -> F::Output {
        self.pause.around(work).await
    }
}

fn too_large(bytes: usize) -> Error {
    let message = format!("the state has {bytes} bytes; at most {MAX_BODY_BYTES} are handed over");
    Error::new(class::EXHAUSTED, "LDR-HANDOVER-SIZE", message)
        .hint("its author keeps what is large in the host's storage and hands over its key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Handover, Host, NoConfig, State};
    use futures_util::FutureExt as _;
    use schemars::JsonSchema;
    use std::sync::Mutex as Slot;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Text(String);

    impl State for Text {
        const VERSION: u32 = 1;
        type Before = Self;
    }

    /// Has its text, or has given it away.
    struct Keeper(Slot<Option<String>>);

    impl Keeper {
        fn new(text: &str) -> Arc<Self> {
            Arc::new(Self(Slot::new(Some(text.into()))))
        }

        fn text(&self) -> Option<String> {
            self.0.lock().expect("no panic").clone()
        }
    }

    impl Plugin for Keeper {
        type Config = NoConfig;

        async fn start(_: Host, _: NoConfig) -> Result<Self> {
            unreachable!("it is made by the test")
        }
    }

    impl Handover for Keeper {
        type State = Text;

        async fn export(&self) -> Result<Text> {
            let text = self.0.lock().expect("no panic").take();
            text.map(Text).ok_or_else(|| Error::new(class::CONFLICT, "gone", "given away before"))
        }

        async fn import(&self, state: Text) -> Result<()> {
            *self.0.lock().expect("no panic") = Some(state.0);
            Ok(())
        }
    }

    /// Nothing in these tests waits.
    fn done<T>(work: impl Future<Output = T>) -> T {
        work.now_or_never().expect("it is done at once")
    }

    fn stands_still(custody: &Custody) -> bool {
        custody.around(async {}).now_or_never().is_none()
    }

    #[test]
    fn what_nobody_took_is_there_again() {
        let (custody, handover, plugin) = (Custody::default(), Vtable::new(), Keeper::new("mine"));
        let given = done(custody.give(plugin.clone(), Some(&handover))).expect("given");
        assert!(given.is_some() && plugin.text().is_none() && stands_still(&custody));
        done(custody.take(plugin.clone(), Some(&handover), None)).expect("taken back");
        assert_eq!(plugin.text().as_deref(), Some("mine"));
        assert!(!stands_still(&custody));
    }

    #[test]
    fn another_state_counts_more_than_what_was_given() {
        let (custody, handover, plugin) = (Custody::default(), Vtable::new(), Keeper::new("old"));
        let given = done(custody.give(plugin.clone(), Some(&handover))).expect("given");
        let mut given = given.expect("a state");
        given.value = "new".into();
        done(custody.take(plugin.clone(), Some(&handover), Some(given))).expect("taken");
        assert_eq!(plugin.text().as_deref(), Some("new"));
        done(custody.take(plugin.clone(), Some(&handover), None)).expect("nothing to take");
        assert_eq!(plugin.text().as_deref(), Some("new"));
    }

    #[test]
    fn what_is_too_large_to_give_stays() {
        let large = "x".repeat(MAX_BODY_BYTES);
        let (custody, handover, plugin) = (Custody::default(), Vtable::new(), Keeper::new(&large));
        let refused = done(custody.give(plugin.clone(), Some(&handover))).expect_err("too large");
        assert_eq!(refused.code(), "LDR-HANDOVER-SIZE");
        assert_eq!(plugin.text().map(|text| text.len()), Some(large.len()));
        assert!(!stands_still(&custody));
    }
}
