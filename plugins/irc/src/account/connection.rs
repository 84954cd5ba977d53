//! One connection, from the first byte to the last.
//!
//! Once connected, several things happen side by side, and whichever ends first ends the
//! connection: listening, writing what waits, watching whether the other side is still there,
//! watching over the time registration takes, and leaving.

use super::{Account, Ending, Wish, inbox::Report, outbox::Job, say};
use crate::{
    command,
    framing::Framing,
    message::Message,
    pace::Pace,
    registration::Credentials,
    session::{Event, Session},
    settings::Secret,
    state::Talk,
};
use loader_sdk::contract::service::net::code;
use loader_sdk::{
    class,
    futures::{
        FutureExt,
        future::{Either, pending, select, select_all},
    },
    prelude::*,
    service::net::{Connect, Connection, Reader, Tls, Writer},
};
use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long a connection may take to open, TLS included.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// How long the server may take to let us in: some look for an ident server first.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(60);

/// After this long a silence the server is asked whether it is still there, and it has so long to
/// answer.
const SILENCE: Duration = Duration::from_secs(60);
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// How long the host keeps a connection that nobody holds: more than a reload takes.
const KEEP: Duration = Duration::from_secs(30);

/// How long the server may take to close the connection after our farewell.
const GRACE: Duration = Duration::from_secs(1);

/// Signs of life of the server.
#[derive(Default)]
struct Pulse {
    /// How often something was read.
    heard: AtomicU64,
    /// Whether the server let us in.
    registered: AtomicBool,
}

impl Account {
    /// Opens a connection, or takes up the conversation on the one that the host kept, and uses it until
    /// it ends. When the account is to rest, the conversation is left in `talk`.
    pub(super) async fn converse(&self, talk: &mut Option<Talk>) -> Ending {
        let opened = {
            let open = pin!(self.open(talk));
            match select(open, pin!(self.course.turns())).await {
                Either::Left((opened, _)) => opened,
                Either::Right((Wish::Leave, _)) => return Ending::Left,
                Either::Right(_) => return Ending::Rested,
            }
        };
        let (connection, mut session, mut framing, pace) = match opened {
            Ok(opened) => opened,
            Err(ending) => return ending,
        };
        let Connection { reader, writer, .. } = &*connection;
        self.outbox.open();
        let pulse = Pulse::default();
        pulse.registered.store(session.registered(), Ordering::Relaxed);
        let pace = Mutex::new(pace);
        // All but the first can be dropped wherever they wait: what they do, they do in one step.
        let parts = [
            self.listen(&mut session, &mut framing, reader, writer, &pulse).boxed(),
            self.write(writer, &pace).boxed(),
            self.watch(writer, &pulse).boxed(),
            self.watch_registration(&pulse).boxed(),
            self.leave_in_time().boxed(),
        ];
        let (ending, _, others) = select_all(parts).await;
        drop(others);
        if let Ending::Rested = ending {
            let pace = pace.into_inner().unwrap_or_else(PoisonError::into_inner);
            *talk = Some(Talk { standing: session.into_standing(), framing, pace });
        }
        ending
    }

    /// Opens the connection, or takes over the one that the host kept, and finds out where the
    /// conversation on it stands. This may be dropped wherever it waits: the talk is taken as soon as it
    /// is known whether it goes on, and before that nothing was done; and whoever ends the account or
    /// lets it rest finds the connection in the state.
    async fn open(
        &self,
        talk: &mut Option<Talk>,
    ) -> Result<(Arc<Connection>, Session, Framing, Pace), Ending> {
        let mut credentials = None;
        if !talk.as_ref().is_some_and(|talk| talk.standing.registered()) {
            credentials = Some(self.reveal().await?);
        }
        let mut connection = self.dial().await?;
        if connection.connected.adopted && talk.is_none() {
            // Nobody knows what was said on it.
            drop(connection);
            let _ = self.host.net().close(&self.connection_name()).await;
            connection = self.dial().await?;
        }
        let connection = Arc::new(connection);
        self.state.change(|state| state.connection = Some(connection.clone()));
        let peer = connection.connected.peer.as_str();
        match talk.take() {
            Some(Talk { standing, framing, pace }) if connection.connected.adopted => {
                debug!(account = self.name, peer, "the conversation goes on");
                let session = Session::resume(&self.name, &self.settings, standing, credentials);
                return Ok((connection, session, framing, pace));
            }
            Some(_) => self.lose_connection(),
            None => {}
        }
        let credentials = match credentials {
            Some(credentials) => credentials,
            None => self.reveal().await?,
        };
        info!(account = self.name, peer, "connected; registering");
        let session = Session::new(&self.name, &self.settings, credentials);
        Ok((connection, session, Framing::new(), Pace::new(self.settings.messages_per_second)))
    }

    /// The connection that the host kept was lost meanwhile, and another one is there already.
    fn lose_connection(&self) {
        let was_online = self.state.change(|state| {
            state.room = None;
            state.online_since_ns.take().is_some()
        });
        self.outbox.close();
        let detail = "the connection was lost while the plugin was reloaded";
        warn!(account = self.name, "{detail}");
        if was_online {
            self.become_state(AccountState::Disconnected, detail, None);
            self.become_state(AccountState::Reconnecting, detail, None);
        }
    }

    async fn dial(&self) -> Result<Connection, Ending> {
        let settings = &self.settings;
        let ca_file = settings.tls_ca_file.clone().unwrap_or_default();
        let request = Connect {
            name: self.connection_name(),
            host: settings.host.clone(),
            port: settings.port(),
            tls: settings.tls.then(|| Tls { server_name: String::new(), ca_file }),
            timeout_ms: u64::try_from(CONNECT_PATIENCE.as_millis()).unwrap_or_default(),
            keep_ms: u64::try_from(KEEP.as_millis()).unwrap_or_default(),
        };
        // A refused certificate may be renewed; other refusals need another configuration.
        self.host.net().connect(&request).await.map_err(|error| match error.code() {
            code::CERTIFICATE => Ending::Lost(error.message().to_owned()),
            _ => ending_of(&error),
        })
    }

    async fn reveal(&self) -> Result<Credentials, Ending> {
        let settings = &self.settings;
        let password = match &settings.password {
            Some(password) => Some(self.reveal_secret("password", password).await?),
            None => None,
        };
        let sasl = match &settings.sasl {
            Some(sasl) => {
                let account = sasl.account.clone().unwrap_or_else(|| settings.nick.clone());
                Some((account, self.reveal_secret("sasl.password", &sasl.password).await?))
            }
            None => None,
        };
        let or_nick = |name: &Option<String>| name.clone().unwrap_or_else(|| settings.nick.clone());
        Ok(Credentials {
            nick: settings.nick.clone(),
            username: or_nick(&settings.username),
            realname: or_nick(&settings.realname),
            password,
            sasl,
        })
    }

    async fn reveal_secret(&self, key: &str, secret: &Secret) -> Result<String, Ending> {
        let revealed = self.host.reveal(secret.reference()).await.map_err(|e| ending_of(&e))?;
        if revealed.is_empty() || !command::is_trailing(&revealed) {
            return Err(Ending::Failed(format!("`{key}` must be one line of text")));
        }
        Ok(revealed)
    }

    /// Reads, and does what follows from it, until the account is to rest and everything that was read
    /// has had its consequences.
    async fn listen(
        &self,
        session: &mut Session,
        framing: &mut Framing,
        reader: &Reader,
        writer: &Writer,
        pulse: &Pulse,
    ) -> Ending {
        for line in session.begin() {
            if let Err(error) = say(writer, &line).await {
                return lost(session, error.message());
            }
        }
        loop {
            // Rest comes first: what is not read then is kept for whoever goes on.
            let read = match select(pin!(self.course.rests()), pin!(reader.read())).await {
                Either::Left(_) => return Ending::Rested,
                Either::Right((read, _)) => read,
            };
            let bytes = match read {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return lost(session, "the server closed the connection"),
                Err(error) => return lost(session, error.message()),
            };
            pulse.heard.fetch_add(1, Ordering::Relaxed);
            let dropped_before = framing.dropped();
            for line in framing.lines(&bytes) {
                let Some(message) = Message::parse(&line) else { continue };
                for event in session.receive(&message) {
                    if let Err(ending) = self.follow(event, session, writer).await {
                        return ending;
                    }
                }
                self.publish(session).await;
            }
            pulse.registered.store(session.registered(), Ordering::Relaxed);
            self.count_overlong(framing.dropped() - dropped_before);
        }
    }

    /// Does what follows from a message.
    async fn follow(&self, event: Event, session: &Session, writer: &Writer) -> Result<(), Ending> {
        match event {
            Event::Send(line) => {
                let said = say(writer, &line).await;
                return said.map_err(|error| lost(session, error.message()));
            }
            Event::Queue(lines) => {
                // Refused only while the connection is being given up.
                let _ = self.outbox.push(Job::unattended(lines));
            }
            Event::Offer(line) => {
                let _ = self.outbox.offer(line);
            }
            Event::Deliver(mut message) => {
                if message.timestamp_ms == 0 {
                    message.timestamp_ms = self.host.now().await.unwrap_or_default().unix_ms;
                }
                self.inbox.push(Report::Message(message));
            }
            Event::Refused(refusal) if refusal.permanent => {
                return Err(Ending::Failed(refusal.detail));
            }
            Event::Refused(refusal) => return Err(Ending::Lost(refusal.detail)),
        }
        Ok(())
    }

    /// Lets others know what is true now.
    async fn publish(&self, session: &Session) {
        if !session.online() {
            return;
        }
        if self.state.look(|state| state.online_since_ns.is_none()) {
            let now = self.host.now().await.unwrap_or_default();
            self.state.change(|state| state.online_since_ns = Some(now.monotonic_ns));
            info!(account = self.name, nick = session.nick(), "online");
        }
        self.state.change(|state| state.room = Some(session.room()));
        self.set_status(|status| {
            status.state = AccountState::Connected;
            status.identity = session.nick().to_owned();
            status.detail = session.detail();
            status.retry_in_ms = None;
        });
    }

    fn count_overlong(&self, dropped: u64) {
        if dropped > 0 {
            warn!(account = self.name, dropped, "lines of the server were too long and dropped");
            self.state.change(|state| state.overlong_lines += dropped);
        }
    }

    /// Writes what waits, at the pace of flood control.
    async fn write(&self, writer: &Writer, pace: &Mutex<Pace>) -> Ending {
        loop {
            let line = self.outbox.line().await;
            let mut next = *pace.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(now) = self.host.now().await {
                let wait = next.next(now.monotonic_ns);
                if !wait.is_zero() {
                    self.host.sleep(wait).await;
                }
            }
            if let Err(error) = say(writer, &line).await {
                return Ending::Lost(error.message().to_owned());
            }
            // In one step with the writing, so that no line is said twice and none is left out.
            *pace.lock().unwrap_or_else(PoisonError::into_inner) = next;
            self.outbox.written();
        }
    }

    /// Asks a silent server whether it is still there.
    async fn watch(&self, writer: &Writer, pulse: &Pulse) -> Ending {
        loop {
            let before = pulse.heard.load(Ordering::Relaxed);
            self.host.sleep(SILENCE).await;
            if pulse.heard.load(Ordering::Relaxed) != before {
                continue;
            }
            // A line that is not taken in time is no answer either.
            let asked = say(writer, "PING :loader-alive");
            let _ = self.host.timeout(ANSWER_PATIENCE, asked).await;
            self.host.sleep(ANSWER_PATIENCE).await;
            if pulse.heard.load(Ordering::Relaxed) == before {
                return Ending::Lost("the server does not answer any more".into());
            }
        }
    }

    async fn watch_registration(&self, pulse: &Pulse) -> Ending {
        self.host.sleep(REGISTRATION_PATIENCE).await;
        if pulse.registered.load(Ordering::Relaxed) {
            return pending().await;
        }
        let seconds = REGISTRATION_PATIENCE.as_secs();
        Ending::Lost(format!("the server did not let the account in within {seconds} s"))
    }

    /// Once the account is to end, leaves the server a moment to read the farewell and hang up.
    async fn leave_in_time(&self) -> Ending {
        self.course.leaves().await;
        self.host.sleep(GRACE).await;
        Ending::Left
    }
}

/// The connection broke: the server's own last words say more than the network's.
fn lost(session: &Session, detail: &str) -> Ending {
    match session.last_error() {
        "" => Ending::Lost(detail.to_owned()),
        words => Ending::Lost(format!("the server closed the connection: {words}")),
    }
}

/// Whether trying again makes sense after an error of the host.
fn ending_of(error: &Error) -> Ending {
    let detail = error.message().to_owned();
    match error.class() {
        class::INVALID | class::NOT_FOUND | class::FORBIDDEN | class::UNIMPLEMENTED => {
            Ending::Failed(detail)
        }
        _ => Ending::Lost(detail),
    }
}
