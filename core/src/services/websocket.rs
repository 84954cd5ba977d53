//! `websocket/1`: WebSockets that the host owns.
//!
//! This file speaks the contract: it checks the request, dials and shakes hands. The open socket is a
//! [`session`], which is [lent](loan), so that a plugin that goes away still says goodbye properly, or
//! leaves a socket with a name to the next generation.

mod frames;
mod session;

use crate::{
    message::{Failure, from_json},
    service::{Answer, Service, ServiceCaller, ServiceRequest},
    services::{
        cause,
        dial::{self, DialError, Limit, Socket},
        loan::{self, Command, Holder, Loans},
        trust::Trust,
    },
    stream::StreamEnd,
};
use futures_util::future::BoxFuture;
use loader_abi::{MAX_BODY_BYTES, class};
use loader_contract::service::websocket::{Connect, SERVICE, code, method};
use session::Session;
use std::{sync::Arc, time::Instant};
use tokio::time::timeout_at;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error,
        client::IntoClientRequest,
        handshake::client::Request,
        http::{HeaderName, HeaderValue, Uri, header},
        protocol::WebSocketConfig,
    },
};

/// Headers the handshake itself is made of.
const RESERVED: [&str; 7] = [
    "connection",
    "host",
    "upgrade",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
];

/// An open socket.
type Open = WebSocketStream<Box<dyn Socket>>;

/// WebSockets.
pub struct WebSockets {
    names: Arc<Loans<Session>>,
    trust: Arc<Trust>,
    user_agent: String,
}

impl WebSockets {
    pub(crate) fn new(trust: Arc<Trust>, user_agent: &str) -> Self {
        Self { names: Arc::default(), trust, user_agent: user_agent.to_owned() }
    }

    fn read(&self, request: &ServiceRequest) -> Result<(Connect, Handshake), Failure> {
        if request.method != method::CONNECT {
            return Err(Failure::unimplemented(&format!("{SERVICE}/{}", request.method)));
        }
        let connect = from_json::<Connect>(&request.body)?;
        let handshake = Handshake::read(&connect, request.options.deadline, &self.user_agent)?;
        Ok((connect, handshake))
    }
}

impl Service for WebSockets {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        Answer::unimplemented(SERVICE, &request.method)
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let read = self.read(&request);
        let (names, trust) = (self.names.clone(), self.trust.clone());
        Box::pin(async move {
            let (connect, handshake) = read?;
            let (holder, ended) = Holder::new(stream, &request.caller, connect.keep_ms);
            let key = (request.caller.plugin, connect.name);
            loan::hold(&names, key, connect.url, holder, handshake.shake(&trust)).await?;
            ended.await.unwrap_or_else(|_| Err(frames::broken("its task ended")))
        })
    }

    fn release(&self, caller: &ServiceCaller) {
        let generation = caller.generation;
        self.names.tell_all(|| Command::Release { generation });
    }
}

/// A checked request.
struct Handshake {
    request: Request,
    host: String,
    port: u16,
    secure: bool,
    limit: Limit,
}

impl Handshake {
    fn read(connect: &Connect, deadline: Option<Instant>, agent: &str) -> Result<Self, Failure> {
        // The address itself may carry a key, so it is not quoted.
        let uri: Uri = connect.url.parse().map_err(|error| {
            invalid(format!("the address makes no sense: {error}"))
                .hint("write it as wss://host/path")
        })?;
        let secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(invalid("the address is neither ws: nor wss:")),
        };
        let host = uri.host().ok_or_else(|| invalid("the address has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let mut request =
            uri.into_client_request().map_err(|error| invalid(cause::chain(&error)))?;
        let headers = request.headers_mut();
        for (name, value) in &connect.headers {
            let (name, value) = checked(name, value)?;
            headers.append(name, value);
        }
        if !connect.protocols.is_empty() {
            let offered = HeaderValue::from_str(&connect.protocols.join(", "))
                .map_err(|_| invalid("a subprotocol has a character that none may have"))?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
        }
        if let Ok(agent) = HeaderValue::from_str(agent)
            && !headers.contains_key(header::USER_AGENT)
        {
            headers.insert(header::USER_AGENT, agent);
        }
        let limit = Limit::of(connect.timeout_ms, deadline, |wait| {
            let place = dial::place(&host, port);
            unreachable(format!("no WebSocket with {place} within {} ms", wait.as_millis()))
        });
        Ok(Self { request, host, port, secure, limit })
    }

    async fn shake(self, trust: &Trust) -> Result<Session, Failure> {
        let socket = match self.dial(trust).await {
            Ok(socket) => socket,
            Err(DialError::Late) => return Err(self.limit.late),
            Err(DialError::Resolve(why) | DialError::Unreachable(why)) => {
                return Err(unreachable(why));
            }
            Err(DialError::Certificate(why)) => return Err(unreachable(why).hint(trust.hint())),
        };
        // Larger messages could not be handed to a plugin anyway.
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_BODY_BYTES))
            .max_frame_size(Some(MAX_BODY_BYTES));
        let shaking = client_async_with_config(self.request, socket, Some(config));
        let shaken = timeout_at(self.limit.end, shaking).await.map_err(|_| self.limit.late)?;
        let place = dial::place(&self.host, self.port);
        let (socket, response) = shaken.map_err(|error| match error {
            Error::Http(response) => {
                refused(format!("{place} answered {} instead of the upgrade", response.status()))
            }
            Error::Io(error) => {
                unreachable(format!("the connection to {place} broke off: {error}"))
            }
            error => {
                let why = cause::chain(&error);
                refused(format!("{place} did not agree to the upgrade: {why}"))
            }
        })?;
        let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        let chosen = chosen.and_then(|name| name.to_str().ok()).unwrap_or_default();
        Ok(Session::new(socket, chosen.to_owned()))
    }

    async fn dial(&self, trust: &Trust) -> Result<Box<dyn Socket>, DialError> {
        let (stream, _) = dial::tcp(&self.host, self.port, self.limit.end).await?;
        if !self.secure {
            return Ok(Box::new(stream));
        }
        Ok(Box::new(dial::tls(stream, &self.host, trust, self.limit.end).await?))
    }
}

/// Checks a header. Values are never quoted: they carry keys.
fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let shown = name.escape_debug();
    let valid = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("`{shown}` is not the name of a header")))?;
    if RESERVED.contains(&valid.as_str()) {
        return Err(invalid(format!(
            "the header `{shown}` is part of the handshake, which is the host's"
        ))
        .hint("leave it out; subprotocols go into `protocols`"));
    }
    let value = HeaderValue::from_str(value).map_err(|_| {
        invalid(format!(
            "the value of the header `{shown}` has a character that no header may have"
        ))
    })?;
    Ok((valid, value))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(class::INVALID, code::INVALID_REQUEST, message)
}

fn unreachable(message: String) -> Failure {
    Failure::new(class::UNAVAILABLE, code::UNREACHABLE, message)
}

fn refused(message: String) -> Failure {
    Failure::new(class::UNAVAILABLE, code::REFUSED, message)
}
