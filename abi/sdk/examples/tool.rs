// A tool that rolls a die for a model, a person or another plugin.

use loader_sdk::prelude::*;

/// What it takes. A model goes by these comments, and the host checks what it sends.
#[arguments]
struct Roll {
    /// How many sides the die has, from 2 to 1000.
    sides: u64,
}

struct Dice {
    host: Host,
}

impl Plugin for Dice {
    type Config = NoConfig;

    async fn start(host: Host, _: NoConfig) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Tool for Dice {
    async fn describe(&self, _: Call) -> Result<ToolDescription> {
        Ok(describe_tool::<Roll>("Rolls a die once and says which side came up."))
    }

    async fn call(&self, _: Call, request: CallTool) -> Result<ToolAnswer> {
        let Roll { sides } = arguments_of(&request)?;
        // What the caller can do better is an answer: a model reads it and tries again.
        if !(2..=1000).contains(&sides) {
            return Ok(ToolAnswer::failed(format!("there is no die of {sides} sides")));
        }
        // Good enough for a game, and for nothing else.
        let seed = self.host.now().await?.unix_ms.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Ok(ToolAnswer::done(format!("{}", (seed >> 32) % sides + 1)))
    }
}

export_plugin! {
    plugin: Dice,
    id: "dice",
    provides: [tool: "roll"],
}
