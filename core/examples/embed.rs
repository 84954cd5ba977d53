//! Embeds the engine in a program that has a contract of its own, without the gateway.
//!
//! The contract is `shout/1`. It has one method, `shout`, which takes a JSON string and answers with
//! a louder one. The engine has never heard of it; that this program and its plugins agree is enough.
//! `tests/fixtures/shout` is such a plugin, in thirty lines.
//!
//! ```sh
//! cargo run --release -p loader-core --example embed -- FOLDER_OF_PLUGINS "hello there"
//! ```
#![expect(clippy::print_stdout, reason = "an example program talks to the terminal")]

use loader_core::{
    CallOptions, Engine, Options,
    discovery::{Origin, Root},
    message::{Metadata, from_json},
};
use std::{env, error::Error, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let plugins = arguments.next().ok_or("usage: embed FOLDER_OF_PLUGINS [TEXT]")?;
    let text = arguments.next().unwrap_or_else(|| "hello there".into());

    // Where the engine keeps its private copies, and where it looks for plugins.
    let state = tempfile::tempdir()?;
    let root = Root { path: plugins.into(), origin: Origin::Config, required: true };
    let mut options = Options::new(state.path().into(), vec![root]);
    options.host = "embed example".into();
    options.contracts.insert("shout".into(), (1, 1).into());

    let engine = Engine::new(options)?;
    for finding in engine.load_all().await {
        println!("{finding}");
    }

    // `None` takes the first plugin that provides the contract.
    let target = engine.target("shout/1", None, "shout")?;
    let call = CallOptions::by("embed").within(Duration::from_secs(5));
    let reply = target.call(call, Metadata::new(), serde_json::to_vec(&text)?).await?;
    println!("{} says: {}", target.plugin(), from_json::<String>(&reply.body)?);

    // Nothing of the plugins stays in the process; the outcome says so for each.
    for (plugin, outcome) in engine.stop(Duration::from_secs(5)).await {
        println!("{plugin}: {outcome:?}");
    }
    Ok(())
}
