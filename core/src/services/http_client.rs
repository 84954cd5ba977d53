//! `http-client/1`: HTTP done by the host, over one client that all plugins share.
//!
//! Decisions a plugin's author and an operator can rely on:
//!
//! * redirects are followed within the origin that was asked, five times at most. Any other is the
//!   answer: a request may carry a key in a header of any name, and no third party is to get it;
//! * no cookies, no proxies from the environment, no referrer, no decompression;
//! * messages name the origin only, since paths and queries carry secrets as well;
//! * a call's deadline ends `fetch`; of `stream` it ends the wait for the head. The body flows until
//!   the plugin lets go of the stream, which closes the connection to the server.

mod outbound;

use crate::{
    message::{Failure, Message, Metadata, Reply},
    service::{Answer, Service, ServiceRequest},
    services::{cause, trust::Trust},
    stream::StreamEnd,
};
use futures_util::future::BoxFuture;
use loader_abi::{MAX_BODY_BYTES, class};
use loader_contract::service::http_client::{SERVICE, STATUS, code, method};
use outbound::{HOP_BY_HOP, Outbound};
use reqwest::{Client, Request, Response, redirect};
use std::{future::pending, ops::Deref, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// The largest data message of a streamed body.
const MAX_PIECE: usize = 64 * 1024;
/// How long a connection may take. Within it every address of the server is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// HTTP with TLS.
pub struct HttpClient {
    client: Client,
    trust: Arc<Trust>,
}

impl HttpClient {
    pub(crate) fn new(trust: Arc<Trust>, user_agent: &str) -> Result<Self, Failure> {
        let same_origin = redirect::Policy::custom(|attempt| {
            let asked = attempt.previous().first().map(reqwest::Url::origin);
            let stays = asked.is_some_and(|asked| asked == attempt.url().origin());
            if stays && attempt.previous().len() <= MAX_REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let client = Client::builder()
            .tls_backend_preconfigured(trust.config_for(&["h2", "http/1.1"]))
            .user_agent(user_agent)
            .no_proxy()
            .referer(false)
            .redirect(same_origin)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| {
                Failure::new(class::INVALID, "LDR-HTTP-SETUP", cause::chain(&error))
                    .hint("the user agent must be plain text without line breaks")
            })?;
        Ok(Self { client, trust })
    }

    fn prepare(&self, request: ServiceRequest) -> Result<(Exchange, Request), Failure> {
        let deadline = request.options.deadline.map(Instant::from_std);
        let Outbound { request, origin, timeout } = Outbound::read(request)?;
        let (client, trust) = (self.client.clone(), self.trust.clone());
        Ok((Exchange { client, trust, origin, timeout, deadline }, request))
    }
}

impl Service for HttpClient {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        if request.method != method::FETCH {
            return Answer::unimplemented(SERVICE, &request.method);
        }
        match self.prepare(request) {
            Ok((exchange, request)) => Answer::later(fetch(exchange, request)),
            Err(failure) => Answer::Ready(Err(failure)),
        }
    }

    fn open(
        &self,
        request: ServiceRequest,
        stream: StreamEnd,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        if request.method != method::STREAM {
            let failure = Failure::unimplemented(&format!("{SERVICE}/{}", request.method));
            return Box::pin(async move { Err(failure) });
        }
        match self.prepare(request) {
            Ok((exchange, request)) => Box::pin(pipe(exchange, request, stream)),
            Err(failure) => Box::pin(async move { Err(failure) }),
        }
    }
}

async fn fetch(exchange: Exchange, request: Request) -> Result<Reply, Failure> {
    let fetching = async {
        let mut response = exchange.head(request).await?;
        let announced = response.content_length().unwrap_or(0);
        if announced > MAX_BODY_BYTES as u64 {
            return Err(exchange.too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = exchange.piece(&mut response).await? {
            if body.len() + piece.len() > MAX_BODY_BYTES {
                return Err(exchange.too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply { metadata: metadata(&response), body })
    };
    tokio::select! {
        result = fetching => result,
        () = passed(exchange.deadline) => Err(Failure::deadline()),
    }
}

async fn pipe(exchange: Exchange, request: Request, stream: StreamEnd) -> Result<(), Failure> {
    let mut response = exchange.head(request).await?;
    stream.sender.send(Message::head(metadata(&response), Vec::new())).await?;
    // While the plugin does not read, nothing is taken from the connection either.
    while let Some(piece) = exchange.piece(&mut response).await? {
        for part in piece.chunks(MAX_PIECE) {
            stream.sender.send(Message::data(part.to_vec())).await?;
        }
    }
    Ok(())
}

/// One request on its way.
struct Exchange {
    client: Client,
    trust: Arc<Trust>,
    /// Scheme, host and port: all that messages may say of the address.
    origin: String,
    /// How long to wait for the response's head.
    timeout: Option<Duration>,
    /// When the caller stops waiting.
    deadline: Option<Instant>,
}

impl Exchange {
    /// Sends the request and waits for the response's head.
    async fn head(&self, request: Request) -> Result<Response, Failure> {
        let patience = self.timeout.and_then(|after| Instant::now().checked_add(after));
        tokio::select! {
            response = self.client.execute(request) => {
                response.map_err(|error| self.failure(&error))
            }
            () = passed(self.deadline) => Err(Failure::deadline()),
            () = passed(patience) => Err(Failure::new(
                class::DEADLINE,
                "LDR-CALL-DEADLINE",
                format!("{} did not respond in time", self.origin),
            )),
        }
    }

    /// The next piece of the body, as large as it came.
    async fn piece(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Failure> {
        response.chunk().await.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let origin = &self.origin;
        // The first link of the chain names the address; what follows says why.
        let why =
            std::error::Error::source(error).map_or("no cause is known".to_owned(), cause::chain);
        if error.is_connect() {
            let message = format!("{origin} cannot be reached: {why}");
            let failure = Failure::new(class::UNAVAILABLE, code::UNREACHABLE, message);
            return match cause::find::<rustls::Error>(error) {
                Some(rustls::Error::InvalidCertificate(_)) => failure.hint(self.trust.hint()),
                _ => failure,
            };
        }
        let message = format!("the connection to {origin} broke off: {why}");
        Failure::new(class::UNAVAILABLE, code::BROKEN, message)
    }

    fn too_large(&self) -> Failure {
        let message = format!("the response of {} has more than 1 MiB", self.origin);
        Failure::new(class::EXHAUSTED, code::TOO_LARGE, message)
            .hint("take it piece by piece with `http-client/1/stream`")
    }
}

/// The status and the headers, apart from those that are about the connection.
fn metadata(response: &Response) -> Metadata {
    let mut metadata = Metadata::new().with(STATUS, response.status().as_str());
    for (name, value) in response.headers() {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            metadata.push(name.as_str(), value.as_bytes());
        }
    }
    metadata
}

/// Resolves at that time; never without one.
async fn passed(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
