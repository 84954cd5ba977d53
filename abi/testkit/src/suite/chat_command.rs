//! `chat-command/1`.

use super::{
    Chapter,
    bench::{Bench, read},
    promise::{Kept, answered, broken, given, promises, unasked},
    sample::Sample,
};
use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply, MAX_REPLY_BYTES, method};

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-without-arguments", "The bare command is answered." => answers_bare;
        "answers-any-arguments", "Arguments that make no sense are answered, or refused with an error."
            => answers_any;
        "replies-fit-a-chat", "A reply has at most 16 KiB." => is_short;
    }),
    sample: |bench, _| Sample::of(&command(bench, "")),
    told_by: None,
    safe: None,
};

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

/// Asks; nothing where the answer is an error, which is said in the chat.
async fn answer(bench: &Bench, arguments: &str) -> Kept<Option<ChatReply>> {
    let what = match arguments {
        "" => "the bare command".to_owned(),
        arguments => format!("the command with {arguments:?}"),
    };
    let answer = bench.send(method::RUN, &command(bench, arguments)).await;
    let change = "answer with a text that says how it is used, or with an error of the class that fits: \
                  `Error::invalid(\"usage\", …)` is said in the chat";
    let reply = answered(&what, answer, change)?;
    reply.ok().map(|reply| read(method::RUN, &reply.body)).transpose()
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
    let Some(reply) = given(answer(bench, "").await)? else {
        return unasked("the bare command is answered with an error");
    };
    match reply.text.len() {
        0..=MAX_REPLY_BYTES => Ok(()),
        length => broken(
            format!("the reply has {length} bytes; a chat takes {MAX_REPLY_BYTES}"),
            "answer with less, and say how to see the rest",
        ),
    }
}
