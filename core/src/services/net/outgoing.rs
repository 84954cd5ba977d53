//! What a connection still has to write.

use std::{collections::VecDeque, io};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// A queue of bytes, and the end after the last of them.
#[derive(Default)]
pub(super) struct Outgoing {
    queue: VecDeque<Vec<u8>>,
    /// How much of the first is written.
    written: usize,
    unflushed: bool,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// Nothing is to follow what is queued.
    Closing,
    /// The end is written, or nothing can be written any more.
    Closed,
}

impl Outgoing {
    /// Queues bytes. They are dropped when nothing can be written any more.
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() && self.state != State::Closed {
            self.queue.push_back(bytes);
        }
    }

    /// Asks for the end to be written after what is queued.
    pub(super) fn close(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
        }
    }

    /// Forgets everything: nothing can be written any more.
    pub(super) fn give_up(&mut self) {
        self.queue.clear();
        self.unflushed = false;
        self.state = State::Closed;
    }

    /// Whether the end was asked for.
    pub(super) fn is_closing(&self) -> bool {
        self.state != State::Open
    }

    /// Whether the end is written, or nothing can be written any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether there is work for [`advance`](Self::advance).
    pub(super) fn is_pending(&self) -> bool {
        !self.queue.is_empty() || self.unflushed || self.state == State::Closing
    }

    /// Does the next piece of work. Dropping the future loses nothing.
    pub(super) async fn advance(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        if let Some(first) = self.queue.front() {
            let count = writer.write(&first[self.written..]).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.unflushed = true;
            self.written += count;
            if self.written == first.len() {
                self.queue.pop_front();
                self.written = 0;
            }
        } else if self.unflushed {
            writer.flush().await?;
            self.unflushed = false;
        } else {
            writer.shutdown().await?;
            self.state = State::Closed;
        }
        Ok(())
    }

    /// Writes all that is left and the end.
    pub(super) async fn finish(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        self.close();
        while self.is_pending() {
            self.advance(writer).await?;
        }
        Ok(())
    }
}
