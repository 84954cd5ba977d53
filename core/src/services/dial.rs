//! Opening connections: names to addresses, TCP, TLS.

use crate::{
    message::Failure,
    moment,
    services::{cause, trust::Trust},
};
use rustls_pki_types::ServerName;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

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
    /// The time is over.
    Late,
}

/// How long a connection may take when the request does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// When a connection must be there, and what to say when it is not.
pub(crate) struct Limit {
    pub(crate) end: Instant,
    pub(crate) late: Failure,
}

impl Limit {
    /// What a request waits, or the rest of its caller's time. `late` is for the former.
    pub(crate) fn of(
        timeout_ms: u64,
        deadline: Option<std::time::Instant>,
        late: impl FnOnce(Duration) -> Failure,
    ) -> Self {
        let wait = match timeout_ms {
            0 => DEFAULT_WAIT,
            milliseconds => Duration::from_millis(milliseconds),
        };
        let end = end_of(wait);
        match deadline.map(Instant::from_std) {
            Some(deadline) if deadline < end => Self { end: deadline, late: Failure::deadline() },
            _ => Self { end, late: late(wait) },
        }
    }
}

/// The end of a wait that starts now.
fn end_of(wait: Duration) -> Instant {
    moment::after(wait).into()
}

/// Connects to the first address of a name that answers.
pub(crate) async fn tcp(
    host: &str,
    port: u16,
    end: Instant,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let addresses = resolve(host, port, end).await?;
    first_to_answer(&addresses, end).await.map_err(|error| match error {
        Some(error) => {
            DialError::Unreachable(format!("no connection to {}: {error}", place(host, port)))
        }
        None => DialError::Late,
    })
}

/// Connects to one address after the other. The error is that of the last; none means that the time
/// was over.
async fn first_to_answer(
    addresses: &[SocketAddr],
    end: Instant,
) -> Result<(TcpStream, SocketAddr), Option<io::Error>> {
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for those after it.
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Chat lines and frames are small and are wanted at once. A socket that refuses the
                // option works all the same.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = None,
        }
    }
    Err(last)
}

async fn resolve(host: &str, port: u16, end: Instant) -> Result<Vec<SocketAddr>, DialError> {
    let failed =
        |why: &str| DialError::Resolve(format!("`{}` has no address: {why}", host.escape_debug()));
    let looked_up = timeout_at(end, tokio::net::lookup_host((host, port))).await;
    let addresses =
        looked_up.map_err(|_| DialError::Late)?.map_err(|error| failed(&error.to_string()))?;
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() { Err(failed("the list is empty")) } else { Ok(addresses) }
}

/// Speaks TLS over a connection. The server must prove that it is `name`.
pub(crate) async fn tls(
    stream: TcpStream,
    name: &str,
    trust: &Trust,
    end: Instant,
) -> Result<TlsStream<TcpStream>, DialError> {
    let server = ServerName::try_from(name.to_owned()).map_err(|_| {
        DialError::Certificate(format!(
            "no certificate can carry the name `{}`",
            name.escape_debug()
        ))
    })?;
    let shaking = TlsConnector::from(trust.config()).connect(server, stream);
    let shaken = timeout_at(end, shaking).await.map_err(|_| DialError::Late)?;
    shaken.map_err(|error| match cause::find::<rustls::Error>(&error) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            DialError::Certificate(format!("the certificate of `{name}` was refused: {why}"))
        }
        _ => DialError::Unreachable(format!("no TLS with `{name}`: {}", cause::chain(&error))),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_keep_the_next_from_being_tried() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let deaf = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let answering = server.local_addr().expect("its address");
        let refusing = deaf.local_addr().expect("its address");
        drop(deaf);
        let end = end_of(Duration::from_secs(5));
        let (_, peer) = first_to_answer(&[refusing, answering], end).await.expect("it answers");
        assert_eq!(peer, answering);
        let refused = first_to_answer(&[refusing], end).await.expect_err("nobody answers");
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::ConnectionRefused));
    }
}
