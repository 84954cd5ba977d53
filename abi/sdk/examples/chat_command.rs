// `/note` in any chat: remembers a text for that conversation, or says it again.

use loader_sdk::{contract::chat_command::ChatCommand as Written, prelude::*};

struct Notes {
    host: Host,
}

impl Plugin for Notes {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl ChatCommand for Notes {
    async fn answer(&self, _: Call, command: Written) -> Result<ChatReply> {
        let Written { arguments, channel, account, conversation, .. } = command;
        // No conversation hears of another's.
        let key = format!("{channel}/{account}/{conversation}");
        let text = if arguments.is_empty() {
            let note = self.host.kv().get(&key).await?;
            let note = note.map(|note| String::from_utf8_lossy(&note).into_owned());
            note.unwrap_or_else(|| "there is no note yet: /note buy milk".to_owned())
        } else {
            // An answer is for a chat: at most 16 KiB.
            let note: String = arguments.chars().take(1000).collect();
            self.host.kv().put(&key, note).await?;
            "noted".to_owned()
        };
        Ok(ChatReply { text })
    }
}

export_plugin! {
    plugin: Notes,
    id: "notes",
    provides: [chat_command: "note"],
}
