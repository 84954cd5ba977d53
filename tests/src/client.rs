//! A client that keeps its connection, as browsers and programs do.

use crate::gateway::Gateway;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection to a gateway.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    token: String,
}

/// An answer: its status and its whole body.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, which must be text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Client {
    /// Connects.
    pub async fn connect(gateway: &Gateway) -> Self {
        let authority = gateway.url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&authority).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        Self { sender, authority, token: gateway.token.clone() }
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> hyper::Result<Answer> {
        self.send(Method::GET, path, String::new()).await
    }

    /// Sends JSON.
    pub async fn post(&mut self, path: &str, body: &serde_json::Value) -> hyper::Result<Answer> {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Sends JSON, and returns the response as it begins. Dropping it ends the connection.
    pub async fn open(
        mut self,
        path: &str,
        body: &serde_json::Value,
    ) -> hyper::Result<Response<Incoming>> {
        self.begin(Method::POST, path, body.to_string()).await
    }

    async fn send(&mut self, method: Method, path: &str, body: String) -> hyper::Result<Answer> {
        let response = self.begin(method, path, body).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body: String::from_utf8(body.into()).expect("text") })
    }

    async fn begin(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> hyper::Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .expect("a request");
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}
