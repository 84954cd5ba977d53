//! `net/1`: byte streams that the host owns and lends by name.
//!
//! This file speaks the contract and dials. [`names`](super::names) says who may open, take over or
//! close what. A
//! [`connection`] is a task of its own that owns the socket, so that it outlives the stream, the call
//! and the generation that asked for it.
//!
//! A name is reserved while it is dialled, and free again once the connection is closed or the other
//! side hung up: whoever sees the end of a stream can connect by the same name at once.

mod connection;
mod outgoing;

use crate::{
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    services::{
        dial::{self, DialError, Socket},
        names::{Key, Names, Reserved},
        trust::Trust,
    },
    stream::StreamEnd,
};
use connection::{Claim, Command, Holder, Refusal};
use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::service::net::{Close, Connect, SERVICE, Tls, code, method};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// How long a connection may take when the request does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Byte streams over TCP and TLS.
pub struct Net {
    names: Arc<Names<Command>>,
    trust: Arc<Trust>,
}

impl Net {
    pub(crate) fn new(trust: Arc<Trust>) -> Self {
        Self { names: Arc::default(), trust }
    }

    fn close(&self, request: &ServiceRequest) -> Result<Reply, Failure> {
        let name = from_json::<Close>(&request.body)?.name;
        let key = (request.caller.plugin.clone(), name);
        self.names.tell(&key, Command::Close);
        Ok(Reply::empty())
    }
}

impl Service for Net {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::CLOSE => self.close(&request).into(),
            method => Answer::unimplemented(SERVICE, method),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let (names, trust) = (self.names.clone(), self.trust.clone());
        Box::pin(async move {
            if request.method != method::CONNECT {
                return Err(Failure::unimplemented(&format!("{SERVICE}/{}", request.method)));
            }
            let connect = read(&request)?;
            let limit = Limit::of(&connect, request.deadline);
            let (outcome, ended) = oneshot::channel();
            let holder = Holder {
                sender: stream.sender,
                receiver: Some(stream.receiver),
                generation: request.caller.generation,
                keep: Duration::from_millis(connect.keep_ms),
                outcome,
            };
            let key = (request.caller.plugin, connect.name.clone());
            hold(&names, key, &connect, &trust, limit, holder).await?;
            ended.await.unwrap_or_else(|_| Err(broken("the connection was closed")))
        })
    }

    fn release(&self, caller: &ServiceCaller) {
        let generation = caller.generation;
        self.names.tell_all(|| Command::Release { generation });
    }
}

fn read(request: &ServiceRequest) -> Result<Connect, Failure> {
    let connect = from_json::<Connect>(&request.body)?;
    let missing = match &connect {
        Connect { name, .. } if name.is_empty() => "name",
        Connect { host, .. } if host.is_empty() => "host",
        Connect { port: 0, .. } => "port",
        _ => return Ok(connect),
    };
    Err(Failure::new(class::INVALID, "LDR-CALL-REQUEST", format!("the request has no `{missing}`")))
}

/// How long to wait for a connection, and what to say when that was too long.
struct Limit {
    end: Instant,
    late: Failure,
}

impl Limit {
    fn of(connect: &Connect, deadline: Option<std::time::Instant>) -> Self {
        let own = match connect.timeout_ms {
            0 => DEFAULT_TIMEOUT,
            milliseconds => Duration::from_millis(milliseconds),
        };
        let end = dial::end_of(own);
        match deadline.map(Instant::from_std) {
            Some(deadline) if deadline < end => Self { end: deadline, late: Failure::deadline() },
            _ => {
                let place = dial::place(&connect.host, connect.port);
                let message = format!("no connection to {place} within {} ms", own.as_millis());
                Self { end, late: Failure::new(class::UNAVAILABLE, code::UNREACHABLE, message) }
            }
        }
    }
}

/// Gives the open connection of this name to a holder, or a new one.
async fn hold(
    names: &Arc<Names<Command>>,
    key: Key,
    connect: &Connect,
    trust: &Trust,
    limit: Limit,
    mut holder: Holder,
) -> Result<(), Failure> {
    let address = Address::of(connect);
    let reservation = loop {
        let commands = match names.reserve(&key, &holder.sender) {
            Reserved::New(reservation) => break reservation,
            Reserved::Open(commands) => commands,
            Reserved::Taken => return Err(held(&connect.name)),
        };
        let (reply, refusal) = oneshot::channel();
        let claim = Claim { address: address.clone(), holder, reply };
        holder = match commands.send(Command::Claim(claim)) {
            Ok(()) => match refusal.await {
                Ok(Refusal::Closed(holder)) => *holder,
                Ok(Refusal::Held) => return Err(held(&connect.name)),
                Err(_) => return Ok(()),
            },
            Err(mpsc::error::SendError(Command::Claim(claim))) => claim.holder,
            Err(_) => return Err(broken("the connection was closed")),
        };
        // It has just closed, and its name is free.
    };
    let (socket, peer) = dial(connect, trust, limit).await?;
    connection::spawn(socket, peer, address, reservation, holder);
    Ok(())
}

async fn dial(
    connect: &Connect,
    trust: &Trust,
    limit: Limit,
) -> Result<(Box<dyn Socket>, SocketAddr), Failure> {
    let own = match &connect.tls {
        Some(Tls { ca_file, .. }) if !ca_file.is_empty() => {
            let file = ca_file.clone();
            Some(super::blocking(move || Trust::only(Path::new(&file))).await?)
        }
        _ => None,
    };
    let trust = own.as_ref().unwrap_or(trust);
    let dialling = async {
        let (stream, peer) = dial::tcp(&connect.host, connect.port, limit.end).await?;
        let socket: Box<dyn Socket> = match &connect.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name =
                    if tls.server_name.is_empty() { &connect.host } else { &tls.server_name };
                Box::new(dial::tls(stream, name, trust, limit.end).await?)
            }
        };
        Ok((socket, peer))
    };
    dialling.await.map_err(|error| match error {
        DialError::Resolve(message) => Failure::new(class::UNAVAILABLE, code::RESOLVE, message),
        DialError::Unreachable(message) => {
            Failure::new(class::UNAVAILABLE, code::UNREACHABLE, message)
        }
        DialError::Certificate(message) => {
            Failure::new(class::FORBIDDEN, code::CERTIFICATE, message).hint(trust.hint())
        }
        DialError::Late => limit.late,
    })
}

fn held(name: &str) -> Failure {
    let message = format!("another stream holds the connection `{}`", name.escape_debug());
    let hint = "let go of that stream first, or close the connection with `net/1/close`";
    Failure::new(class::CONFLICT, code::HELD, message).hint(hint)
}

fn broken(why: &str) -> Failure {
    Failure::new(class::UNAVAILABLE, code::BROKEN, why)
}

/// What must be the same for a connection to be taken over.
#[derive(Debug, Clone, PartialEq)]
struct Address {
    host: String,
    port: u16,
    tls: Option<Tls>,
}

impl Address {
    fn of(connect: &Connect) -> Self {
        Self { host: connect.host.clone(), port: connect.port, tls: connect.tls.clone() }
    }
}
