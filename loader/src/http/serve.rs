//! Puts the edge behind a socket: an accept loop with limits, and an orderly end.
//!
//! `axum::serve` knows neither timeouts nor a cap on connections, so the loop is our own.

mod patient_stream;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use self::patient_stream::PatientStream;
use super::{Backend, Edge};

/// What one socket tolerates.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// The most connections at once; further ones wait to be accepted.
    pub(crate) most: usize,
    /// How long the headers of a request may take, and how long a connection may be idle.
    pub(crate) header_timeout: Duration,
    /// The most bytes of headers. There may be at most 100 of them.
    pub(crate) max_header_bytes: usize,
    /// How long a client may refuse to take bytes.
    pub(crate) write_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            most: 1024,
            header_timeout: Duration::from_secs(10),
            max_header_bytes: 16 * 1024,
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is ready: then accepts nobody any more, closes what is idle, lets requests
/// finish until the moment that it says, and returns how many connections it had to cut off then.
pub(crate) async fn serve<B: Backend>(
    listener: TcpListener,
    edge: Edge<B>,
    limits: ConnectionLimits,
    stop: impl Future<Output = Instant>,
) -> usize {
    let places = Arc::new(Semaphore::new(limits.most));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    let deadline = loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            deadline = &mut stop => break deadline,
            accepted = accepted => accepted,
        };
        // Those that ended make room for new ones, here too.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let connection =
                    converse(stream, peer.ip(), edge.clone(), limits.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => recover(&error).await,
        }
    };
    drop(listener);
    drop(stopping);
    edge.end();
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout_at(deadline.into(), ended).await;
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

/// Serves one connection until either side has enough.
async fn converse<B: Backend>(
    stream: TcpStream,
    peer: IpAddr,
    edge: Edge<B>,
    limits: ConnectionLimits,
    mut stopped: watch::Receiver<()>,
) {
    // A streamed answer is many small writes, each of which should arrive at once.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "small writes may be delayed");
    }
    let stream = PatientStream::new(stream, limits.write_timeout);
    let service = service_fn(move |request| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(edge.answer(peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = &mut connection => ended,
        // The sender says nothing, it only goes away.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke off");
    }
}

/// Waits a little when the process has no file descriptors left; others may be given back.
async fn recover(error: &io::Error) {
    let about_the_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !about_the_connection {
        warn!(%error, "no connection can be accepted now");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
