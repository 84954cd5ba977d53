//! Calls on their way to a thread of the generation, and what becomes of them there.
//!
//! Most answers are ready at once. So each call is entered and polled on the spot, one after the
//! other, and only an answer that is still to come gets a task of its own.

use super::{
    Generation, Invocation, Lease,
    executor::{Pulse, watch},
    or_gone,
};
use crate::{
    crash::Visiting,
    message::{Failure, Reply},
};
use futures_util::FutureExt as _;
use loader_abi::CallFuture;
use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

/// One call, and where its answer goes.
pub(super) struct Call {
    pub(super) lease: Lease,
    pub(super) invocation: Invocation,
    /// Whether the end of the generation ends it.
    pub(super) cancellable: bool,
    pub(super) answer: oneshot::Sender<Result<Reply, Failure>>,
}

/// Answers calls until nobody can send any. Runs on a thread of the generation.
pub(super) async fn serve(mut calls: mpsc::UnboundedReceiver<Call>, pulse: Arc<Pulse>) {
    while let Some(call) = calls.recv().await {
        call.begin(&pulse);
        // A thread that goes from call to call within one poll is not stuck.
        pulse.beat();
    }
}

impl Call {
    fn begin(self, pulse: &Arc<Pulse>) {
        let Self { lease, invocation, cancellable, answer } = self;
        if answer.is_closed() {
            return;
        }
        let mut future = lease.generation.enter(invocation);
        // Whoever waits polls again and says whom to wake.
        let mut nobody = Context::from_waker(Waker::noop());
        let first = pin!(lease.generation.answer(&mut future)).poll_unpin(&mut nobody);
        match first {
            Poll::Ready(result) => lease.generation.send(future.operation(), answer, result),
            Poll::Pending => {
                let waiting = wait(lease, future, cancellable, answer);
                drop(tokio::spawn(watch(waiting, pulse.clone())));
            }
        }
    }
}

async fn wait(
    lease: Lease,
    mut future: Visiting<CallFuture>,
    cancellable: bool,
    mut answer: oneshot::Sender<Result<Reply, Failure>>,
) {
    let generation = &*lease.generation;
    let answered = {
        let reply = pin!(generation.answer(&mut future));
        let gone = async {
            tokio::select! {
                () = answer.closed() => {}
                () = generation.cancelled(cancellable) => {}
            }
        };
        or_gone(reply, || gone).await
    };
    let operation = future.operation().clone();
    // What is left of the plugin's future goes before its caller learns of the end.
    drop(future);
    match answered {
        Some(result) => generation.send(&operation, answer, result),
        None => drop(answer.send(Err(Generation::retired()))),
    }
}

impl Generation {
    /// Gives the plugin's answer to whoever asked. One that comes after he has gone is counted.
    fn send(
        &self,
        operation: &str,
        answer: oneshot::Sender<Result<Reply, Failure>>,
        result: Result<Reply, Failure>,
    ) {
        if answer.send(result).is_err() {
            self.late.fetch_add(1, Ordering::Relaxed);
            debug!(origin = &*self.origin, operation, "an answer came after its caller had gone");
        }
    }
}
