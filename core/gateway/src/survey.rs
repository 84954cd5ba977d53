//! A look at what would be loaded, without a gateway that runs.

use crate::{
    Settings,
    translation::{contracts, engine_options},
};
use loader_contract::{
    background_service, channel, chat_command, cli_command, hook, scheduled_task, speech,
    text_inference, tool, web_fetch,
};
use loader_core::{
    Options, Survey,
    discovery::Candidate,
    manifest::Provided,
    service::{Service, Services},
    staging::Store,
    vetting::Policy,
};
use std::sync::Arc;

/// The names of the services a gateway offers, which is what vetting needs to know of them.
pub const SERVICE_NAMES: [&str; 19] = [
    "clock/1",
    "config/1",
    "secrets/1",
    "kv/1",
    "events/1",
    "http-client/1",
    "net/1",
    "websocket/1",
    channel::INBOX,
    channel::CONTRACT,
    text_inference::CONTRACT,
    hook::CONTRACT,
    tool::CONTRACT,
    speech::CONTRACT,
    web_fetch::CONTRACT,
    chat_command::CONTRACT,
    cli_command::CONTRACT,
    background_service::CONTRACT,
    scheduled_task::CONTRACT,
];

/// What would be loaded, and why. Blocking; runs no plugin code and opens no store.
pub fn survey(settings: &Settings) -> Survey {
    loader_core::survey(&looking(settings))
}

/// The same, and everything else that is done before a plugin is opened. Trials are left out unless
/// the settings say how libraries are tried. Blocking.
pub fn rehearse(settings: &Settings, store: &Store) -> Survey {
    loader_core::rehearse(&looking(settings), store)
}

/// The plugins that are switched on, by their manifests alone. Blocking; reads no library.
pub fn switched_on(settings: &Settings) -> Vec<Candidate> {
    loader_core::switched_on(&looking(settings))
}

/// Who would have each capability of these plugins, as [`loader_core::owned`] says, on the gateway's terms.
pub fn owned<'a>(
    plugins: impl IntoIterator<Item = &'a Candidate>,
) -> Vec<(&'a Candidate, &'a Provided, Vec<&'a str>)> {
    loader_core::owned(plugins, &contracts())
}

/// What plugins must satisfy to be loaded. Blocking; opens no store.
pub fn policy(settings: &Settings) -> Policy {
    loader_core::policy(&looking(settings))
}

/// The engine's options for one that only looks.
fn looking(settings: &Settings) -> Options {
    struct Named(&'static str);
    impl Service for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn call(
            &self,
            request: loader_core::service::ServiceRequest,
        ) -> loader_core::service::Answer {
            loader_core::service::Answer::unimplemented(self.0, &request.method)
        }
    }
    let services = SERVICE_NAMES.map(|name| Arc::new(Named(name)) as Arc<dyn Service>);
    engine_options(settings, Services::new(services))
}
