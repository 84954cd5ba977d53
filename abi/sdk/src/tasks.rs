//! Background tasks without a runtime: they live in the plugin's one long `run` call.

use crate::{
    Result,
    current::Current,
    guard::{self, Guarded},
};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered, task::AtomicWaker};
use std::{
    future::{Future, poll_fn},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

type Task = BoxFuture<'static, ()>;

/// The tasks of one plugin.
#[derive(Default)]
pub(crate) struct Tasks {
    incoming: Mutex<Vec<Task>>,
    waker: AtomicWaker,
    running: AtomicUsize,
    closed: AtomicBool,
}

impl Tasks {
    /// Adds a task. After the plugin stopped it is dropped at once.
    pub(crate) fn spawn(&self, current: Current, task: impl Future<Output = ()> + Send + 'static) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let guarded = Guarded::new(current, async move {
            task.await;
            Result::Ok(())
        });
        let task: Task = Box::pin(async move {
            let _ = guarded.await;
        });
        self.incoming.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(task);
        self.waker.wake();
    }

    /// How many tasks are running.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Drives every task until it is dropped, which drops them all.
    pub(crate) async fn drive(&self) {
        let mut tasks = FuturesUnordered::new();
        poll_fn(|context| {
            self.waker.register(context.waker());
            loop {
                tasks.extend(std::mem::take(
                    &mut *self.incoming.lock().unwrap_or_else(|poisoned| poisoned.into_inner()),
                ));
                self.running.store(tasks.len(), Ordering::Relaxed);
                match tasks.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => {
                        let more = !self
                            .incoming
                            .lock()
                            .unwrap_or_else(|poisoned| poisoned.into_inner())
                            .is_empty();
                        if !more {
                            return Poll::<()>::Pending;
                        }
                    }
                }
            }
        })
        .await;
    }

    /// Drops what was not started and refuses what comes.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let rest = std::mem::take(
            &mut *self.incoming.lock().unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
        let _ = guard::catch(|| drop(rest));
        self.running.store(0, Ordering::Relaxed);
    }
}
