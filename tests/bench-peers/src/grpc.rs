//! The process peer: a unary gRPC echo over a Unix socket, served by a child process.
//!
//! The child is this same binary, started with `serve <socket>`. The service and its client are
//! written by hand on top of tonic, so that no protocol compiler is needed. Callers run as tasks on
//! a multi-threaded runtime and share one connection, as in an ordinary asynchronous host.

use std::convert::Infallible;
use std::fs::DirBuilder;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::uri::PathAndQuery;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::timing::{Bounds, Stretch};
use crate::{Peer, locked_version};

const METHOD: &str = "/echo.Echo/Call";

/// What the child prints once its socket accepts connections.
const READY: &str = "ready";

/// Added to a stretch's own bound before a silent child is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The one message, both ways: `message Body { bytes content = 1; }`.
#[derive(Clone, PartialEq, prost::Message)]
struct Body {
    #[prost(bytes = "vec", tag = "1")]
    content: Vec<u8>,
}

pub(crate) struct Grpc {
    // Declared first, so that the connection is gone before the child is.
    client: Client,
    runtime: Runtime,
    _server: ServerProcess,
}

impl Grpc {
    pub(crate) fn new() -> Result<Self> {
        let directory = SocketDirectory::create()?;
        let socket = directory.path.join("echo.sock");
        let server = ServerProcess::start(&socket)?;
        let runtime = Runtime::new().context("starting the client's runtime")?;
        let endpoint = Endpoint::try_from(format!("unix://{}", socket.display()))
            .context("the socket's address")?;
        let channel = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, endpoint.connect()).await })
            .context("the server did not accept in time")?
            .context("connecting to the server")?;
        Ok(Self { client: Client { channel }, runtime, _server: server })
    }

    /// Runs one task per caller, each until `bounds` are reached, and answers their samples.
    fn run(&self, callers: usize, body: &[u8], bounds: Bounds) -> Result<Vec<Duration>> {
        let body: Arc<[u8]> = body.into();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let mut client = self.client.clone();
                let body = Arc::clone(&body);
                self.runtime.spawn(async move {
                    let mut stretch = Stretch::start(bounds);
                    loop {
                        black_box(client.echo(&body).await?);
                        if !stretch.lap() {
                            return Ok::<_, Status>(stretch.into_samples());
                        }
                    }
                })
            })
            .collect();
        self.runtime.block_on(async {
            tokio::time::timeout(bounds.time + PATIENCE, async {
                let mut samples = Vec::new();
                for task in tasks {
                    samples.extend(task.await.context("a caller panicked")??);
                }
                Ok(samples)
            })
            .await
            .context("the server fell silent")?
        })
    }
}

impl Peer for Grpc {
    fn name(&self) -> &'static str {
        "grpc-uds"
    }

    fn version(&self) -> &'static str {
        locked_version("tonic")
    }

    fn echo(&mut self, body: &[u8]) -> Result<Vec<u8>> {
        Ok(self.runtime.block_on(self.client.echo(body))?)
    }

    fn one_caller(&mut self, body: &[u8], bounds: Bounds) -> Result<Vec<Duration>> {
        self.run(1, body, bounds)
    }

    fn many_callers(&mut self, callers: usize, body: &[u8], bounds: Bounds) -> Result<u64> {
        Ok(self.run(callers, body, bounds)?.len() as u64)
    }
}

/// What a generated client amounts to for one unary method.
#[derive(Clone)]
struct Client {
    channel: Channel,
}

impl Client {
    async fn echo(&mut self, body: &[u8]) -> Result<Vec<u8>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let request = Request::new(Body { content: body.to_vec() });
        let codec = ProstCodec::<Body, Body>::default();
        let response: Response<Body> =
            client.unary(request, PathAndQuery::from_static(METHOD), codec).await?;
        Ok(response.into_inner().content)
    }
}

/// A private directory for the socket. It goes as soon as the one connection stands, so that not
/// even a killed run leaves it behind.
struct SocketDirectory {
    path: PathBuf,
}

impl SocketDirectory {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("bench-peers-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for SocketDirectory {
    fn drop(&mut self) {
        // A leftover directory of a few bytes is not worth failing a finished measurement for.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The child process, which ends with this value.
struct ServerProcess {
    child: Child,
}

impl ServerProcess {
    /// Starts the child and returns once it accepts connections.
    fn start(socket: &Path) -> Result<Self> {
        let child = Command::new(std::env::current_exe().context("finding this binary")?)
            .arg("serve")
            .arg(socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the server")?;
        let mut server = Self { child };
        let output = server.child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("waiting for the server")?;
        ensure!(line.trim_end() == READY, "the server ended before it was ready");
        Ok(server)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The child may have ended by itself; there is nobody left to tell about a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the echo on `socket` until standard input ends, which is when the parent does.
pub(crate) fn serve(socket: &Path) -> Result<()> {
    Runtime::new().context("starting the server's runtime")?.block_on(async {
        let listener = UnixListener::bind(socket)
            .with_context(|| format!("listening on {}", socket.display()))?;
        let service = service_fn(|request: http::Request<tonic::body::Body>| async {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Body, Body>::default());
            Ok::<_, Infallible>(grpc.unary(service_fn(answer), request).await)
        });
        let parent_ended = tokio::task::spawn_blocking(|| {
            // An unreadable pipe ends the server just as a closed one does.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        });
        let mut output = std::io::stdout();
        writeln!(output, "{READY}").and_then(|()| output.flush()).context("reporting readiness")?;
        Server::builder()
            .serve_with_incoming_shutdown(service, UnixListenerStream::new(listener), async {
                let _ = parent_ended.await;
            })
            .await
            .context("serving")
    })
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, Status> {
    Ok(Response::new(request.into_inner()))
}
