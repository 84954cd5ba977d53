//! `service/1`: see [`loader_contract::background_service`].

use crate::{Call, Error, Plugin, Registration, Result, registration::Capability};
pub use loader_contract::background_service::CONTRACT;
use loader_contract::background_service::{ServiceStatus, method};
use std::future::Future;

/// A plugin that works as long as the gateway serves. [`Call::capability`] says which of its services
/// is meant.
///
/// ```no_run
#[doc = include_str!("../../examples/background_service.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/background_service.toml")]
/// ```
pub trait BackgroundService: Plugin {
    /// Begins the work and returns: what goes on is given to [`Host::spawn`](crate::Host::spawn).
    fn start_service(&self, call: Call) -> impl Future<Output = Result<()>> + Send;

    /// Ends the work.
    fn stop_service(&self, call: Call) -> impl Future<Output = Result<()>> + Send;

    /// How the work goes. One that has this lists `status` in the manifest's `methods`.
    fn service_status(&self, call: Call) -> impl Future<Output = Result<ServiceStatus>> + Send {
        let _ = call;
        async { Err(Error::unimplemented("service/1/status")) }
    }
}

impl<P: BackgroundService> Registration<P> {
    /// Provides `service/1` under this id.
    #[must_use]
    pub fn background_service(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| {
                Some(match name {
                    method::START => invocation.answer_json(move |call, ()| async move {
                        plugin.start_service(call).await
                    }),
                    method::STOP => invocation.answer_json(move |call, ()| async move {
                        plugin.stop_service(call).await
                    }),
                    method::STATUS => invocation.answer_json(move |call, ()| async move {
                        plugin.service_status(call).await
                    }),
                    _ => return None,
                })
            },
            open: |_, _, _, _| None,
        })
    }
}
