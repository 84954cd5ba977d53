//! Servers of the tests: plain sockets that say exactly what a test wants, and a certificate.

use super::host::soon;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};

/// A port that listens on the loopback.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// Whether nobody is waiting to be accepted.
    pub(crate) async fn is_idle(&self) -> bool {
        let turn = tokio::time::timeout(std::time::Duration::ZERO, self.listener.accept());
        turn.await.is_err()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// A port nobody listens on.
pub(crate) async fn deaf_port() -> u16 {
    Server::new().await.port
}

/// Reads one HTTP request: its head in lower case as far as names go, and its body.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        assert_ne!(soon(stream.read_buf(&mut bytes)).await.unwrap(), 0, "the client hung up");
    };
    let mut body = bytes.split_off(split);
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        assert_ne!(soon(stream.read_buf(&mut body)).await.unwrap(), 0, "the client hung up");
    }
    (head, body)
}

/// Waits until the other side has closed, and returns what it said before.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is a way to close, too.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    bytes
}

/// Answers one request on one connection, as is.
pub(crate) async fn answer(stream: &mut TcpStream, response: &[u8]) {
    read_request(stream).await;
    stream.write_all(response).await.unwrap();
}

/// A certificate for `localhost`, signed by itself.
pub(crate) struct Identity {
    folder: TempDir,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        Self { folder, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// The file a client needs to trust this.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) async fn accept(
        &self,
        server: &Server,
    ) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
        soon(self.acceptor.accept(server.accept().await)).await
    }
}
