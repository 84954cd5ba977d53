//! Moments of the gateway's life, and events that plugins make up.

use super::{Hooks, round::Effect};
use loader_contract::hook::{Custom, CustomChange, GatewayMoment, event};
use loader_core::{CallOptions, message::Failure};

/// How far the gateway has come.
#[derive(Default, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nobody can reach it yet.
    #[default]
    Before,
    /// Its port listens.
    Listening,
    /// It is about to stop.
    Stopping,
}

impl Hooks {
    /// The gateway's port listens. Whoever is told of the end is told of this before.
    pub(crate) async fn gateway_started(&self, host: &str) {
        let mut moment = self.0.moment.lock().await;
        if *moment == Moment::Before {
            *moment = Moment::Listening;
            self.tell_of(event::GATEWAY_STARTED, host).await;
        }
    }

    /// The gateway is about to stop. Of one that never listened there is nothing to tell.
    pub(crate) async fn gateway_stopping(&self, host: &str) {
        let mut moment = self.0.moment.lock().await;
        if std::mem::replace(&mut *moment, Moment::Stopping) == Moment::Listening {
            self.tell_of(event::GATEWAY_STOPPING, host).await;
        }
    }

    async fn tell_of(&self, event: &'static str, host: &str) {
        let options = CallOptions::by(self.0.caller.clone());
        let Some(round) = self.round(event, &options) else { return };
        round.tell(&mut GatewayMoment { host: host.to_owned() }).await;
    }

    /// What a plugin made up. Returns what came of the payload, if anything did.
    pub(super) async fn custom(
        &self,
        options: &CallOptions,
        mut fired: Custom,
    ) -> Result<CustomChange, Failure> {
        let round = self.round(event::CUSTOM, options);
        let Some(round) = round else { return Ok(CustomChange::default()) };
        let round = round.named(&fired.name);
        let mut changed = false;
        let shown = round.show(&mut fired, |fired, change: CustomChange| {
            let Some(payload) = change.payload else { return Effect::None };
            fired.payload = payload;
            changed = true;
            Effect::Changed
        });
        shown.await?;
        Ok(CustomChange { payload: changed.then_some(fired.payload) })
    }
}
