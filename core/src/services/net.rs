//! `net/1`: byte streams that the host owns and lends by name.
//!
//! This file speaks the contract and dials; a [`connection`] is what [`loan`] lends.
//!
//! A name is reserved while it is dialled, and free again once the connection is closed or the other
//! side hung up: whoever sees the end of a stream can connect by the same name at once.

mod connection;
mod outgoing;

use crate::{
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    services::{
        dial::{self, DialError, Limit, Socket},
        loan::{self, Command, Holder, Loans},
        trust::Trust,
    },
    stream::StreamEnd,
};
use connection::Connection;
use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_contract::service::net::{Close, Connect, SERVICE, Tls, code, method};
use std::{path::Path, sync::Arc, time::Instant};

/// Byte streams over TCP and TLS.
pub struct Net {
    names: Arc<Loans<Connection>>,
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
            let (holder, ended) = Holder::new(stream, &request.caller, connect.keep_ms);
            let (key, address) =
                ((request.caller.plugin, connect.name.clone()), Address::of(&connect));
            let dialling = dial(&connect, &trust, request.options.deadline);
            loan::hold(&names, key, address, holder, dialling).await?;
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

async fn dial(
    connect: &Connect,
    trust: &Trust,
    deadline: Option<Instant>,
) -> Result<Connection, Failure> {
    let limit = Limit::of(connect.timeout_ms, deadline, |wait| {
        let place = dial::place(&connect.host, connect.port);
        let message = format!("no connection to {place} within {} ms", wait.as_millis());
        Failure::new(class::UNAVAILABLE, code::UNREACHABLE, message)
    });
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
        Ok(Connection::new(socket, peer))
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
