//! Opening connections: names to addresses, TCP, TLS.

use crate::services::{cause, trust::Trust};
use rustls_pki_types::ServerName;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

/// A connection, with TLS or without.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Why there is no connection; each with a sentence that names the place.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The name has no address.
    Resolve(String),
    /// Nobody answers, or not what was expected.
    Unreachable(String),
    /// The other side's certificate was refused.
    Certificate(String),
}

/// Connects within a time to the first address of a name that answers.
pub(crate) async fn tcp(
    host: &str,
    port: u16,
    within: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let unreachable = |why: &str| {
        DialError::Unreachable(format!("no connection to {}: {why}", place(host, port)))
    };
    let late = format!("nothing came back within {} ms", within.as_millis());
    // A time too long to be told is no limit: thirty years are, too.
    let now = Instant::now();
    let end = now.checked_add(within).unwrap_or(now + Duration::from_secs(30 * 365 * 86_400));
    let addresses = resolve(host, port, end).await?;
    let mut last = unreachable(&late);
    for (tried, address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for those after it.
        let rest = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / rest;
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Chat lines and frames are small and are wanted at once. A socket that refuses the
                // option works all the same.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = unreachable(&error.to_string()),
            Err(_) => last = unreachable(&late),
        }
    }
    Err(last)
}

async fn resolve(host: &str, port: u16, end: Instant) -> Result<Vec<SocketAddr>, DialError> {
    let failed =
        |why: &str| DialError::Resolve(format!("`{}` has no address: {why}", host.escape_debug()));
    match timeout_at(end, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<_> = addresses.collect();
            if addresses.is_empty() { Err(failed("the list is empty")) } else { Ok(addresses) }
        }
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(_) => Err(failed("the resolver did not answer in time")),
    }
}

/// Speaks TLS over a connection. The server must prove that it is `name`.
pub(crate) async fn tls(
    stream: TcpStream,
    name: &str,
    trust: &Trust,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, DialError> {
    let server = ServerName::try_from(name.to_owned()).map_err(|_| {
        DialError::Certificate(format!("no certificate can carry the name `{}`", name.escape_debug()))
    })?;
    let connecting = TlsConnector::from(trust.config()).connect(server, stream);
    connecting.await.map_err(|error| refusal(name, &error))
}

fn refusal(name: &str, error: &io::Error) -> DialError {
    match cause::find::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            DialError::Certificate(format!("the certificate of `{name}` was refused: {why}"))
        }
        _ => DialError::Unreachable(format!("no TLS with `{name}`: {}", cause::chain(error))),
    }
}

/// `host:port`, as one writes it.
pub(crate) fn place(host: &str, port: u16) -> String {
    let host = host.escape_debug();
    if host.clone().any(|letter| letter == ':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
