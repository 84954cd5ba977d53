//! Hosts one plugin in a process of its own: what the boundary's verbs say goes over a socket as
//! [`Frame`]s, and nothing else does. The socket is standard input.
//!
//! Arguments: the library, the plugin's id.

mod pipe;
mod remote;

use integration_tests::wire::{self, Error, Frame, Reply, Request};
use loader_abi::{
    Host_TO, PluginBox,
    abi_stable::{
        sabi_trait::TD_Opaque,
        std_types::{RBox, RResult},
    },
    layout::{self, ROOT_SYMBOL, RootHeader},
};
use pipe::Pipe;
use remote::{Remote, RemoteHost};
use std::{
    collections::HashMap,
    error, io,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
};

fn main() -> Result<(), Box<dyn error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, id] = arguments.as_slice() else { return Err("wire-child LIBRARY ID".into()) };
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let remote = Arc::new(Remote::new(socket.try_clone()?));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let plugin = Arc::new(create(library, id, RemoteHost(remote.clone()))?);

    let mut tasks = HashMap::new();
    while let Some(frame) = wire::read(&mut socket)? {
        match frame {
            Frame::Call(id, request) => {
                let task = runtime.spawn(serve_call(plugin.clone(), remote.clone(), id, request));
                tasks.insert(id, task.abort_handle());
            }
            Frame::Open(id, request) => {
                // Known before the next frame is read: it may be the stream's first message.
                let pipe = remote.pipe(id, true);
                let task =
                    runtime.spawn(serve_stream(plugin.clone(), remote.clone(), pipe, request));
                tasks.insert(id, task.abort_handle());
            }
            Frame::Cancel(id) => tasks.remove(&id).into_iter().for_each(|task| task.abort()),
            other => remote.deliver(other),
        }
    }
    Ok(())
}

/// Opens the library for good and makes its plugin.
fn create(library: &str, id: &str, host: RemoteHost) -> Result<PluginBox, Box<dyn error::Error>> {
    // SAFETY: a fixture, which stays mapped until the process ends.
    let library: &'static _ = Box::leak(Box::new(unsafe { libloading::Library::new(library) }?));
    // SAFETY: the symbol holds what every plugin library stores there.
    let header: RootHeader = *unsafe { library.get::<RootHeader>(ROOT_SYMBOL.as_bytes()) }?;
    // SAFETY: the library is never closed.
    let root = unsafe { layout::accept(header) }.map_err(|refusal| format!("{refusal:?}"))?;
    let plugin = (root.create())(id.into(), Host_TO::from_value(host, TD_Opaque));
    Ok(plugin.into_result().map_err(|error| error.message.to_string())?)
}

async fn serve_call(plugin: Arc<PluginBox>, remote: Arc<Remote>, id: u64, request: Request) {
    let operation = request.operation.clone();
    let (context, metadata, body) = request.into_abi();
    let answer = plugin.call(operation.as_str().into(), context, metadata, body).await;
    remote.send(&Frame::Answer(id, Reply::from_abi(answer)));
}

async fn serve_stream(
    plugin: Arc<PluginBox>,
    remote: Arc<Remote>,
    pipe: Arc<Pipe>,
    request: Request,
) {
    let (id, operation) = (pipe.id(), request.operation.clone());
    let (context, metadata, body) = request.into_abi();
    let ends = pipe::lend(pipe);
    let ended = plugin.open(operation.as_str().into(), context, metadata, body, ends).await;
    let ended = match ended {
        RResult::ROk(()) => Ok(Reply::default()),
        RResult::RErr(error) => Err(Error::from_abi(RBox::into_inner(error))),
    };
    remote.send(&Frame::Answer(id, ended));
}
