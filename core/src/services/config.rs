//! `config/1`: the caller's own configuration.

use crate::{
    message::Reply,
    service::{Answer, Service, ServiceRequest},
};
use loader_contract::service::config::{SERVICE, method};

/// Answers every plugin with the configuration its generation was started with.
#[derive(Debug, Default)]
pub struct Config;

impl Service for Config {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::GET => Reply::json(request.caller.config.as_ref()).into(),
            method => Answer::unimplemented(SERVICE, method),
        }
    }
}
