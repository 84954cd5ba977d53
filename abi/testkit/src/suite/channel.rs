//! `channel/1`, as far as no network is needed.

use super::{
    Chapter,
    bench::{Bench, expect_refusal, read},
    promise::{Kept, broken, promises, said, unasked},
    sample::Sample,
};
use loader_abi::class;
use loader_contract::channel::{
    AccountState, AccountStatus, CONTRACT, Capabilities, Connect, Disconnect, SendText, Sent,
    StatusList, code, method,
};
use loader_core::message::{Failure, Metadata, Reply};
use serde_json::json;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "says-what-it-can-do",
            "`capabilities` says which conversations there are, and a limit that is one." => can_do;
        "has-no-accounts-at-first", "Before it is told to connect, `status` lists no account."
            => is_empty;
        "refuses-nonsense-settings", "Settings that make no sense are `account_invalid`."
            => refuses_settings;
        "status-answers-after-nonsense", "After a refused account `status` lists none as connected."
            => stays_sane;
        "disconnect-bears-unknown-accounts",
            "An account that is not there is `unknown_account`, or disconnected." => disconnects;
        "send-refuses-unknown-accounts",
            "A message from an account that is not there is refused as such." => refuses_sending;
        "a-repeated-send-ends-the-same",
            "A message that comes again with its idempotency key ends like the first." => repeats;
    }),
    sample,
    told_by: None,
    safe: Some(method::CAPABILITIES),
};

/// An account that is not there.
const NOBODY: &str = "no-such-account";

fn sample(_: &Bench, asked: &str) -> Sample {
    match asked {
        method::CONNECT => Sample::of(&nonsense()),
        method::DISCONNECT => {
            Sample::of(&Disconnect { account: NOBODY.into(), ..Default::default() })
        }
        method::SEND => Sample::of(&message()),
        _ => Sample::Nothing,
    }
}

/// What to change where these are not answered.
const CONSTANT: &str = "answer what the network can do, whether an account is connected or not";
const KNOWN: &str = "list the accounts as they are known, without asking the network";

/// Settings that are none.
fn nonsense() -> Connect {
    Connect { account: "nonsense".into(), config: json!([["no", "settings"]]) }
}

fn message() -> SendText {
    SendText {
        account: NOBODY.into(),
        conversation: "nowhere".into(),
        text: "Hello.".into(),
        ..SendText::default()
    }
}

async fn can_do(bench: &Bench) -> Kept {
    let can: Capabilities = bench.ask_for(method::CAPABILITIES, CONSTANT).await?;
    if !can.groups && !can.direct {
        return broken(
            "`capabilities` says that there are no conversations at all",
            "set `groups` or `direct`, or both",
        );
    }
    match can.text_limit {
        Some(limit) if limit.limit == 0 => broken(
            "`capabilities` says that texts have at most 0 of their unit",
            "say the network's limit, or leave `text_limit` out",
        ),
        _ => Ok(()),
    }
}

async fn is_empty(bench: &Bench) -> Kept {
    // What every contract promises was asked before, with settings that make no sense.
    let status: StatusList = bench.ask_for(method::STATUS, KNOWN).await?;
    match status.accounts.iter().find(|one| one.account != nonsense().account) {
        None => Ok(()),
        Some(one) => broken(
            format!(
                "`status` lists the account `{}`, which nobody connected",
                one.account.escape_debug()
            ),
            "list the accounts that `connect` was called for, and no others",
        ),
    }
}

async fn refuses_settings(bench: &Bench) -> Kept {
    let answer = bench.send(method::CONNECT, &nonsense()).await;
    expect_refusal("nonsense as settings", answer, class::INVALID, &[code::ACCOUNT_INVALID])
}

async fn stays_sane(bench: &Bench) -> Kept {
    let _ = bench.send(method::CONNECT, &nonsense()).await;
    let status: StatusList = bench.ask_for(method::STATUS, KNOWN).await?;
    let connected = |one: &&AccountStatus| one.state == AccountState::Connected;
    match status.accounts.iter().find(connected) {
        None => Ok(()),
        Some(one) => broken(
            format!("`status` says that `{}` is connected", one.account.escape_debug()),
            "list a refused account as failed, or not at all",
        ),
    }
}

async fn disconnects(bench: &Bench) -> Kept {
    let request = Disconnect { account: NOBODY.into(), reason: String::new() };
    let answer = match bench.send(method::DISCONNECT, &request).await {
        Ok(reply) => read::<AccountStatus>(method::DISCONNECT, &reply.body)?,
        Err(failure) => {
            return expect_refusal::<()>(
                "an unknown account",
                Err(failure),
                class::NOT_FOUND,
                &[code::UNKNOWN_ACCOUNT],
            );
        }
    };
    match answer.state {
        AccountState::Disconnected => Ok(()),
        state => broken(
            format!("an account that is not there is {state:?} after `disconnect`"),
            "answer `unknown_account`, or the state `disconnected`",
        ),
    }
}

fn require_refusal(answer: Result<Reply, Failure>) -> Kept {
    let hint = "answer with `unknown_account` (class not-found) or `not_connected` (unavailable)";
    match answer {
        Ok(_) => broken("a message from an account that is not there is sent", hint),
        Err(failure) => {
            let right = match failure.class {
                class::NOT_FOUND => failure.code == code::UNKNOWN_ACCOUNT,
                class::UNAVAILABLE => failure.code == code::NOT_CONNECTED,
                _ => false,
            };
            match right {
                true => Ok(()),
                false => broken(
                    format!(
                        "a message from an account that is not there ends with {}",
                        said(&failure)
                    ),
                    hint,
                ),
            }
        }
    }
}

async fn refuses_sending(bench: &Bench) -> Kept {
    require_refusal(bench.send(method::SEND, &message()).await)
}

async fn repeats(bench: &Bench) -> Kept {
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut options = bench.options();
        options.idempotency_key = "the-same".to_owned();
        let body = serde_json::to_vec(&message()).unwrap_or_default();
        let answer = bench.call_with(options, method::SEND, Metadata::new(), body).await;
        ends.push(match answer {
            Ok(reply) => Ok(read::<Sent>(method::SEND, &reply.body)?),
            Err(failure) => Err(failure.code),
        });
    }
    match &ends[..] {
        [first, second] if first != second => broken(
            format!("the same message twice ends in two ways: {first:?}, then {second:?}"),
            "remember what was sent by its idempotency key, and only what was really sent",
        ),
        [Err(code), _] => unasked(format!("no message can be sent here: `{code}`")),
        _ => Ok(()),
    }
}
