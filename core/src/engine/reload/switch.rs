//! Calls go to the fresh generation; or to the old one again.

use super::{Reloading, Step};
use crate::reload::{Cause, Event};
use loader_abi::class;

impl Reloading<'_> {
    /// Whether the old generation can still answer while the fresh one is watched.
    fn old_still_answers(&self) -> bool {
        !self.hands_over && self.request.cause != Cause::Stuck
    }

    pub(super) async fn publish(&mut self) -> Step {
        let old = self.published_generation()?;
        let fresh = self.fresh.take().expect("the table starts before it publishes");
        let answers = self.old_still_answers();
        let behind = fresh.keeper.generation().canary().watch(&old, answers);
        let findings = fresh.vetted.warnings().to_vec();
        let (old, conflicts) = match self.engine.exchange(self.plugin, fresh) {
            Ok(exchanged) => exchanged,
            Err(fresh) => {
                self.fresh = Some(*fresh);
                return Err(vec![self.stopped()]);
            }
        };
        self.write(|reload| reload.findings.extend(findings.into_iter().chain(conflicts)));
        if answers {
            // Its background work stands still; one that cannot do that goes on beside the other.
            let state = self.ask_export(old.keeper.generation()).await;
            self.exported = Some(state.unwrap_or_default());
        }
        self.published(|running, _| running.keeper.run());
        self.old = Some((old, behind));
        Ok(Event::Done)
    }

    pub(super) async fn return_to_old(&mut self) -> Step {
        let (old, _) = self.old.take().expect("the table publishes before it returns");
        let generation = old.keeper.generation().clone();
        if self.old_still_answers()
            && let Err(failure) = self.give_back(&generation).await
            && failure.class != class::UNIMPLEMENTED
        {
            self.note(self.lost(failure));
        }
        generation.release();
        match self.engine.exchange(self.plugin, old) {
            Ok((fresh, _)) => {
                // Until now a call of the fresh generation could be made again with the old one.
                fresh.keeper.generation().canary().unwatch();
                self.fresh = Some(fresh);
            }
            // Whoever stopped the plugin ended the fresh one.
            Err(old) => self.fresh = Some(*old),
        }
        Ok(Event::Done)
    }
}
