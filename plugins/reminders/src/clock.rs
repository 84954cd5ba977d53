//! The clock: says what is due, in the order in which it is.

use crate::{Reminders, book::Reminder};
use loader_sdk::{
    class,
    futures::future::{poll_fn, select},
    prelude::*,
};
use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

/// After how long it is tried again to say what could not be said.
const AGAIN_MS: u64 = 30_000;

/// The longest sleep: whoever sets the machine's time is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

/// Whether the clock runs, and that there is something new to look at.
#[derive(Default)]
pub(crate) struct Clock(Mutex<State>);

#[derive(Default)]
struct State {
    running: bool,
    news: bool,
    waiting: Option<Waker>,
}

impl Clock {
    /// It runs from now on, or stands.
    pub(crate) fn run(&self, running: bool) {
        self.change(|state| state.running = running);
    }

    pub(crate) fn runs(&self) -> bool {
        self.lock().running
    }

    /// There is something new to look at.
    pub(crate) fn look(&self) {
        self.change(|state| state.news = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting = state.waiting.take();
        // A waker may do anything, so it is called without the lock.
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until it is so.
    async fn until(&self, mut is_so: impl FnMut(&mut State) -> bool) {
        poll_fn(|context| {
            let mut state = self.lock();
            if is_so(&mut state) {
                return Poll::Ready(());
            }
            state.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reminders {
    /// Says what is due, whenever the clock runs.
    pub(crate) async fn keep_time(&self) {
        loop {
            self.clock.until(|state| state.running).await;
            let wait = self.look().await.unwrap_or_else(|error| {
                let message = error.message();
                warn!(code = error.code(), "cannot look what is due: {message}");
                Duration::from_millis(AGAIN_MS)
            });
            let news = self.clock.until(|state| {
                let stands = !state.running;
                std::mem::take(&mut state.news) || stands
            });
            select(pin!(news), pin!(self.host.sleep(wait))).await;
        }
    }

    /// Says everything that is due, and how long to wait for the next.
    async fn look(&self) -> Result<Duration> {
        loop {
            let now = self.host.now().await?.unix_ms;
            match self.book.first().await? {
                Some(due) if due.due_ms <= now && self.clock.runs() => self.say(&due, now).await?,
                Some(next) => {
                    let wait = Duration::from_millis(next.due_ms.saturating_sub(now));
                    return Ok(wait.min(LONGEST_SLEEP));
                }
                None => return Ok(LONGEST_SLEEP),
            }
        }
    }

    /// Says one, and crosses it out once it is said. What cannot be said now is put off; one that
    /// never can is dropped when the tidying comes to it.
    async fn say(&self, due: &Reminder, now: u64) -> Result<()> {
        let request = SendText {
            channel: due.channel.clone(),
            account: due.account.clone(),
            conversation: due.conversation.clone(),
            text: format!("Reminder: {}", due.text),
            reply_to: String::new(),
        };
        // Whoever says it in place of this, after a reload or a failure to cross it out, says the same.
        let key = format!("{}/{}", due.number, due.wanted_ms);
        match self.host.channels().send_once(&key, &request).await {
            Ok(_) => {
                self.book.remove(due).await?;
                info!(channel = due.channel, "said #{}", due.number);
                Ok(())
            }
            Err(error) => {
                let message = error.message();
                warn!(number = due.number, code = error.code(), "not said: {message}");
                let again = if error.class() == class::UNAVAILABLE { 1 } else { 20 };
                self.book.put_off(due, now + again * AGAIN_MS, message).await
            }
        }
    }
}
