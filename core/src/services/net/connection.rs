//! One connection: the bytes of a socket as messages, both ways.

use super::{Address, broken, outgoing::Outgoing};
use crate::{
    message::{Failure, Message, Reply},
    services::{
        dial::Socket,
        loan::{Ended, Lent},
    },
    stream::End,
};
use loader_abi::{class, message_kind};
use loader_contract::service::net::{Connected, code};
use std::{future::pending, io, net::SocketAddr};
use tokio::io::{AsyncReadExt, ReadHalf, WriteHalf};

/// How much is read at once, which is the largest data message.
const READ_BYTES: usize = 16 * 1024;

pub(super) struct Connection {
    reader: ReadHalf<Box<dyn Socket>>,
    writer: WriteHalf<Box<dyn Socket>>,
    peer: SocketAddr,
    /// Where bytes are read to.
    piece: Vec<u8>,
    /// How the other side stopped sending.
    hung_up: Option<Result<(), Failure>>,
    outgoing: Outgoing,
    /// Why nothing can be written any more.
    write_error: Option<Failure>,
}

impl Connection {
    pub(super) fn new(socket: Box<dyn Socket>, peer: SocketAddr) -> Self {
        let (reader, writer) = tokio::io::split(socket);
        Self {
            reader,
            writer,
            peer,
            piece: Vec::with_capacity(READ_BYTES),
            hung_up: None,
            outgoing: Outgoing::default(),
            write_error: None,
        }
    }

    fn hear(&mut self, read: io::Result<usize>) -> Option<Message> {
        match read {
            Ok(0) => self.hung_up = Some(self.write_error.take().map_or(Ok(()), Err)),
            Ok(_) => {
                let message = Message::data(self.piece.clone());
                self.piece.clear();
                return Some(message);
            }
            Err(error) => self.hung_up = Some(Err(self.lost(&error))),
        }
        None
    }

    fn give_up(&mut self, error: &io::Error) {
        let failure = self.lost(error);
        match &mut self.hung_up {
            // What the other side said before it went may still be read.
            None => self.write_error = Some(failure),
            Some(how) => *how = Err(failure),
        }
        self.outgoing.give_up();
    }

    fn lost(&self, error: &io::Error) -> Failure {
        broken(&format!("the connection to {} broke off: {error}", self.peer))
    }
}

impl Lent for Connection {
    type Address = Address;

    fn held(name: &str) -> Failure {
        let message = format!("another stream holds the connection `{}`", name.escape_debug());
        let hint = "let go of that stream first, or close the connection with `net/1/close`";
        Failure::new(class::CONFLICT, code::HELD, message).hint(hint)
    }

    fn head(&self, adopted: bool) -> Result<Reply, Failure> {
        Reply::json(&Connected { peer: self.peer.to_string(), adopted })
    }

    async fn step(&mut self, reads: bool) -> Option<Message> {
        let reads = reads && self.hung_up.is_none();
        let writes = self.outgoing.is_pending();
        tokio::select! {
            read = self.reader.read_buf(&mut self.piece), if reads => self.hear(read),
            written = self.outgoing.advance(&mut self.writer), if writes => {
                if let Err(error) = written {
                    self.give_up(&error);
                }
                None
            }
            else => pending().await,
        }
    }

    fn queue(&mut self, message: Message) -> Result<(), Failure> {
        if message.kind == message_kind::DATA {
            self.outgoing.push(message.body);
        }
        Ok(())
    }

    fn hush(&mut self, end: &End) {
        if *end == End::Done {
            self.outgoing.close();
        }
    }

    fn is_sending(&self) -> bool {
        self.outgoing.is_pending()
    }

    fn is_parting(&self) -> bool {
        self.outgoing.is_closing()
    }

    fn ended(&self) -> Option<Ended> {
        Some(match self.hung_up.clone()? {
            Ok(()) if !self.outgoing.is_closed() => Ended::Silent,
            how => Ended::Gone(how),
        })
    }

    async fn part(mut self) {
        // Nobody is left to be told.
        let _ = self.outgoing.finish(&mut self.writer).await;
    }
}
