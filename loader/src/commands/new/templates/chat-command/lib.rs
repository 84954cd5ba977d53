//! `/{{name}} 2d6` rolls dice in every chat.

use loader_sdk::{contract::chat_command::ChatCommand as Written, prelude::*};

#[cfg(test)]
mod tests;

struct Dice {
    host: Host,
}

impl Plugin for Dice {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl ChatCommand for Dice {
    async fn answer(&self, _: Call, command: Written) -> Result<ChatReply> {
        let text = match parse(&command.arguments) {
            None => "how many dice of how many sides? 2d6, for example".to_owned(),
            Some((count, sides)) => {
                let seed = self.host.now().await?.unix_ms;
                let rolled = roll(seed, count, sides);
                let rolled: Vec<_> = rolled.iter().map(u64::to_string).collect();
                rolled.join(", ")
            }
        };
        Ok(ChatReply { text })
    }
}

/// How many dice of how many sides; one of six if nothing is said.
fn parse(arguments: &str) -> Option<(u64, u64)> {
    if arguments.is_empty() {
        return Some((1, 6));
    }
    let (count, sides) = arguments.split_once('d')?;
    let dice = (count.trim().parse().ok()?, sides.trim().parse().ok()?);
    ((1..=100).contains(&dice.0) && (2..=1000).contains(&dice.1)).then_some(dice)
}

/// Good enough for a game, and for nothing else.
fn roll(mut seed: u64, count: u64, sides: u64) -> Vec<u64> {
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % sides + 1
    };
    (0..count).map(|_| next()).collect()
}

export_plugin! {
    plugin: Dice,
    id: "{{name}}",
    provides: [chat_command: "{{name}}"],
}
