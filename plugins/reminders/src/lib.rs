//! Says things later: `/remind 10m tea` in any chat, `loader reminders` on the command line.
//!
//! | file | idea |
//! | --- | --- |
//! | `wish`, `when` | what somebody wants, and spans of time as people write them |
//! | `book` | the reminders, durable, by when they were wanted |
//! | `clock` | says what is due |

mod book;
mod clock;
mod when;
mod wish;

use crate::{
    book::{Book, Reminder},
    clock::Clock,
    wish::Wish,
};
use loader_sdk::{
    contract::{
        background_service::ServiceStatus, chat_command::ChatCommand as Command,
        scheduled_task::Run,
    },
    prelude::*,
};

/// How many reminders are kept, and for how long.
#[config]
pub struct Settings {
    /// The most reminders of one conversation.
    #[schemars(range(min = 1, max = 1000))]
    pub most: u32,
    /// For how many hours it is tried to say a reminder whose time has come.
    #[schemars(range(min = 1))]
    pub keep_hours: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { most: 50, keep_hours: 48 }
    }
}

struct Reminders {
    host: Host,
    settings: Settings,
    book: Book,
    clock: Clock,
}

impl Plugin for Reminders {
    type Config = Settings;

    async fn start(host: Host, settings: Settings) -> Result<Self> {
        Ok(Self { book: Book::new(host.clone()), host, settings, clock: Clock::default() })
    }

    /// The clock is here and in no task of its own: this stands still when a fresh generation takes over,
    /// so that two never run. What one was saying then is said again under the same key, which the channel
    /// knows.
    async fn run(&self) -> Result<()> {
        self.keep_time().await;
        Ok(())
    }
}

impl BackgroundService for Reminders {
    async fn start_service(&self, _: Call) -> Result<()> {
        self.clock.run(true);
        Ok(())
    }

    async fn stop_service(&self, _: Call) -> Result<()> {
        self.clock.run(false);
        Ok(())
    }

    async fn service_status(&self, _: Call) -> Result<ServiceStatus> {
        let now = self.host.now().await?.unix_ms;
        let output = match (self.clock.runs(), self.book.first().await?) {
            (false, _) => "the clock stands".to_owned(),
            (true, None) => "nothing is due".to_owned(),
            (true, Some(next)) => {
                format!("the next is due in {}", when::write(next.due_ms.saturating_sub(now)))
            }
        };
        Ok(ServiceStatus { output })
    }
}

impl ScheduledTask for Reminders {
    /// Drops reminders that could not be said for long.
    async fn run_task(&self, _: Call, _: Run) -> Result<RunReport> {
        let now = self.host.now().await?.unix_ms;
        let keep_ms = self.settings.keep_hours.saturating_mul(3_600_000);
        let mut dropped = 0;
        for old in self.book.all().await? {
            if old.wanted_ms.saturating_add(keep_ms) < now && self.book.remove(&old).await? {
                warn!(number = old.number, trouble = old.trouble, "dropped: it could not be said");
                dropped += 1;
            }
        }
        Ok(RunReport { output: format!("dropped {dropped}") })
    }
}

/// How the command is written.
const USAGE: &str = "write /remind 10m tea, /remind list or /remind cancel 3";

impl ChatCommand for Reminders {
    async fn answer(&self, _: Call, command: Command) -> Result<ChatReply> {
        let Command { arguments, channel, account, conversation, .. } = command;
        let place = Reminder { channel, account, conversation, ..Reminder::default() };
        // Whoever writes in a chat is told how it is written.
        let text = match Wish::read(&arguments) {
            Ok(wish) => self.grant(wish, place).await?,
            Err(error) => format!("{}; {USAGE}", error.message()),
        };
        Ok(ChatReply { text })
    }
}

impl CliCommand for Reminders {
    async fn run_command(&self, _: Call, command: RunCommand, terminal: Terminal) -> Result<u8> {
        let words = command.arguments.get("words").map(Vec::as_slice).unwrap_or_default();
        let wish = match (command.value("action").unwrap_or("list"), words) {
            ("list", []) => {
                let all = self.book.all().await?;
                let text = if command.json {
                    serde_json::to_string(&all)? + "\n"
                } else {
                    self.write(&all, true).await?
                };
                terminal.print(text).await?;
                return Ok(0);
            }
            ("cancel", [number]) => Wish::cancel(number)?,
            ("add", [when, text @ ..]) => Wish::add(when, &text.join(" "))?,
            _ => {
                let hint = "loader reminders list | add WHEN TEXT… | cancel NUMBER";
                return Err(Error::invalid("bad_arguments", "that makes no sense").hint(hint));
            }
        };
        let value = |name| command.value(name).unwrap_or_default().to_owned();
        let place = Reminder {
            channel: value("channel"),
            account: value("account"),
            conversation: value("conversation"),
            ..Reminder::default()
        };
        let said = match wish {
            // An operator may cancel anybody's.
            Wish::Cancel { number } => self.cancel(number, |_| true).await?,
            wish => self.grant(wish, place).await?,
        };
        terminal.print(said + "\n").await?;
        Ok(0)
    }
}

impl Reminders {
    /// Does what somebody wants where they are, and says what was done.
    async fn grant(&self, wish: Wish, place: Reminder) -> Result<String> {
        match wish {
            Wish::Add { after, text } => {
                if ["", "cli"].contains(&place.channel.as_str()) || place.conversation.is_empty() {
                    return Err(Error::invalid("nowhere", "there is no channel to say it through")
                        .hint(
                            "ask in a channel, or name one: --channel irc --conversation '#tea'",
                        ));
                }
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                let due_ms = self.host.now().await?.unix_ms.saturating_add(after_ms);
                let reminder = Reminder { due_ms, wanted_ms: due_ms, text, ..place };
                let most = usize::try_from(self.settings.most).unwrap_or(usize::MAX);
                let Reminder { number, .. } = self.book.add(reminder, most).await?;
                self.clock.look();
                Ok(format!("I will say so in {} (#{number}).", when::write(after_ms)))
            }
            Wish::List => {
                let mut own = self.book.all().await?;
                own.retain(|one| one.is_of(&place.channel, &place.account, &place.conversation));
                if own.is_empty() {
                    return Ok("There are no reminders here.".to_owned());
                }
                Ok(self.write(&own, false).await?.trim_end().to_owned())
            }
            Wish::Cancel { number } => {
                let here =
                    |one: &Reminder| one.is_of(&place.channel, &place.account, &place.conversation);
                self.cancel(number, here).await
            }
        }
    }

    async fn cancel(&self, number: u64, may: impl Fn(&Reminder) -> bool) -> Result<String> {
        let all = self.book.all().await?;
        let wanted = all.iter().find(|one| one.number == number && may(one));
        let removed = match wanted {
            Some(wanted) => self.book.cancel(wanted).await?,
            None => false,
        };
        match removed {
            true => Ok(format!("Cancelled #{number}.")),
            false => Err(Error::not_found("no_such_reminder", format!("there is no #{number}"))
                .hint("`list` shows those that are there")),
        }
    }

    /// A line for each, with where it is said if that is not plain.
    async fn write(&self, reminders: &[Reminder], with_place: bool) -> Result<String> {
        let now = self.host.now().await?.unix_ms;
        let line = |one: &Reminder| {
            let Reminder { number, text, channel, account, conversation, trouble, .. } = one;
            let left = when::write(one.due_ms.saturating_sub(now));
            let place = match with_place {
                true => format!(" ({channel} {account} {conversation})"),
                false => String::new(),
            };
            let trouble = match trouble.is_empty() {
                true => String::new(),
                false => format!(" [not said yet: {trouble}]"),
            };
            format!("#{number} in {left}{place}: {text}{trouble}\n")
        };
        Ok(reminders.iter().map(line).collect())
    }
}

export_plugin! {
    plugin: Reminders,
    id: "reminders",
    provides: [
        chat_command: "remind",
        background_service: "reminders",
        scheduled_task: "reminders.tidy",
        cli_command: "reminders",
    ],
}
