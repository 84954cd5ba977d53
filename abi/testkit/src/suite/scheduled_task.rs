//! `scheduled-task/1`.

use super::{
    Chapter,
    bench::{Bench, expect_within},
    promise::{Kept, given, promises, unasked},
    sample::Sample,
};
use loader_contract::scheduled_task::{CONTRACT, Run, RunReport, method};
use std::time::Duration;

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "runs", "`run` does the work and reports." => runs;
        "runs-again", "A second run ends as well as the first." => runs_again;
        "keeps-its-time", "A run is over within its `timeout_ms`." => is_quick;
    }),
    sample: |_, _| Sample::of(&run(1)),
    told_by: None,
    safe: None,
};

fn run(number: u64) -> Run {
    Run { task: String::new(), due_ms: 1_767_225_600_000, number }
}

async fn report(bench: &Bench, number: u64) -> Kept {
    let change = "let a run that has nothing to do end well, and say so in `output`; one that lacks what it \
                  needs fails as unavailable";
    bench.ask::<RunReport>(method::RUN, &run(number), change).await.map(drop)
}

async fn runs(bench: &Bench) -> Kept {
    report(bench, 1).await
}

async fn runs_again(bench: &Bench) -> Kept {
    given(runs(bench).await)?;
    report(bench, 2).await
}

async fn is_quick(bench: &Bench) -> Kept {
    let Some(limit) = bench.attribute("timeout_ms").as_u64().map(Duration::from_millis) else {
        return unasked("the manifest says no `timeout_ms`");
    };
    let hint = "do less in one run, or say a longer `timeout_ms` in plugin.toml";
    expect_within(limit, "a run", hint, runs(bench)).await
}
