//! Asking for what a contract offers, from outside: what the generic HTTP form and commands go by.
//!
//! A question that names a capability goes to the plugin that has it, unless the host's own service of the
//! contract sees to that too, as that of tools does. One that names none goes to the host's service, which
//! chooses who answers, and is the same one that plugins ask; where the host has none, to the first plugin.

use crate::Gateway;
use loader_abi::{class, operation};
use loader_contract::catalogue::{self, Contract, Method, Verb};
use loader_core::{
    CallOptions, OpenStream, Target,
    message::{Failure, Metadata, Reply},
    nearest::nearest,
    service::{self, Answer, Service, ServiceCaller, ServiceRequest},
};
use std::sync::Arc;

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// The contract: `speech/1`.
    pub contract: String,
    /// One of its methods.
    pub method: String,
    /// The capability, if it is to be this one.
    pub capability: Option<String>,
    /// On whose behalf, and until when.
    pub options: CallOptions,
    /// The body, usually JSON.
    pub body: Vec<u8>,
}

/// What comes back.
pub enum Answered {
    /// All of it.
    Whole(Reply),
    /// A stream. Dropping it cancels the work on it.
    Stream(OpenStream),
}

impl Gateway {
    /// Asks for what a contract offers.
    pub async fn ask(&self, question: Question) -> Result<Answered, Failure> {
        let Question { contract, method, capability, mut options, body } = question;
        let (contract, method) = look_up(&contract, &method, capability.is_some())?;
        options.idempotent |= method.idempotent;
        let (services, name) = (self.engine().services(), capability.as_deref());
        let sees_to_it =
            |one: &&Arc<dyn Service>| name.is_none() || one.answers_for_named(method.name);
        match services.get(contract.name).filter(sees_to_it) {
            Some(service) => ask_host(service, method, name, options, body).await,
            None => {
                let target = self.engine().target(contract.name, name, method.name)?;
                ask_plugin(&target, method, options, body).await
            }
        }
    }
}

async fn ask_plugin(
    target: &Target,
    method: &Method,
    options: CallOptions,
    body: Vec<u8>,
) -> Result<Answered, Failure> {
    let metadata = Metadata::new();
    match method.verb {
        Verb::Call => target.call(options, metadata, body).await.map(Answered::Whole),
        Verb::Open => target.open(options, metadata, body).await.map(Answered::Stream),
    }
}

async fn ask_host(
    service: &Arc<dyn Service>,
    method: &Method,
    capability: Option<&str>,
    options: CallOptions,
    body: Vec<u8>,
) -> Result<Answered, Failure> {
    let mut metadata = Metadata::new();
    if let Some(capability) = capability {
        metadata.set(operation::CAPABILITY_KEY, capability);
    }
    let request = ServiceRequest {
        method: method.name.to_owned(),
        caller: ServiceCaller::host(),
        options,
        metadata,
        body,
    };
    match method.verb {
        Verb::Open => service::open(service, request).await.map(Answered::Stream),
        Verb::Call => match service.call(request) {
            Answer::Ready(result) => result.map(Answered::Whole),
            Answer::Later(work) => work.await.map(Answered::Whole),
        },
    }
}

/// The contract and its method: of a plugin's, or of the host's as well.
fn look_up(
    contract: &str,
    method: &str,
    of_plugin: bool,
) -> Result<(&'static Contract, &'static Method), Failure> {
    let known = catalogue::find(contract).ok_or_else(|| {
        let names = || catalogue::ALL.iter().map(|one| one.name);
        let hint = match nearest(contract, names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no contract `{}`", contract.escape_debug());
        Failure::new(class::NOT_FOUND, "LDR-CALL-CONTRACT", message).hint(hint)
    })?;
    let found = if of_plugin { known.method(method) } else { known.host_method(method) };
    let found = found.ok_or_else(|| {
        let mut names: Vec<_> = known.methods.iter().map(|one| one.name).collect();
        if !of_plugin {
            names.extend(known.host_methods.iter().map(|one| one.name));
        }
        let message = format!("`{contract}` has no method `{}`", method.escape_debug());
        Failure::new(class::NOT_FOUND, "LDR-CALL-METHOD", message)
            .hint(format!("there are: {}", names.join(", ")))
    })?;
    Ok((known, found))
}
