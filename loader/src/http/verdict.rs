//! The verdict that anybody may ask for, who has no token to show.
//!
//! To know it, plugins are asked. They are asked at most once a second, however many want to know and
//! however few wait for the answer: nobody without the token makes plugins work.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use loader_contract::health::HealthStatus;
use tokio::time::Instant;

use super::Backend;

/// For how long one question answers everybody.
const FRESH: Duration = Duration::from_secs(1);

/// One question, and its answer once it is there. Whoever waits carries it on.
type Question = Shared<BoxFuture<'static, HealthStatus>>;

/// The last question, and when it was asked.
#[derive(Default)]
pub(super) struct Verdict(Mutex<Option<(Instant, Question)>>);

impl Verdict {
    /// The last question if it is not a second old, or else another.
    pub(super) fn ask<B: Backend>(&self, backend: &Arc<B>) -> Question {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, question)) = &*last
            && asked.elapsed() < FRESH
        {
            return question.clone();
        }
        let backend = backend.clone();
        let question = async move { backend.health().await.status }.boxed().shared();
        *last = Some((Instant::now(), question.clone()));
        question
    }
}
