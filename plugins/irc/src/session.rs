//! One connection's conversation with the server, as a pure state machine: registering, joining,
//! online. A message goes in, events come out; what is true now can be asked at any time.

use crate::{
    command::line,
    inbound::{Ears, Heard},
    isupport::Isupport,
    message::Message,
    registration::{self, Credentials, Outcome, Refusal, Registration},
    settings::AccountSettings,
    split::Room,
};
use loader_sdk::{contract::channel::InboundMessage, schemars};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The token of the PING behind the first JOINs. Servers answer in order, so its PONG says that
/// every JOIN has been answered.
const READY: &str = "loader-ready";

/// The longest user name and host name that servers make of us, assumed until our own source is
/// seen.
const ASSUMED_USER_BYTES: usize = 32;
const ASSUMED_HOST_BYTES: usize = 64;

/// What follows from a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A line to send at once. It may hold secrets: never log it.
    Send(String),
    /// Lines to send at the pace of flood control.
    Queue(Vec<String>),
    /// A line that may as well be left out when there is much to do.
    Offer(String),
    /// A message for the gateway. Its time is zero unless the server gave one.
    Deliver(Box<InboundMessage>),
    /// The connection is of no use.
    Refused(Refusal),
}

/// What was said so far, as far as it matters later. Holds no secrets.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
struct Known {
    /// Whether the first lines are said.
    begun: bool,
    online: bool,
    nick: String,
    /// Our source as others see it, once seen.
    source: Option<String>,
    isupport: Isupport,
    joined: BTreeSet<String>,
    /// The channels we should be in and are not, with the reason.
    absent: BTreeMap<String, String>,
    last_error: String,
}

/// Where a conversation stands, for whoever goes on with it. Holds no secrets.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Standing {
    /// Until the server welcomes us.
    registration: Option<registration::Progress>,
    #[serde(flatten)]
    known: Known,
}

impl Standing {
    /// Whether the server let us in: from then on no credentials are needed.
    pub fn registered(&self) -> bool {
        self.registration.is_none()
    }
}

/// One connection, from its first line to its last.
pub struct Session {
    account: String,
    settings: AccountSettings,
    /// Until the server welcomes us.
    registration: Option<Registration>,
    known: Known,
}

impl Session {
    /// A fresh connection of an account.
    pub fn new(account: &str, settings: &AccountSettings, credentials: Credentials) -> Self {
        Self {
            account: account.to_owned(),
            settings: settings.clone(),
            known: Known { nick: credentials.nick.clone(), ..Known::default() },
            registration: Some(Registration::new(credentials)),
        }
    }

    /// Goes on where another session of the account stopped. Credentials are needed until the server
    /// let us in.
    pub fn resume(
        account: &str,
        settings: &AccountSettings,
        standing: Standing,
        credentials: Option<Credentials>,
    ) -> Self {
        let registration = credentials.zip(standing.registration);
        Self {
            account: account.to_owned(),
            settings: settings.clone(),
            registration: registration
                .map(|(credentials, progress)| Registration::resume(credentials, progress)),
            known: standing.known,
        }
    }

    /// Where the conversation stands.
    pub fn into_standing(self) -> Standing {
        let registration = self.registration.map(|one| one.progress().clone());
        Standing { registration, known: self.known }
    }

    /// The first lines, once. They may hold secrets: never log them.
    pub fn begin(&mut self) -> Vec<String> {
        match &self.registration {
            Some(registration) if !std::mem::replace(&mut self.known.begun, true) => {
                registration.begin()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the server let us in.
    pub fn registered(&self) -> bool {
        self.registration.is_none()
    }

    /// Whether every channel was asked for as well, and answered.
    pub fn online(&self) -> bool {
        self.known.online
    }

    /// Our nick.
    pub fn nick(&self) -> &str {
        &self.known.nick
    }

    /// What the server said before it closed the connection, if it said anything.
    pub fn last_error(&self) -> &str {
        &self.known.last_error
    }

    /// What an operator should know although all is well: the channels we are not in.
    pub fn detail(&self) -> String {
        let absent =
            self.known.absent.iter().map(|(channel, why)| format!("not in {channel}: {why}"));
        absent.collect::<Vec<_>>().join("; ")
    }

    /// What fits into a line.
    pub fn room(&self) -> Room {
        let assumed =
            self.known.nick.len() + "!".len() + ASSUMED_USER_BYTES + "@".len() + ASSUMED_HOST_BYTES;
        let announced = self.known.isupport.line_bytes.unwrap_or(usize::MAX);
        Room {
            line_bytes: self.settings.max_line_bytes.min(announced),
            source_bytes: self.known.source.as_ref().map_or(assumed, String::len),
        }
    }

    /// Takes one message of the server.
    pub fn receive(&mut self, message: &Message) -> Vec<Event> {
        match message.command.as_str() {
            "PING" => return vec![Event::Send(line("PONG", &[], Some(message.text())))],
            "ERROR" => self.known.last_error = message.text().to_owned(),
            _ => {}
        }
        match &mut self.registration {
            Some(registration) => {
                let step = registration.receive(message);
                let mut events: Vec<Event> = step.send.into_iter().map(Event::Send).collect();
                match step.outcome {
                    Outcome::Pending => {}
                    Outcome::Refused(refusal) => events.push(Event::Refused(refusal)),
                    Outcome::Registered(nick) => events.extend(self.arrive(nick)),
                }
                events
            }
            None => self.receive_registered(message),
        }
    }

    /// The server welcomed us: ask how it shows us, and join.
    fn arrive(&mut self, nick: String) -> Vec<Event> {
        self.registration = None;
        self.known.nick = nick;
        let joins = self.settings.channels.iter().map(|channel| match &channel.key {
            Some(key) => line("JOIN", &[&channel.name, key.reference()], None),
            None => line("JOIN", &[&channel.name], None),
        });
        let mut lines: Vec<String> = joins.collect();
        lines.push(line("PING", &[], Some(READY)));
        vec![Event::Send(line("USERHOST", &[&self.known.nick], None)), Event::Queue(lines)]
    }

    fn receive_registered(&mut self, message: &Message) -> Vec<Event> {
        let mine = self.is_me(message.nick());
        if mine && message.source.contains('!') {
            self.known.source = Some(message.source.clone());
        }
        match message.command.as_str() {
            "PRIVMSG" => return self.hear(message),
            "005" => self.known.isupport.read(message),
            "PONG" if message.text() == READY => self.known.online = true,
            "JOIN" if mine => self.join(message.param(0)),
            "PART" if mine => self.leave(message.param(0), "left".into()),
            "KICK" if self.is_me(message.param(1)) => {
                let why = format!("kicked by {}: {}", message.nick(), message.text());
                self.leave(message.param(0), why);
            }
            "NICK" if mine => self.become_nick(message.param(0)),
            "CHGHOST" if mine => self.become_host(message.param(0), message.param(1)),
            "302" => self.see_userhost(message.text()),
            "396" => self.see_host(message.param(1)),
            _ => self.see_failed_join(message),
        }
        Vec::new()
    }

    fn hear(&self, message: &Message) -> Vec<Event> {
        let ears = Ears {
            account: &self.account,
            nick: &self.known.nick,
            isupport: &self.known.isupport,
            joined: &self.known.joined,
            trigger: self.settings.trigger,
        };
        match ears.hear(message) {
            Heard::Nothing => Vec::new(),
            Heard::Message(message) => vec![Event::Deliver(message)],
            Heard::Reply(line) => vec![Event::Offer(line)],
        }
    }

    fn is_me(&self, nick: &str) -> bool {
        self.known.isupport.casemapping.same(nick, &self.known.nick)
    }

    fn fold(&self, name: &str) -> String {
        self.known.isupport.casemapping.fold(name)
    }

    fn join(&mut self, channel: &str) {
        let channel = self.fold(channel);
        self.known.absent.remove(&channel);
        self.known.joined.insert(channel);
    }

    fn leave(&mut self, channel: &str, why: String) {
        let channel = self.fold(channel);
        self.known.joined.remove(&channel);
        if self.should_be_in(&channel) {
            self.known.absent.insert(channel, why);
        }
    }

    fn should_be_in(&self, folded: &str) -> bool {
        self.settings.channels.iter().any(|channel| self.fold(&channel.name) == folded)
    }

    /// Any error about a channel we asked to join, and are not in, is the answer to the JOIN.
    fn see_failed_join(&mut self, message: &Message) {
        let is_error = message.numeric().is_some_and(|number| (400..600).contains(&number));
        let channel = self.fold(message.param(1));
        if is_error && self.should_be_in(&channel) && !self.known.joined.contains(&channel) {
            self.known.absent.insert(channel, format!("{} ({})", message.text(), message.command));
        }
    }

    fn become_nick(&mut self, nick: &str) {
        let user_and_host = self.known.source.as_deref().and_then(|source| source.split_once('!'));
        self.known.source =
            user_and_host.map(|(_, user_and_host)| format!("{nick}!{user_and_host}"));
        self.known.nick = nick.to_owned();
    }

    fn become_host(&mut self, user: &str, host: &str) {
        self.known.source = Some(format!("{}!{user}@{host}", self.known.nick));
    }

    /// `396` names the host that others see from now on, on some servers with the user before it.
    fn see_host(&mut self, host: &str) {
        let host = host.rsplit('@').next().unwrap_or(host);
        let user = self.known.source.as_deref().and_then(|source| source.split_once('@'));
        self.known.source = user.map(|(nick_and_user, _)| format!("{nick_and_user}@{host}"));
    }

    /// The answer to USERHOST, `nick=+user@host`. Our own source in a message is better: the host
    /// given here may be one that nobody else sees.
    fn see_userhost(&mut self, text: &str) {
        let Some((nick, away_user_host)) = text.trim().split_once('=') else { return };
        if self.known.source.is_none() && self.is_me(nick.trim_end_matches('*')) {
            let user_and_host = away_user_host.trim_start_matches(['+', '-']);
            self.known.source = Some(format!("{}!{user_and_host}", self.known.nick));
        }
    }
}

#[cfg(test)]
mod tests;
