//! The host object of a plugin whose host is at the other end of a socket.

use crate::pipe::{self, Pipe, Received};
use integration_tests::wire::{self, Error, Frame, Reply, Request};
use loader_abi::{
    CallContext, CallFuture, Emission, Host, Metadata, OpenFuture, Opened,
    abi_stable::std_types::{RResult, RStr, RVec},
    async_ffi::FutureExt,
    class, level,
};
use std::{
    collections::HashMap,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

/// The other side.
pub(crate) struct Remote {
    socket: Mutex<UnixStream>,
    next_id: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Reply, Error>>>>,
    pipes: Mutex<HashMap<u64, Arc<Pipe>>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Remote {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self {
            socket: Mutex::new(socket),
            next_id: AtomicU64::new(2),
            waiting: Mutex::default(),
            pipes: Mutex::default(),
        }
    }

    pub(crate) fn send(&self, frame: &Frame) {
        // A socket that is gone ends the reading side, and with it the process.
        let _ = wire::write(&mut *lock(&self.socket), frame);
    }

    /// A new stream; `served` says whether the plugin is the side that was opened.
    pub(crate) fn pipe(self: &Arc<Self>, id: u64, served: bool) -> Arc<Pipe> {
        let pipe = Arc::new(Pipe::new(self.clone(), id, served));
        lock(&self.pipes).insert(id, pipe.clone());
        pipe
    }

    /// Takes what the other side says about calls and streams that are under way.
    pub(crate) fn deliver(&self, frame: Frame) {
        let pipe = |id| lock(&self.pipes).get(&id).cloned();
        match frame {
            Frame::Answer(id, answer) => match (lock(&self.waiting).remove(&id), pipe(id)) {
                (Some(waiting), _) => drop(waiting.send(answer)),
                (None, Some(pipe)) => pipe.answered(answer),
                (None, None) => {}
            },
            Frame::Message(id, message) => drop(pipe(id).map(|pipe| pipe.arrived(message))),
            Frame::Credit(id, more) => drop(pipe(id).map(|pipe| pipe.may_send(more))),
            Frame::End(id, reason, error) => drop(pipe(id).map(|pipe| pipe.ended(reason, error))),
            Frame::Deaf(id) => drop(pipe(id).map(|pipe| pipe.unheard())),
            Frame::Call(..) | Frame::Open(..) | Frame::Cancel(_) | Frame::Emit(..) => {}
        }
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(2, Ordering::Relaxed)
    }
}

/// Tells the other side when the plugin drops a future before its answer.
struct CancelOnDrop {
    remote: Arc<Remote>,
    id: u64,
    answered: bool,
}

impl CancelOnDrop {
    fn new(remote: Arc<Remote>, id: u64) -> Self {
        Self { remote, id, answered: false }
    }

    fn disarm(mut self) {
        self.answered = true;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.answered {
            lock(&self.remote.waiting).remove(&self.id);
            self.remote.send(&Frame::Cancel(self.id));
        }
    }
}

/// The host, as the plugin sees it.
pub(crate) struct RemoteHost(pub(crate) Arc<Remote>);

impl Host for RemoteHost {
    fn call(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> CallFuture {
        let remote = self.0.clone();
        let id = remote.id();
        let (sender, receiver) = oneshot::channel();
        lock(&remote.waiting).insert(id, sender);
        let request = Request::from_abi(operation.as_str(), context, metadata, body);
        remote.send(&Frame::Call(id, request));
        let cancel = CancelOnDrop::new(remote, id);
        async move {
            let answer = receiver.await;
            cancel.disarm();
            match answer {
                Ok(Ok(reply)) => RResult::ROk(reply.into_abi()),
                Ok(Err(error)) => RResult::RErr(error.into_abi()),
                Err(_) => RResult::RErr(gone().into_abi()),
            }
        }
        .into_ffi()
    }

    fn open(
        &self,
        operation: RStr<'_>,
        context: CallContext,
        metadata: Metadata,
        body: RVec<u8>,
    ) -> OpenFuture {
        let remote = self.0.clone();
        let pipe = remote.pipe(remote.id(), false);
        let request = Request::from_abi(operation.as_str(), context, metadata, body);
        remote.send(&Frame::Open(pipe.id(), request));
        let cancel = CancelOnDrop::new(remote, pipe.id());
        async move {
            let first = pipe.receive().await;
            cancel.disarm();
            match first {
                Received::Message(head) => {
                    let head = Reply { metadata: head.metadata, body: head.body }.into_abi();
                    RResult::ROk(Opened { head, stream: pipe::lend(pipe) })
                }
                Received::Ended(_, error) => RResult::RErr(error.unwrap_or_else(gone).into_abi()),
            }
        }
        .into_ffi()
    }

    fn emit(&self, emission: Emission<'_>) {
        let (target, name) = (emission.target.as_str().into(), emission.name.as_str().into());
        self.0.send(&Frame::Emit(emission.level, target, name, emission.fields.to_vec()));
    }

    fn enabled(&self, level: u32, _: RStr<'_>) -> bool {
        level <= level::INFO
    }
}

fn gone() -> Error {
    Error::from_abi(loader_abi::CallError::new(class::UNAVAILABLE, "gone", "nobody is there"))
}
