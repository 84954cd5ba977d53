//! `chat-command/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, broken, given, promises},
    sample::Sample,
};
use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply, method};

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-without-arguments", "The bare command is answered." => answers_bare;
        "answers-any-arguments", "Arguments that make no sense are answered, not failed at."
            => answers_any;
        "replies-fit-a-chat", "A reply has at most 16 KiB." => is_short;
    }),
    sample: |bench, _| Sample::of(&command(bench, "")),
    told_by: None,
    safe: None,
};

/// The longest reply that is still one of a chat, in bytes.
const LONGEST: usize = 16 * 1024;

fn command(bench: &Bench, arguments: &str) -> ChatCommand {
    ChatCommand {
        name: bench.capability.id.clone(),
        arguments: arguments.to_owned(),
        channel: "irc".to_owned(),
        account: "main".to_owned(),
        conversation: "#test".to_owned(),
        sender: "ada".to_owned(),
    }
}

async fn answer(bench: &Bench, arguments: &str) -> Kept<ChatReply> {
    bench.ask(method::RUN, &command(bench, arguments)).await
}

async fn answers_bare(bench: &Bench) -> Kept {
    answer(bench, "").await.map(drop)
}

async fn answers_any(bench: &Bench) -> Kept {
    for arguments in
        ["--help", "' \" \\ $(x) ;", "\u{1f600} \u{202e}x", "-1 0 999999999999999999999"]
    {
        answer(bench, arguments).await?;
    }
    Ok(())
}

async fn is_short(bench: &Bench) -> Kept {
    let length = given(answer(bench, "").await)?.text.len();
    match length <= LONGEST {
        true => Ok(()),
        false => broken(
            format!("the reply has {length} bytes; chats take {LONGEST}"),
            "answer with less, and say how to see the rest",
        ),
    }
}
