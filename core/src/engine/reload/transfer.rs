//! State on its way from one generation to the other, and back.

use super::{Reloading, Step};
use crate::{
    diagnostic::Diagnostic,
    generation::Generation,
    message::Failure,
    reload::{Event, handover},
};
use loader_abi::operation;
use std::{sync::Arc, time::Duration};

impl Reloading<'_> {
    pub(super) async fn hold(&mut self) -> Step {
        let patience = self.engine.options().reload.hold;
        let old = self.published_generation()?;
        old.hold(patience).await.map_err(|calls| {
            let message = format!(
                "{calls} calls did not finish within {} ms, and state is handed over between calls",
                patience.as_millis()
            );
            let hint = "try again, or raise plugins.reload.hold_ms";
            vec![self.find("LDR-RELOAD-BUSY", message).hint(hint)]
        })?;
        Ok(Event::Done)
    }

    pub(super) async fn export(&mut self) -> Step {
        let old = self.published_generation()?;
        // Whatever comes of it, the old generation was asked to stand still.
        self.exported = Some(Vec::new());
        let state = self.ask_export(&old).await.map_err(|failure| {
            let hint = format!(
                "try again, or let the state go: loader plugins reload {} --discard-state",
                self.plugin
            );
            self.failure("LDR-RELOAD-EXPORT", "the old generation gave no state", failure, &hint)
        })?;
        self.exported = Some(state);
        Ok(Event::Done)
    }

    pub(super) async fn ask_export(
        &self,
        generation: &Arc<Generation>,
    ) -> Result<Vec<u8>, Failure> {
        let patience = self.engine.options().reload.hold;
        Ok(generation.ask(operation::EXPORT_STATE, Vec::new(), patience).await?.body)
    }

    /// Gives a generation the state that was exported last.
    async fn ask_import(
        &self,
        generation: &Arc<Generation>,
        patience: Duration,
    ) -> Result<(), Failure> {
        let state = self.exported.clone().unwrap_or_default();
        generation.ask(operation::IMPORT_STATE, state, patience).await.map(|_| ())
    }

    /// Gives the old generation its state back, and lets its work go on. Where what it exported did not
    /// arrive, it goes on with what it gave away. This is not asked twice, so it may take its time.
    pub(super) async fn give_back(&self, old: &Arc<Generation>) -> Result<(), Failure> {
        let options = self.engine.options();
        self.ask_import(old, options.reload.hold + options.stop_timeout).await
    }

    pub(super) async fn import(&mut self) -> Step {
        let fresh = self.fresh();
        let generation = fresh.keeper.generation().clone();
        let patience = self.engine.options().reload.hold;
        if let Err(failure) = self.ask_import(&generation, patience).await {
            self.reject(fresh.vetted.digest());
            let hint = format!(
                "mend its `import`, or let the state go: loader plugins reload {} --discard-state",
                self.plugin
            );
            let what = "it did not take the state";
            return Err(self.failure("LDR-RELOAD-IMPORT", what, failure, &hint));
        }
        Ok(Event::Done)
    }

    pub(super) async fn resume(&mut self) -> Step {
        let old = self.published_generation()?;
        let result = match self.exported {
            Some(_) => self.give_back(&old).await,
            None => Ok(()),
        };
        old.release();
        self.published(|_, served| served.wake());
        result.map_err(|failure| vec![self.lost(failure)])?;
        Ok(Event::Done)
    }

    /// A generation that goes on without the state it should have.
    pub(super) fn lost(&self, failure: Failure) -> Diagnostic {
        let message = format!(
            "the old generation did not take its state back: {} ({})",
            failure.message, failure.code
        );
        let hint = format!("begin anew: loader plugins reload {} --discard-state", self.plugin);
        self.find("LDR-RELOAD-STATE-LOST", message).hint(hint)
    }

    pub(super) async fn hold_back(&mut self) -> Step {
        let options = self.engine.options();
        let fresh = self.published_generation()?;
        let Err(calls) = fresh.hold(options.reload.hold).await else { return Ok(Event::Done) };
        fresh.cut_off();
        let message = format!("{calls} calls of the fresh generation did not end and are cut off");
        let hint = "raise plugins.reload.hold_ms if calls of this plugin take so long";
        let finding = self.find("LDR-RELOAD-BUSY", message).hint(hint);
        // Its state is asked for once nothing changes it any more.
        let _ = fresh.hold(options.stop_timeout).await;
        Err(vec![finding])
    }

    pub(super) async fn export_back(&mut self) -> Step {
        let fresh = self.published_generation()?;
        let reads = self.old.as_ref().and_then(|(old, _)| old.state.clone());
        let writes = self.published(|running, _| running.state.clone()).flatten();
        let what = "changes since the publication are lost";
        let hint = "what the plugin did meanwhile may have to be done again";
        if let Err(finding) = handover::needed(writes.as_ref(), reads.as_ref()) {
            let message = format!("{what}: {}", finding.message);
            return Err(vec![self.find("LDR-RELOAD-STATE-LOST", message).hint(hint)]);
        }
        match self.ask_export(&fresh).await {
            Ok(state) => {
                self.exported = Some(state);
                Ok(Event::Done)
            }
            Err(failure) => Err(self.failure("LDR-RELOAD-STATE-LOST", what, failure, hint)),
        }
    }

    pub(super) async fn import_back(&mut self) -> Step {
        let Some((old, _)) = &self.old else { return Ok(Event::Done) };
        let old = old.keeper.generation().clone();
        self.give_back(&old).await.map_err(|failure| vec![self.lost(failure)])?;
        Ok(Event::Done)
    }
}
