// `loader words`: counts the words of its arguments, or of standard input.

use loader_sdk::prelude::*;

struct Words;

impl Plugin for Words {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl CliCommand for Words {
    // The arguments were checked by what the manifest says of them.
    async fn run_command(&self, _: Call, command: RunCommand, terminal: Terminal) -> Result<u8> {
        let text = match command.arguments.get("text") {
            Some(words) => words.join(" "),
            None => read(&terminal).await?,
        };
        let words = text.split_whitespace().count();
        if words == 0 && command.is_set("strict") {
            terminal.complain("there are no words\n").await?;
            return Ok(1);
        }
        terminal.print(format!("{words}\n")).await?;
        Ok(0)
    }
}

/// All of standard input, which the manifest asks for with `input = true`.
async fn read(terminal: &Terminal) -> Result<String> {
    let mut input = Vec::new();
    while let Some(piece) = terminal.read().await? {
        input.extend(piece);
    }
    Ok(String::from_utf8_lossy(&input).into_owned())
}

export_plugin! {
    plugin: Words,
    id: "words",
    provides: [cli_command: "words"],
}
