//! `loader chat`: talks to a model from the terminal.

mod command;
mod input;
mod transcript;

use std::io::{self, ErrorKind, IsTerminal};

use loader_contract::text_inference::{Message, Role, StreamEvent, code};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::input::Input;
use self::transcript::Transcript;
use super::call::asking;
use super::partner::Partner;
use crate::args::Chat;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::{CommandResult, Outcome, Output, unwritable};
use crate::signals::not_ours;

/// Has a conversation, of one turn or of as many as standard input has lines.
pub(super) fn chat(arguments: &Chat, context: &Context, output: &Output) -> CommandResult {
    asking(context, output, "chat", async |partner| {
        Conversation::new(arguments, partner, output)?.hold().await
    })
}

/// How one turn ended.
enum Turn {
    Answered(String),
    Failed(Finding),
    Cancelled,
}

struct Conversation<'a> {
    partner: &'a Partner,
    model: &'a str,
    once: Option<&'a str>,
    transcript: Transcript<'a>,
    messages: Vec<Message>,
    interrupt: Signal,
}

impl<'a> Conversation<'a> {
    fn new(arguments: &'a Chat, partner: &'a Partner, output: &'a Output) -> Result<Self, Finding> {
        let interrupt = signal(SignalKind::interrupt()).map_err(|error| not_ours(&error))?;
        // The partner's own default is meant when no model is named.
        let model = arguments.model.as_deref().unwrap_or_default();
        Ok(Self {
            partner,
            model,
            once: arguments.message.as_deref(),
            transcript: Transcript::new(output),
            messages: Vec::new(),
            interrupt,
        })
    }

    async fn hold(mut self) -> CommandResult {
        let held = match self.once {
            Some(message) => self.turn(message.to_owned()).await,
            None => self.turns().await,
        };
        match held {
            Ok(exit) => Ok(Outcome::Ended(exit)),
            // Whoever read the answers has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(Outcome::Ended(Exit::Success))
            }
            Err(error) => Err(unwritable(&error).into()),
        }
    }

    /// One turn for each line of standard input. The first failure decides how the program ends.
    async fn turns(&mut self) -> io::Result<Exit> {
        let is_conversation = io::stdin().is_terminal() && io::stderr().is_terminal();
        let mut input = Input::start();
        let mut exit = Exit::Success;
        if is_conversation {
            self.transcript.greet(&self.partner.describe(self.model));
        }
        loop {
            if is_conversation {
                self.transcript.prompt();
            }
            let line = tokio::select! {
                line = input.next() => line,
                _ = self.interrupt.recv() => {
                    self.transcript.note("\n");
                    return Ok(Exit::Interrupted);
                }
            };
            let ended = match line {
                None => {
                    if is_conversation {
                        self.transcript.note("\n");
                    }
                    return Ok(exit);
                }
                Some(Ok(line)) if line.trim().is_empty() => continue,
                Some(Ok(line)) => self.turn(line).await?,
                Some(Err(finding)) => {
                    self.transcript.failed(&finding)?;
                    return Ok(Exit::Failure);
                }
            };
            // In a conversation a cancelled answer is nothing out of the ordinary.
            match ended {
                Exit::Interrupted if is_conversation => {}
                Exit::Interrupted => return Ok(ended),
                _ if exit == Exit::Success => exit = ended,
                _ => {}
            }
        }
    }

    /// Says one thing and waits for the answer. What failed or was cancelled was never said, and a command
    /// of a plugin is nothing that a model is shown.
    async fn turn(&mut self, message: String) -> io::Result<Exit> {
        if let Some(exit) = self.command(&message).await? {
            return Ok(exit);
        }
        self.messages.push(Message::text(Role::User, message));
        let turn = match self.answer().await? {
            Turn::Answered(text) => {
                self.messages.push(Message::text(Role::Assistant, text));
                return Ok(Exit::Success);
            }
            turn => turn,
        };
        self.messages.pop();
        match turn {
            Turn::Failed(finding) => {
                // A plugin that did not start is often the reason that a model is not there.
                self.transcript.troubles(self.partner.troubles());
                self.transcript.failed(&finding)?;
                Ok(match &*finding.code {
                    code::MODEL_NOT_FOUND => Exit::NotFound,
                    _ => Exit::Failure,
                })
            }
            _ => {
                self.transcript.cancelled()?;
                Ok(Exit::Interrupted)
            }
        }
    }

    async fn answer(&mut self) -> io::Result<Turn> {
        self.transcript.begin(self.model)?;
        let opened = tokio::select! {
            opened = self.partner.stream(self.model, &self.messages) => opened,
            _ = self.interrupt.recv() => return Ok(Turn::Cancelled),
        };
        let mut pieces = match opened {
            Ok(pieces) => pieces,
            Err(finding) => return Ok(Turn::Failed(finding)),
        };
        let mut answer = String::new();
        loop {
            let piece = tokio::select! {
                piece = pieces.next() => piece,
                _ = self.interrupt.recv() => return Ok(Turn::Cancelled),
            };
            match piece {
                None => return Ok(Turn::Answered(answer)),
                Some(Err(finding)) => return Ok(Turn::Failed(finding)),
                Some(Ok(event)) => {
                    if let StreamEvent::Text { text } = &event {
                        answer.push_str(text);
                    }
                    self.transcript.piece(&event)?;
                }
            }
        }
    }
}
