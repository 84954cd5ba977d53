//! `service/1`.

use super::{
    Chapter,
    bench::Bench,
    promise::{Kept, broken, given, promises, unasked},
    sample::Sample,
};
use futures_util::future::BoxFuture;
use loader_contract::background_service::{CONTRACT, ServiceStatus, method};
use loader_core::message::Metadata;
use std::time::Duration;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "starts-its-work", "`start` begins the work and returns." => begins;
        "bears-a-second-start", "`start` of one that works is no error." => begins_twice;
        "stops-its-work", "`stop` ends the work, tasks included, and returns." => ends;
        "bears-a-second-stop", "`stop` of one that does not work is no error." => ends_twice;
        "starts-again-after-a-stop", "One that was stopped can be started again." => comes_back;
        "says-how-it-is", "`status` answers while it works and after, if it is listed." => says;
    }),
    sample: |_, _| Sample::Nothing,
    told_by: None,
    safe: Some(method::STATUS),
};

/// After so long a task that was begun is among those that run.
const MOMENT: Duration = Duration::from_millis(20);

/// Asks in a life of its own: one that was asked before may work still, or have stopped.
async fn alone(bench: &Bench, check: for<'a> fn(&'a Bench) -> BoxFuture<'a, Kept>) -> Kept {
    let another = bench.another().await?;
    let kept = check(&another).await;
    another.loaded.unload().await;
    kept
}

async fn tell(bench: &Bench, asked: &str, what: &str, change: &str) -> Kept {
    let answer = bench.call(asked, Metadata::new(), Vec::new()).await;
    answer.map(drop).or_else(|failure| bench.fault(what, &failure, change))
}

async fn start(bench: &Bench) -> Kept {
    let change = "begin the work and return; what goes wrong in it later is said by `status`";
    tell(bench, method::START, "`start`", change).await
}

async fn stop(bench: &Bench) -> Kept {
    tell(bench, method::STOP, "`stop`", "end the work and return, whatever it was doing").await
}

async fn begins(bench: &Bench) -> Kept {
    alone(bench, |bench| Box::pin(start(bench))).await
}

async fn begins_twice(bench: &Bench) -> Kept {
    alone(bench, |bench| {
        Box::pin(async move {
            given(start(bench).await)?;
            let change = "return without an error where the work goes on already";
            tell(bench, method::START, "`start` of one that works", change).await
        })
    })
    .await
}

async fn ends(bench: &Bench) -> Kept {
    alone(bench, |bench| {
        Box::pin(async move {
            // What the plugin began by itself has to be counted before.
            tokio::time::sleep(MOMENT).await;
            let before = bench.tasks().await?;
            given(start(bench).await)?;
            stop(bench).await?;
            bench.settles(before).await?.or_else(|now| {
                broken(
                    format!("{now} background tasks run after `stop`; there were {before} before `start`"),
                    "let `stop` wake the task and end it: a task that sleeps sees no flag until it is \
                     awake again",
                )
            })
        })
    })
    .await
}

async fn ends_twice(bench: &Bench) -> Kept {
    alone(bench, |bench| {
        Box::pin(async move {
            given(start(bench).await)?;
            given(stop(bench).await)?;
            let change = "return without an error where no work goes on";
            tell(bench, method::STOP, "`stop` of one that does not work", change).await
        })
    })
    .await
}

async fn comes_back(bench: &Bench) -> Kept {
    alone(bench, |bench| {
        Box::pin(async move {
            given(start(bench).await)?;
            given(stop(bench).await)?;
            let change = "begin the work anew: let `stop` use up nothing that `start` needs";
            tell(bench, method::START, "`start` after `stop`", change).await
        })
    })
    .await
}

async fn says(bench: &Bench) -> Kept {
    if !bench.lists(method::STATUS) {
        return unasked("it lists no `status`");
    }
    alone(bench, |bench| {
        Box::pin(async move {
            let change = "say in `output` how the work goes, also where none does";
            let _ = start(bench).await;
            bench.ask_for::<ServiceStatus>(method::STATUS, change).await?;
            let _ = stop(bench).await;
            bench.ask_for::<ServiceStatus>(method::STATUS, change).await.map(drop)
        })
    })
    .await
}
