//! A stream as whoever opened it has it.

use super::{limits::OwnedPlace, served::Served};
use crate::{
    message::{Failure, Message},
    reload::canary::Behind,
    stream::StreamEnd,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::coop::consume_budget;

/// A stream to a plugin, or to a service of the host's.
pub struct OpenStream {
    /// The head of the answer.
    pub head: Message,
    /// The caller's side. Dropping its receiver cancels the plugin's handling.
    pub end: StreamEnd,
    /// The plugin that answers; nobody where the host does.
    pub(crate) answering: Option<Answering>,
}

/// The plugin that answers a stream.
pub(crate) struct Answering {
    /// A place among the plugin's calls.
    pub(super) place: OwnedPlace<Served>,
    pub(super) operation: Arc<str>,
    pub(super) generation: u64,
    /// Who stands behind the generation, if it is watched.
    pub(super) watched: Option<Arc<Behind>>,
    /// Whether something was wrong with it.
    pub(super) failed: AtomicBool,
}

impl OpenStream {
    /// The next message; `None` when all was said.
    pub async fn receive(&self) -> Option<Result<Message, Failure>> {
        // Who sends without a pause must not keep the thread for ever.
        consume_budget().await;
        match self.end.receiver.receive().await {
            Ok(message) => Some(Ok(message)),
            Err(end) => {
                let failure = end.into_failure()?;
                if let Some(answering) = &self.answering {
                    answering.fail(&failure);
                }
                Some(Err(failure))
            }
        }
    }

    /// What is wrong with what came, or with what did not come: the failure names the plugin that answers
    /// and its operation, and counts against it.
    pub fn accuse(&self, failure: Failure) -> Failure {
        let Some(answering) = &self.answering else { return failure };
        if let Some(watched) = &answering.watched
            && failure.is_own_fault()
        {
            watched.note_failure();
        }
        answering.fail(&failure);
        failure.of_plugin(&answering.place.owner().id, &answering.operation)
    }
}

impl Answering {
    fn fail(&self, failure: &Failure) {
        self.failed.store(true, Ordering::Relaxed);
        self.place.owner().stream_failed(self.generation, failure.class);
    }
}

impl Drop for Answering {
    /// Whoever lets a stream go and has not complained was served.
    fn drop(&mut self) {
        if !*self.failed.get_mut() {
            self.place.owner().stream_passed(self.generation);
        }
    }
}
