//! What every capability promises, whatever its contract.

use super::{
    bench::Bench,
    promise::{Kept, Promise, Verdict, advice, broken, promises, said, unasked},
    sample::Sample,
};
use futures_util::future::join_all;
use loader_abi::class;
use loader_contract::catalogue::{Method, Verb};
use loader_core::{
    CallOptions,
    message::{Failure, Metadata},
};
use std::time::Duration;

pub(crate) const PROMISES: &[Promise<Bench>] = promises!(Bench {
    "answers-what-it-must", "Every required method is answered." => answers_required;
    "answers-what-it-lists", "Every optional method that the manifest lists is answered."
        => answers_listed;
    "refuses-what-it-does-not-list",
        "An optional method that the manifest does not list is unimplemented." => refuses_unlisted;
    "refuses-unknown-methods", "A method that the contract does not have is unimplemented."
        => refuses_unknown;
    "refuses-garbage", "A request that makes no sense is refused as invalid." => refuses_garbage;
    "ignores-newer-fields", "A field that it does not know changes nothing." => ignores_newer;
    "bears-short-deadlines", "After calls whose time was up it answers as before."
        => bears_short_deadlines;
    "answers-many-at-once", "Many calls at once are answered like one." => answers_many;
    "leaves-nothing-running", "What was cancelled leaves no task behind." => leaves_nothing;
});

/// A method that no contract has.
const UNKNOWN: &str = "no_such_method";

/// How many calls are made at once.
const AT_ONCE: usize = 32;

async fn answers_required(bench: &Bench) -> Kept {
    let methods = bench.methods()?.iter().filter(|method| method.required);
    answers(bench, methods, "is required and").await
}

async fn answers_listed(bench: &Bench) -> Kept {
    let methods = bench.methods()?.iter();
    let listed = methods.filter(|method| !method.required && bench.lists(method.name));
    answers(bench, listed, "is listed in the manifest and").await
}

async fn answers(bench: &Bench, methods: impl Iterator<Item = &Method>, why: &str) -> Kept {
    let mut kept = Ok(());
    for method in methods {
        let (metadata, body) = match bench.sample(method.name) {
            Ok(sample) => sample.parts(),
            Err(verdict) => {
                kept = Err(verdict);
                continue;
            }
        };
        let Err(failure) = bench.touch(method, metadata, body).await else { continue };
        if failure.class == class::UNIMPLEMENTED {
            let ways = match method.verb {
                Verb::Call => "a call",
                Verb::Open => "a stream",
            };
            return broken(
                format!("`{}` {why} is not answered: {}", method.name, said(&failure)),
                format!("answer it, as {ways}, or do not declare it"),
            );
        }
        if failure.class == class::PANIC {
            return broken(
                format!("`{}` panics: {}", method.name, failure.message),
                advice(&failure, ""),
            );
        }
    }
    kept
}

async fn refuses_unlisted(bench: &Bench) -> Kept {
    for method in bench.methods()?.iter() {
        if method.required || bench.lists(method.name) {
            continue;
        }
        let (metadata, body) = bench.sample(method.name)?.parts();
        let answer = bench.touch(method, metadata, body).await;
        let hint = match bench.attribute("on").is_null() {
            true => format!("list it in plugin.toml: methods = [\"{}\"]", method.name),
            false => "answer the event that `on` names, and no other".to_owned(),
        };
        require_unimplemented(
            &format!("`{}`, which the manifest does not list,", method.name),
            answer,
            &hint,
        )?;
    }
    Ok(())
}

async fn refuses_unknown(bench: &Bench) -> Kept {
    let hint = "answer methods it does not know with `Error::unimplemented`";
    let called = bench.call(UNKNOWN, Metadata::new(), Vec::new()).await.map(drop);
    require_unimplemented("a call of an unknown method", called, hint)?;
    let opened = bench.open(UNKNOWN, Metadata::new(), Vec::new()).await.map(drop);
    require_unimplemented("a stream of an unknown method", opened, hint)
}

fn require_unimplemented(what: &str, answer: Result<(), Failure>, hint: &str) -> Kept {
    match answer {
        Err(failure) if failure.class == class::UNIMPLEMENTED => Ok(()),
        Err(failure) => broken(format!("{what} is refused with {}", said(&failure)), hint),
        Ok(()) => broken(format!("{what} is answered"), hint),
    }
}

async fn refuses_garbage(bench: &Bench) -> Kept {
    for method in bench.answered()? {
        if matches!(bench.sample(method.name), Ok(Sample::Nothing | Sample::Raw(..))) {
            continue;
        }
        for garbage in ["{\"", "\"a text\""] {
            let body = garbage.as_bytes().to_vec();
            let answer = bench.touch(method, Metadata::new(), body).await;
            let hint = "read the request as the contract's type, and answer what is none with \
                        `Error::invalid`";
            match answer {
                // Whether it has to be answered is another promise.
                Err(failure) if matches!(failure.class, class::INVALID | class::UNIMPLEMENTED) => {}
                Err(failure) => {
                    let message = format!(
                        "`{}` refuses the body {garbage} with {}",
                        method.name,
                        said(&failure)
                    );
                    return broken(message, hint);
                }
                Ok(()) => {
                    return broken(format!("`{}` answers the body {garbage}", method.name), hint);
                }
            }
        }
    }
    Ok(())
}

async fn ignores_newer(bench: &Bench) -> Kept {
    let (mut is_told, mut untold) = (false, Ok(()));
    for method in bench.answered()? {
        let sample = match bench.sample(method.name) {
            Ok(sample) => sample,
            Err(verdict) => {
                untold = Err(verdict);
                continue;
            }
        };
        let Some(newer) = sample.with_a_newer_field() else { continue };
        let (metadata, body) = sample.parts();
        let before = bench.touch(method, metadata, body).await;
        let (metadata, body) = newer.parts();
        let after = bench.touch(method, metadata, body).await;
        match (&before, &after) {
            (_, Err(failure)) if manner(&before) != manner(&after) => {
                return broken(
                    format!(
                        "a field it does not know makes `{}` fail: {}",
                        method.name,
                        said(failure)
                    ),
                    "read requests without `deny_unknown_fields`: newer hosts say more",
                );
            }
            // Nobody knows which field it did not like.
            (Err(failure), _) if failure.class == class::INVALID => {
                let why =
                    format!("`{}` refuses what it should know: {}", method.name, said(failure));
                untold = Err(Verdict::Unasked(why));
            }
            _ => is_told = true,
        }
    }
    if is_told { Ok(()) } else { untold }
}

fn class_of(answer: &Result<(), Failure>) -> Option<u32> {
    answer.as_ref().err().map(|failure| failure.class)
}

/// How a call ended.
fn manner(answer: &Result<(), Failure>) -> Option<(u32, &str)> {
    answer.as_ref().err().map(|failure| (failure.class, failure.code.as_str()))
}

async fn bears_short_deadlines(bench: &Bench) -> Kept {
    let methods = bench.answered()?;
    let calls = methods.into_iter().filter(|method| method.verb == Verb::Call);
    answers_as_before(bench, "a call whose time was up", async {
        for method in calls {
            let Ok(sample) = bench.sample(method.name) else { continue };
            // The shortest may be over before it comes to the plugin.
            for time in [1, 20].map(Duration::from_millis) {
                let (metadata, body) = sample.parts();
                let options = CallOptions::by("gateway").within(time);
                // Whether it was quick enough says nothing.
                let _ = bench.call_with(options, method.name, metadata, body).await;
            }
        }
    })
    .await
}

/// Whether the plugin answers after something as it did before: it has a free thread, and holds no
/// lock.
async fn answers_as_before(bench: &Bench, after: &str, work: impl Future<Output = ()>) -> Kept {
    let before = ask_steady(bench).await;
    work.await;
    match bench.call(UNKNOWN, Metadata::new(), Vec::new()).await {
        Err(failure) if failure.class == class::DEADLINE => {
            return broken(
                format!("after {after} it does not answer any more within {:?}", bench.limit),
                "do not block its thread: await, and move work that cannot await to a thread of its \
                 own that ends",
            );
        }
        _ => {}
    }
    match ask_steady(bench).await {
        Some(Err(failure)) if before.as_ref().map(class_of) != Some(Some(failure.class)) => broken(
            format!("after {after} it does not answer as before: {}", said(&failure)),
            "give back in `Drop` what a call takes: its future may be dropped at any await",
        ),
        _ => Ok(()),
    }
}

/// What comes of a method that can be asked at will, if there is one.
async fn ask_steady(bench: &Bench) -> Option<Result<(), Failure>> {
    let method = bench.steady()?;
    let (metadata, body) = bench.sample(method.name).ok()?.parts();
    Some(bench.touch(method, metadata, body).await)
}

async fn answers_many(bench: &Bench) -> Kept {
    bench.methods()?;
    let Some(method) = bench.steady() else {
        return unasked("it has no method that can be asked at will");
    };
    let (metadata, body) = bench.sample(method.name)?.parts();
    let alone = bench.touch(method, metadata.clone(), body.clone()).await;
    let calls = (0..AT_ONCE).map(|_| bench.touch(method, metadata.clone(), body.clone()));
    let other = join_all(calls).await.into_iter().find(|one| class_of(one) != class_of(&alone));
    let how =
        other.map(|other| other.err().map_or("it worked".to_owned(), |failure| said(&failure)));
    match how {
        None => Ok(()),
        Some(how) => broken(
            format!(
                "of {AT_ONCE} calls of `{}` at once not all ended like one alone: {how}",
                method.name
            ),
            "methods are called from several threads at once: share state behind a mutex, and hold \
             none across an await",
        ),
    }
}

async fn leaves_nothing(bench: &Bench) -> Kept {
    let methods = bench.answered()?;
    let streams = methods.into_iter().filter(|method| method.verb == Verb::Open);
    let asked: Vec<_> = bench.steady().into_iter().chain(streams).collect();
    if asked.is_empty() {
        return unasked("it has no method that can be asked at will");
    }
    leaves_nothing_of(bench, async {
        for method in &asked {
            for patience in [0, 5, 50].map(Duration::from_millis) {
                let Ok(sample) = bench.sample(method.name) else { continue };
                let (metadata, body) = sample.parts();
                // Whoever asked goes away.
                let asking = bench.touch(method, metadata, body);
                let _ = tokio::time::timeout(patience, asking).await;
            }
        }
    })
    .await
}

/// Whether tasks that begin with something end with it.
pub(super) async fn leaves_nothing_of(bench: &Bench, work: impl Future<Output = ()>) -> Kept {
    let before = bench.tasks().await?;
    answers_as_before(bench, "a caller that went away", work).await?;
    bench.settles(before).await?.or_else(|now| {
        broken(
            format!(
                "{now} background tasks run after its callers went away; there were {before} before"
            ),
            "what a call begins ends with it: do it in the call, or stop the task when the call's \
             future is dropped",
        )
    })
}
