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

/// Where a conversation stands, for whoever goes on with it. Holds no secrets.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(crate = "schemars")]
pub struct Standing {
    begun: bool,
    /// Until the server welcomes us.
    registration: Option<registration::Progress>,
    online: bool,
    nick: String,
    source: Option<String>,
    isupport: Isupport,
    joined: BTreeSet<String>,
    absent: BTreeMap<String, String>,
    last_error: String,
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
    /// Whether the first lines are said.
    begun: bool,
    /// Until the server welcomes us.
    registration: Option<Registration>,
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

impl Session {
    /// A fresh connection of an account.
    pub fn new(account: &str, settings: &AccountSettings, credentials: Credentials) -> Self {
        Self {
            account: account.to_owned(),
            settings: settings.clone(),
            begun: false,
            nick: credentials.nick.clone(),
            registration: Some(Registration::new(credentials)),
            online: false,
            source: None,
            isupport: Isupport::default(),
            joined: BTreeSet::new(),
            absent: BTreeMap::new(),
            last_error: String::new(),
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
            begun: standing.begun,
            registration: registration
                .map(|(credentials, progress)| Registration::resume(credentials, progress)),
            online: standing.online,
            nick: standing.nick,
            source: standing.source,
            isupport: standing.isupport,
            joined: standing.joined,
            absent: standing.absent,
            last_error: standing.last_error,
        }
    }

    /// Where the conversation stands.
    pub fn into_standing(self) -> Standing {
        Standing {
            begun: self.begun,
            registration: self.registration.map(|one| one.progress().clone()),
            online: self.online,
            nick: self.nick,
            source: self.source,
            isupport: self.isupport,
            joined: self.joined,
            absent: self.absent,
            last_error: self.last_error,
        }
    }

    /// The first lines, once. They may hold secrets: never log them.
    pub fn begin(&mut self) -> Vec<String> {
        match &self.registration {
            Some(registration) if !std::mem::replace(&mut self.begun, true) => registration.begin(),
            _ => Vec::new(),
        }
    }

    /// Whether the server let us in.
    pub fn registered(&self) -> bool {
        self.registration.is_none()
    }

    /// Whether every channel was asked for as well, and answered.
    pub fn online(&self) -> bool {
        self.online
    }

    /// Our nick.
    pub fn nick(&self) -> &str {
        &self.nick
    }

    /// What the server said before it closed the connection, if it said anything.
    pub fn last_error(&self) -> &str {
        &self.last_error
    }

    /// What an operator should know although all is well: the channels we are not in.
    pub fn detail(&self) -> String {
        let absent = self.absent.iter().map(|(channel, why)| format!("not in {channel}: {why}"));
        absent.collect::<Vec<_>>().join("; ")
    }

    /// What fits into a line.
    pub fn room(&self) -> Room {
        let assumed =
            self.nick.len() + "!".len() + ASSUMED_USER_BYTES + "@".len() + ASSUMED_HOST_BYTES;
        let announced = self.isupport.line_bytes.unwrap_or(usize::MAX);
        Room {
            line_bytes: self.settings.max_line_bytes.min(announced),
            source_bytes: self.source.as_ref().map_or(assumed, String::len),
        }
    }

    /// Takes one message of the server.
    pub fn receive(&mut self, message: &Message) -> Vec<Event> {
        match message.command.as_str() {
            "PING" => return vec![Event::Send(line("PONG", &[], Some(message.text())))],
            "ERROR" => self.last_error = message.text().to_owned(),
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
        self.nick = nick;
        let joins = self.settings.channels.iter().map(|channel| match &channel.key {
            Some(key) => line("JOIN", &[&channel.name, key.reference()], None),
            None => line("JOIN", &[&channel.name], None),
        });
        let mut lines: Vec<String> = joins.collect();
        lines.push(line("PING", &[], Some(READY)));
        vec![Event::Send(line("USERHOST", &[&self.nick], None)), Event::Queue(lines)]
    }

    fn receive_registered(&mut self, message: &Message) -> Vec<Event> {
        let mine = self.is_me(message.nick());
        if mine && message.source.contains('!') {
            self.source = Some(message.source.clone());
        }
        match message.command.as_str() {
            "PRIVMSG" => return self.hear(message),
            "005" => self.isupport.read(message),
            "PONG" if message.text() == READY => self.online = true,
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
            nick: &self.nick,
            isupport: &self.isupport,
            joined: &self.joined,
            trigger: self.settings.trigger,
        };
        match ears.hear(message) {
            Heard::Nothing => Vec::new(),
            Heard::Message(message) => vec![Event::Deliver(message)],
            Heard::Reply(line) => vec![Event::Offer(line)],
        }
    }

    fn is_me(&self, nick: &str) -> bool {
        self.isupport.casemapping.same(nick, &self.nick)
    }

    fn fold(&self, name: &str) -> String {
        self.isupport.casemapping.fold(name)
    }

    fn join(&mut self, channel: &str) {
        let channel = self.fold(channel);
        self.absent.remove(&channel);
        self.joined.insert(channel);
    }

    fn leave(&mut self, channel: &str, why: String) {
        let channel = self.fold(channel);
        self.joined.remove(&channel);
        if self.should_be_in(&channel) {
            self.absent.insert(channel, why);
        }
    }

    fn should_be_in(&self, folded: &str) -> bool {
        self.settings.channels.iter().any(|channel| self.fold(&channel.name) == folded)
    }

    /// Any error about a channel we asked to join, and are not in, is the answer to the JOIN.
    fn see_failed_join(&mut self, message: &Message) {
        let is_error = message.numeric().is_some_and(|number| (400..600).contains(&number));
        let channel = self.fold(message.param(1));
        if is_error && self.should_be_in(&channel) && !self.joined.contains(&channel) {
            self.absent.insert(channel, format!("{} ({})", message.text(), message.command));
        }
    }

    fn become_nick(&mut self, nick: &str) {
        let user_and_host = self.source.as_deref().and_then(|source| source.split_once('!'));
        self.source = user_and_host.map(|(_, user_and_host)| format!("{nick}!{user_and_host}"));
        self.nick = nick.to_owned();
    }

    fn become_host(&mut self, user: &str, host: &str) {
        self.source = Some(format!("{}!{user}@{host}", self.nick));
    }

    /// `396` names the host that others see from now on, on some servers with the user before it.
    fn see_host(&mut self, host: &str) {
        let host = host.rsplit('@').next().unwrap_or(host);
        let user = self.source.as_deref().and_then(|source| source.split_once('@'));
        self.source = user.map(|(nick_and_user, _)| format!("{nick_and_user}@{host}"));
    }

    /// The answer to USERHOST, `nick=+user@host`. Our own source in a message is better: the host
    /// given here may be one that nobody else sees.
    fn see_userhost(&mut self, text: &str) {
        let Some((nick, away_user_host)) = text.trim().split_once('=') else { return };
        if self.source.is_none() && self.is_me(nick.trim_end_matches('*')) {
            let user_and_host = away_user_host.trim_start_matches(['+', '-']);
            self.source = Some(format!("{}!{user_and_host}", self.nick));
        }
    }
}

#[cfg(test)]
mod tests;
