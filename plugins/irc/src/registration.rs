//! From a fresh connection to a registered client, as a pure state machine: a message goes in, lines
//! to send and an outcome come out.
//!
//! `CAP LS 302`, `PASS`, `NICK` and `USER` are said at once. What the server offers and we know is
//! requested; SASL PLAIN is done where it is configured; `CAP END` lets the server go on to `001`.
//! A server that knows no capabilities simply ignores them.

use crate::{command::line, message::Message};
use base64::{Engine, engine::general_purpose::STANDARD};
use loader_sdk::schemars;
use serde::{Deserialize, Serialize};

/// The capabilities that make a difference to us, besides `sasl`.
const WANTED: [&str; 3] = ["message-tags", "server-time", "chghost"];

/// A piece of a SASL answer, in bytes of Base64; a shorter one is the last.
const SASL_PIECE_BYTES: usize = 400;

/// How often another nick is tried.
const MAX_NICK_TRIES: usize = 8;

/// How many capabilities of a server are looked at.
const MAX_OFFERED: usize = 512;

/// Who we want to be. Secrets are revealed; there is no `Debug`.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The nick.
    pub nick: String,
    /// The user name.
    pub username: String,
    /// The name people see.
    pub realname: String,
    /// The server's password.
    pub password: Option<String>,
    /// The SASL account and its password.
    pub sasl: Option<(String, String)>,
}

/// Why the server does not let us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence without secrets.
    pub detail: String,
    /// Whether trying again makes no sense.
    pub permanent: bool,
}

/// Where registration stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Not there yet.
    #[default]
    Pending,
    /// The server welcomed us under this nick.
    Registered(String),
    /// The connection is of no use.
    Refused(Refusal),
}

/// What follows from a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Lines to send at once. They may hold secrets: never log them.
    pub send: Vec<String>,
    /// Where registration stands.
    pub outcome: Outcome,
}

/// How far capability negotiation is.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
enum Negotiation {
    Listing { offered: Vec<String> },
    Requested,
    Authenticating,
    Ended,
}

/// How far a registration is. Holds no secrets.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Progress {
    negotiation: Negotiation,
    authenticated: bool,
    nick_tries: usize,
}

/// One registration.
pub struct Registration {
    credentials: Credentials,
    progress: Progress,
}

impl Registration {
    /// Nothing said yet.
    pub fn new(credentials: Credentials) -> Self {
        let negotiation = Negotiation::Listing { offered: Vec::new() };
        let progress = Progress { negotiation, authenticated: false, nick_tries: 0 };
        Self::resume(credentials, progress)
    }

    /// Goes on where another one stopped.
    pub fn resume(credentials: Credentials, progress: Progress) -> Self {
        Self { credentials, progress }
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The first lines. They may hold secrets: never log them.
    pub fn begin(&self) -> Vec<String> {
        let credentials = &self.credentials;
        let mut lines = vec![line("CAP", &["LS", "302"], None)];
        if let Some(password) = &credentials.password {
            lines.push(line("PASS", &[], Some(password)));
        }
        lines.push(line("NICK", &[&credentials.nick], None));
        lines.push(line("USER", &[&credentials.username, "0", "*"], Some(&credentials.realname)));
        lines
    }

    /// Takes one message of the server.
    pub fn receive(&mut self, message: &Message) -> Step {
        match message.command.as_str() {
            "CAP" => self.negotiate(message),
            "AUTHENTICATE" => self.authenticate(message.param(0)),
            "903" | "907" => {
                self.progress.authenticated = true;
                self.end_negotiation()
            }
            "902" | "904" | "905" | "906" => {
                refuse(format!("the SASL login was refused: {}", message.text()), true)
            }
            "433" | "436" | "437" => self.try_another_nick(),
            "431" | "432" => self.nick_is_erroneous(message),
            "464" => wrong_password(message),
            // Some servers say it only when they hang up.
            "ERROR" if message.text().to_ascii_lowercase().contains("password") => {
                wrong_password(message)
            }
            "465" => refuse(format!("banned from the server: {}", message.text()), true),
            "001" => self.welcome(message.param(0)),
            _ => Step::default(),
        }
    }

    fn negotiate(&mut self, message: &Message) -> Step {
        let words = message.text().split_ascii_whitespace();
        match (message.param(1).to_ascii_uppercase().as_str(), &mut self.progress.negotiation) {
            ("LS", Negotiation::Listing { offered }) => {
                let room = MAX_OFFERED.saturating_sub(offered.len());
                offered.extend(words.take(room).map(str::to_owned));
                // An asterisk before the list says that more of it follows.
                if message.params.len() > 3 && message.param(2) == "*" {
                    return Step::default();
                }
                self.request()
            }
            ("ACK", Negotiation::Requested) => {
                if self.credentials.sasl.is_none() {
                    return self.end_negotiation();
                }
                self.progress.negotiation = Negotiation::Authenticating;
                say(line("AUTHENTICATE", &["PLAIN"], None))
            }
            ("NAK", Negotiation::Requested) if self.credentials.sasl.is_none() => {
                self.end_negotiation()
            }
            ("NAK", Negotiation::Requested) => no_sasl(),
            _ => Step::default(),
        }
    }

    /// Requests what is offered and wanted.
    fn request(&mut self) -> Step {
        let Negotiation::Listing { offered } = &self.progress.negotiation else {
            return Step::default();
        };
        let named = |capability: &str| {
            let name = |one: &String| one.split('=').next() == Some(capability);
            offered.iter().find(|one| name(one))
        };
        let mut wanted: Vec<&str> = WANTED.into_iter().filter(|one| named(one).is_some()).collect();
        if self.credentials.sasl.is_some() {
            let Some(sasl) = named("sasl") else { return no_sasl() };
            let mechanisms = sasl.split_once('=').map(|(_, mechanisms)| mechanisms);
            let offers_plain = |mechanisms: &str| {
                mechanisms.split(',').any(|mechanism| mechanism.eq_ignore_ascii_case("PLAIN"))
            };
            if !mechanisms.is_none_or(offers_plain) {
                return refuse("the server offers SASL, but not the mechanism PLAIN".into(), true);
            }
            wanted.push("sasl");
        }
        if wanted.is_empty() {
            return self.end_negotiation();
        }
        self.progress.negotiation = Negotiation::Requested;
        say(line("CAP", &["REQ"], Some(&wanted.join(" "))))
    }

    fn authenticate(&self, challenge: &str) -> Step {
        match (&self.progress.negotiation, &self.credentials.sasl) {
            (Negotiation::Authenticating, Some((account, password))) if challenge == "+" => {
                Step { send: sasl_plain(account, password), ..Step::default() }
            }
            _ => Step::default(),
        }
    }

    fn end_negotiation(&mut self) -> Step {
        match std::mem::replace(&mut self.progress.negotiation, Negotiation::Ended) {
            Negotiation::Ended => Step::default(),
            _ => say(line("CAP", &["END"], None)),
        }
    }

    fn try_another_nick(&mut self) -> Step {
        self.progress.nick_tries += 1;
        if self.progress.nick_tries > MAX_NICK_TRIES {
            return refuse("the nick and its variants are all in use".into(), false);
        }
        let nick = format!("{}{}", self.credentials.nick, "_".repeat(self.progress.nick_tries));
        say(line("NICK", &[&nick], None))
    }

    /// A nick that the operator chose is wrong for good; one that we made up is too long here, and
    /// the chosen one may be free later.
    fn nick_is_erroneous(&self, message: &Message) -> Step {
        let permanent = self.progress.nick_tries == 0;
        let what = if permanent { "the nick is not allowed" } else { "the nick is in use" };
        refuse(format!("{what}: {}", message.text()), permanent)
    }

    fn welcome(&self, nick: &str) -> Step {
        if self.credentials.sasl.is_some() && !self.progress.authenticated {
            return no_sasl();
        }
        let nick = if nick.is_empty() { &self.credentials.nick } else { nick };
        Step { outcome: Outcome::Registered(nick.to_owned()), ..Step::default() }
    }
}

fn say(line: String) -> Step {
    Step { send: vec![line], outcome: Outcome::Pending }
}

fn refuse(detail: String, permanent: bool) -> Step {
    Step { send: Vec::new(), outcome: Outcome::Refused(Refusal { detail, permanent }) }
}

fn wrong_password(message: &Message) -> Step {
    refuse(format!("the server's password is wrong: {}", message.text()), true)
}

/// Networks withdraw SASL while their services are down, so it may come back.
fn no_sasl() -> Step {
    refuse("the server does not offer SASL now, and the account must not go without".into(), false)
}

/// The lines that answer `AUTHENTICATE +` of the mechanism PLAIN. A last piece of full length is
/// followed by an empty one.
fn sasl_plain(account: &str, password: &str) -> Vec<String> {
    let encoded = STANDARD.encode(format!("\0{account}\0{password}"));
    let mut lines = Vec::new();
    let mut rest = encoded.as_str();
    loop {
        let (piece, after) = rest.split_at(rest.len().min(SASL_PIECE_BYTES));
        lines.push(line("AUTHENTICATE", &[if piece.is_empty() { "+" } else { piece }], None));
        if piece.len() < SASL_PIECE_BYTES {
            return lines;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests;
