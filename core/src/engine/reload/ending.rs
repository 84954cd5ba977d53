//! The generation that is not needed any more ends, and the reload is told of.

use super::{Reloading, Step};
use crate::{
    diagnostic::Diagnostic,
    engine::load::Running,
    generation::Retirement,
    reload::{Cause, Event, Reload, Verdict},
};
use std::time::Duration;
use tracing::{info, warn};

impl Reloading<'_> {
    pub(super) async fn discard(&mut self) -> Step {
        self.held = None;
        if let Some(fresh) = self.fresh.take() {
            self.end(fresh).await;
        }
        Ok(Event::Done)
    }

    pub(super) async fn retire(&mut self) -> Step {
        self.held = None;
        if let Some((old, behind)) = self.old.take() {
            drop(behind);
            self.end(old).await;
        }
        Ok(Event::Done)
    }

    async fn end(&self, running: Running) {
        let drain = match self.request.cause {
            Cause::Stuck => Duration::ZERO,
            _ => self.engine.options().reload.drain,
        };
        let generation = running.keeper.number();
        let departure = self.engine.retire(self.plugin, running.keeper, drain).await;
        if departure.cut_off > 0 && !drain.is_zero() {
            let message = format!(
                "generation {generation} was given {} ms; {} calls and streams were cut off",
                drain.as_millis(),
                departure.cut_off
            );
            let finding = Diagnostic::warning("LDR-RELOAD-CUT", message).about(self.plugin);
            self.note(finding.hint("raise plugins.reload.drain_ms if they may take so long"));
        }
        let (code, what, why) = match departure.retirement {
            Retirement::Unloaded => return,
            Retirement::Pinned(why) => ("LDR-RELOAD-PINNED", "stays mapped", why),
            Retirement::Wedged(why) => ("LDR-RELOAD-WEDGED", "does not end", why),
        };
        let finding = Diagnostic::warning(code, format!("generation {generation} {what}: {why}"));
        self.note(finding.about(self.plugin).hint("loader status --all"));
    }

    /// Ends a reload in which something happened that must not happen: whatever is published serves, and
    /// nothing else of the reload stays.
    pub(super) async fn abandon(&mut self, why: String) -> Verdict {
        self.note(self.find("LDR-INTERNAL", why).hint("report it, with the log"));
        self.published(|running, served| {
            running.keeper.generation().release();
            running.keeper.generation().canary().unwatch();
            served.wake();
        });
        let told = self.engine.ledger.get(self.number).and_then(|reload| reload.verdict);
        let verdict = told.unwrap_or(match self.old {
            Some(_) => Verdict::Kept,
            None => Verdict::Refused,
        });
        let _ = self.discard().await;
        let _ = self.retire().await;
        verdict
    }
}

/// One clear line for the log.
pub(in crate::engine) fn tell(reload: &Reload) {
    let Reload { id, plugin, cause, .. } = reload;
    let from = reload.from.as_ref().map(|life| life.generation);
    let to = reload.to.as_ref().map(|life| life.generation);
    let took_ms = reload.decided_us.map(|us| us as f64 / 1000.0);
    let why = reload.findings.iter().find(|finding| finding.is_error());
    match (reload.verdict, why) {
        (Some(Verdict::Kept | Verdict::Unchanged), None) => {
            info!(reload = id, plugin, ?cause, from, to, took_ms, "reloaded");
        }
        (verdict, why) => {
            let code = why.map(|finding| finding.code);
            let hint = why.and_then(|finding| finding.hint.as_deref());
            let why = why.map_or("", |finding| finding.message.as_str());
            warn!(
                reload = id,
                plugin,
                ?cause,
                from,
                to,
                took_ms,
                ?verdict,
                code,
                hint,
                "reload: {why}"
            );
        }
    }
}
