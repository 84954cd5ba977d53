//! `net/1`: byte streams that the host owns and lends by name.
//!
//! This file keeps the names: who may open, take over or close what. A [`connection`] is a task of
//! its own that owns the socket, so that it outlives the stream, the call and the generation that
//! asked for it.
//!
//! A name is reserved while it is dialled, and free again once the connection is closed or the other
//! side hung up: whoever sees the end of a stream can connect by the same name at once.

mod connection;
mod outgoing;

use crate::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    services::{
        dial::{self, DialError, Socket},
        trust::Trust,
    },
    stream::{Sender, StreamEnd},
};
use connection::{Claim, Command, Granted, Lease};
use futures_util::{FutureExt, future::BoxFuture};
use loader_abi::class;
use loader_contract::service::net::{Close, Connect, Connected, SERVICE, Tls, code, method};
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// How long a connection may take when the request does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Byte streams over TCP and TLS.
pub struct Net {
    names: Arc<Names>,
    trust: Arc<Trust>,
}

impl Net {
    pub(crate) fn new(trust: Arc<Trust>) -> Self {
        Self { names: Arc::default(), trust }
    }

    fn close(&self, request: &ServiceRequest) -> Result<Reply, Failure> {
        let name = from_json::<Close>(&request.body)?.name;
        let key = (request.caller.plugin.clone(), name);
        let mut table = self.names.table();
        if let Some(Entry { state: State::Open(commands), .. }) = table.get(&key) {
            // The name is free at once; the connection still writes what it was given.
            let _ = commands.send(Command::Close);
            table.remove(&key);
        }
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
            let key = (request.caller.plugin.clone(), connect.name.clone());
            let granted = obtain(&names, key, &stream.sender, &connect, &trust, limit).await?;
            let connected = Connected { peer: granted.peer.to_string(), adopted: granted.adopted };
            let head = serde_json::to_vec(&connected).map_err(|error| {
                Failure::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string())
            })?;
            stream.sender.send(Message::head(Metadata::new(), head)).await?;
            let (outcome, ended) = oneshot::channel();
            let lease = Lease {
                stream,
                generation: request.caller.generation,
                keep: Duration::from_millis(connect.keep_ms),
                outcome,
            };
            // When the connection is gone already, the lease and with it `outcome` is dropped.
            let _ = granted.lease.send(lease);
            ended.await.unwrap_or_else(|_| Err(broken("the connection was closed")))
        })
    }

    fn release(&self, caller: &ServiceCaller) {
        for ((plugin, _), entry) in self.names.table().iter() {
            if let State::Open(commands) = &entry.state
                && *plugin == caller.plugin
            {
                let _ = commands.send(Command::Release { generation: caller.generation });
            }
        }
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

/// Takes over the open connection of this name, or opens one.
async fn obtain(
    names: &Arc<Names>,
    key: Key,
    holder: &Sender,
    connect: &Connect,
    trust: &Trust,
    limit: Limit,
) -> Result<Granted, Failure> {
    let address = Address::of(connect);
    let reservation = loop {
        let commands = match names.reserve(&key, holder)? {
            Reserved::New(reservation) => break reservation,
            Reserved::Open(commands) => commands,
        };
        let (reply, answer) = oneshot::channel();
        let _ = commands.send(Command::Claim(Claim { address: address.clone(), reply }));
        match answer.await {
            Ok(Some(granted)) => return Ok(granted),
            Ok(None) => return Err(held(&connect.name)),
            // It has just closed, and its name is free.
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let (socket, peer) = dial(connect, trust, limit).await?;
    Ok(connection::spawn(socket, peer, address, reservation))
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
                let name = if tls.server_name.is_empty() { &connect.host } else { &tls.server_name };
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

/// The plugin and the name within it.
type Key = (Arc<str>, String);

/// Which connections there are.
#[derive(Default)]
struct Names {
    table: Mutex<HashMap<Key, Entry>>,
    reservations: AtomicU64,
}

struct Entry {
    /// Tells this entry from a later one of the same name.
    reservation: u64,
    state: State,
}

enum State {
    /// It is being dialled for somebody; resolves when that somebody is gone.
    Dialling(BoxFuture<'static, ()>),
    /// The way to the connection.
    Open(mpsc::UnboundedSender<Command>),
}

enum Reserved {
    New(Reservation),
    Open(mpsc::UnboundedSender<Command>),
}

impl Names {
    fn table(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(self: &Arc<Self>, key: &Key, holder: &Sender) -> Result<Reserved, Failure> {
        let mut table = self.table();
        match table.get_mut(key).map(|entry| &mut entry.state) {
            Some(State::Open(commands)) if !commands.is_closed() => {
                return Ok(Reserved::Open(commands.clone()));
            }
            Some(State::Dialling(gone)) => {
                // Who gave up a moment ago may try again, although the dialling has yet to notice.
                if gone.now_or_never().is_none() {
                    return Err(held(&key.1));
                }
            }
            Some(State::Open(_)) | None => {}
        }
        let number = self.reservations.fetch_add(1, Ordering::Relaxed);
        let state = State::Dialling(Box::pin(holder.closed()));
        table.insert(key.clone(), Entry { reservation: number, state });
        drop(table);
        Ok(Reserved::New(Reservation { names: self.clone(), key: key.clone(), number }))
    }
}

/// The right to a name. Dropping it frees the name.
struct Reservation {
    names: Arc<Names>,
    key: Key,
    number: u64,
}

impl Reservation {
    /// Says where the connection can be told things. Nothing happens when the name was closed.
    fn announce(&self, commands: mpsc::UnboundedSender<Command>) {
        if let Some(entry) = self.names.table().get_mut(&self.key)
            && entry.reservation == self.number
        {
            entry.state = State::Open(commands);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut table = self.names.table();
        if table.get(&self.key).is_some_and(|entry| entry.reservation == self.number) {
            table.remove(&self.key);
        }
    }
}
