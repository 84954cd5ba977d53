//! `service/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, fault, given, promises, unasked},
    sample::Sample,
};
use loader_contract::background_service::{CONTRACT, ServiceStatus, method};
use loader_core::message::Metadata;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "starts-its-work", "`start` begins the work and returns." => begins;
        "bears-a-second-start", "`start` of one that works is no error." => begins_twice;
        "stops-its-work", "`stop` ends the work and returns." => ends;
        "bears-a-second-stop", "`stop` of one that does not work is no error." => ends_twice;
        "starts-again-after-a-stop", "One that was stopped can be started again." => comes_back;
        "says-how-it-is", "`status` answers while it works and after, if it is listed." => says;
    }),
    sample: |_, _| Sample::Nothing,
    told_by: None,
    safe: Some(method::STATUS),
};

async fn tell(bench: &Bench, asked: &str, what: &str) -> Kept {
    let answer = bench.call(asked, Metadata::new(), Vec::new()).await;
    answer.map(drop).or_else(|failure| fault(what, &failure))
}

async fn start(bench: &Bench) -> Kept {
    tell(bench, method::START, "`start`").await
}

async fn stop(bench: &Bench) -> Kept {
    tell(bench, method::STOP, "`stop`").await
}

async fn begins(bench: &Bench) -> Kept {
    let _ = stop(bench).await;
    start(bench).await
}

async fn begins_twice(bench: &Bench) -> Kept {
    given(begins(bench).await)?;
    tell(bench, method::START, "`start` of one that works").await
}

async fn ends(bench: &Bench) -> Kept {
    given(begins(bench).await)?;
    stop(bench).await
}

async fn ends_twice(bench: &Bench) -> Kept {
    given(ends(bench).await)?;
    tell(bench, method::STOP, "`stop` of one that does not work").await
}

async fn comes_back(bench: &Bench) -> Kept {
    given(ends(bench).await)?;
    let again = tell(bench, method::START, "`start` after `stop`").await;
    let _ = stop(bench).await;
    again
}

async fn says(bench: &Bench) -> Kept {
    if !bench.lists(method::STATUS) {
        return unasked("it lists no `status`");
    }
    let _ = start(bench).await;
    bench.ask_for::<ServiceStatus>(method::STATUS).await?;
    let _ = stop(bench).await;
    bench.ask_for::<ServiceStatus>(method::STATUS).await.map(drop)
}
