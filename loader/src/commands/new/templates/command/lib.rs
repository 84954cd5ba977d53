//! `loader {{name}}`: turns text around.

use loader_sdk::prelude::*;

#[cfg(test)]
mod tests;

struct Mirror;

impl Plugin for Mirror {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl CliCommand for Mirror {
    async fn run_command(&self, _: Call, command: RunCommand, terminal: Terminal) -> Result<u8> {
        let text = match command.arguments.get("text") {
            Some(words) => words.join(" "),
            None => read(&terminal).await?,
        };
        if text.trim().is_empty() {
            terminal
                .complain("there is nothing to turn around\n")
                .await?;
            return Ok(1);
        }
        let turned = turn(text.trim(), command.is_set("shout"));
        terminal.print(format!("{turned}\n")).await?;
        Ok(0)
    }
}

/// All of standard input.
async fn read(terminal: &Terminal) -> Result<String> {
    let mut input = Vec::new();
    while let Some(piece) = terminal.read().await? {
        input.extend(piece);
    }
    Ok(String::from_utf8_lossy(&input).into_owned())
}

fn turn(text: &str, shout: bool) -> String {
    let turned: String = text.chars().rev().collect();
    if shout { turned.to_uppercase() } else { turned }
}

export_plugin! {
    plugin: Mirror,
    id: "{{name}}",
    provides: [cli_command: "{{name}}"],
}
