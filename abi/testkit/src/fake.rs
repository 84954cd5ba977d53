//! Services that stand in for the world: what the gateway would do with plugins, and the network.
//!
//! They refuse what the gateway refuses by the request and by who asks alone.

mod model;
mod others;
mod upkeep;
mod voice;
mod web;

pub(crate) use model::whole;
pub(crate) use web::{Answered, Web};

use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::{
    background_service, channel, chat_command, cli_command, hook, scheduled_task,
    service::{net, websocket},
    speech, text_inference, tool, web_fetch,
};
use loader_core::{
    discovery::Candidate,
    message::{Failure, Message, Reply},
    service::{Answer, Service, ServiceRequest},
    stream::StreamEnd,
};
use std::sync::Arc;

/// What is answered to a call.
pub(crate) type Calling = dyn Fn(&ServiceRequest) -> Result<Reply, Failure> + Send + Sync;
/// What is answered to a stream: its messages, the head first.
pub(crate) type Opening = dyn Fn(&ServiceRequest) -> Result<Vec<Message>, Failure> + Send + Sync;

/// A service that answers at once, from what it is asked.
struct Fake {
    name: &'static str,
    call: Box<Calling>,
    /// What a stream consists of, its head first.
    open: Box<Opening>,
}

impl Fake {
    fn both(
        name: &'static str,
        call: impl Fn(&ServiceRequest) -> Result<Reply, Failure> + Send + Sync + 'static,
        open: impl Fn(&ServiceRequest) -> Result<Vec<Message>, Failure> + Send + Sync + 'static,
    ) -> Arc<dyn Service> {
        Arc::new(Self { name, call: Box::new(call), open: Box::new(open) })
    }

    fn calls(
        name: &'static str,
        call: impl Fn(&ServiceRequest) -> Result<Reply, Failure> + Send + Sync + 'static,
    ) -> Arc<dyn Service> {
        Self::both(name, call, |request| Err(unknown(request)))
    }

    fn opens(
        name: &'static str,
        open: impl Fn(&ServiceRequest) -> Result<Vec<Message>, Failure> + Send + Sync + 'static,
    ) -> Arc<dyn Service> {
        Self::both(name, |request| Err(unknown(request)), open)
    }
}

impl Service for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        Answer::Ready((self.call)(&request))
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        send((self.open)(&request), stream)
    }
}

/// Sends these, or fails.
pub(crate) fn send(
    messages: Result<Vec<Message>, Failure>,
    stream: StreamEnd,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        for message in messages? {
            stream.sender.send(message).await?;
        }
        Ok(())
    })
}

/// Everything that stands in for the gateway of this plugin, but for the network.
pub(crate) fn all(plugin: &Candidate) -> Vec<Arc<dyn Service>> {
    let own = |contract: &str| -> Vec<String> {
        let provided = plugin.spec().provides.iter();
        let meant = provided.filter(|one| one.contract.to_string() == contract);
        meant.map(|one| one.id.clone()).collect()
    };
    let (channels, tasks) = (own(channel::CONTRACT), own(scheduled_task::CONTRACT));
    vec![
        Fake::both(text_inference::CONTRACT, model::call, model::open),
        Fake::both(speech::CONTRACT, voice::call, voice::open),
        Fake::calls(web_fetch::CONTRACT, others::fetch),
        Fake::calls(tool::CONTRACT, others::tool),
        Fake::calls(channel::CONTRACT, others::channel),
        Fake::calls(channel::INBOX, move |request| others::inbox(request, &channels)),
        Fake::calls(hook::CONTRACT, upkeep::hook),
        Fake::calls(scheduled_task::CONTRACT, move |request| upkeep::task(request, &tasks)),
        Fake::calls(background_service::CONTRACT, upkeep::service),
        Fake::calls(chat_command::CONTRACT, upkeep::chat),
        Fake::opens(cli_command::CONTRACT, upkeep::command),
        Fake::both(
            net::SERVICE,
            |request| match request.method.as_str() {
                net::method::CLOSE => Ok(Reply::empty()),
                _ => Err(unknown(request)),
            },
            |_| Err(offline(net::code::UNREACHABLE)),
        ),
        Fake::opens(websocket::SERVICE, |_| Err(offline(websocket::code::UNREACHABLE))),
    ]
}

fn unknown(request: &ServiceRequest) -> Failure {
    Failure::unimplemented(&request.method)
}

fn offline(code: &str) -> Failure {
    Failure::new(class::UNAVAILABLE, code, "there is no network in this test")
}

/// The request says nothing where it has to say something.
fn nothing_to_say() -> Failure {
    Failure::new(class::INVALID, "LDR-CALL-REQUEST", "there is nothing to say")
}
