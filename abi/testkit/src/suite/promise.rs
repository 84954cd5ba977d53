//! One thing that is promised, and what is found.

use futures_util::future::BoxFuture;
use loader_abi::class;
use loader_core::message::Failure;

/// One thing that is promised.
pub struct Promise<T> {
    /// What the case is called; it stays the same.
    pub name: &'static str,
    /// What is promised, in one sentence.
    pub about: &'static str,
    /// How it is found out.
    pub(crate) check: for<'a> fn(&'a T) -> BoxFuture<'a, Kept>,
}

/// Whether a promise is kept.
pub(crate) type Kept<T = ()> = Result<T, Verdict>;

/// Why nobody can say that a promise is kept.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is not: what happened, and what to change.
    Broken { message: String, hint: String },
    /// It could not be asked, for this reason.
    Unasked(String),
}

/// A promise that is not kept: what happened, and what to change.
pub(crate) fn broken<T>(message: impl Into<String>, hint: impl Into<String>) -> Kept<T> {
    Err(Verdict::Broken { message: message.into(), hint: hint.into() })
}

/// A promise that could not be asked.
pub(crate) fn unasked<T>(reason: impl Into<String>) -> Kept<T> {
    Err(Verdict::Unasked(reason.into()))
}

/// A list of promises, each with its check: an `async fn` of what is tested.
macro_rules! promises {
    ($of:ty { $($name:literal, $about:literal => $check:path;)* }) => {
        &[$($crate::suite::Promise::<$of> {
            name: $name,
            about: $about,
            check: |of| Box::pin($check(of)),
        }),*]
    };
}
pub(crate) use promises;

/// How a failure reads in a message. What it says of a remedy is for people who use the plugin.
pub(crate) fn said(failure: &Failure) -> String {
    let Failure { class, code, message, hint, .. } = failure;
    let remedy = match hint.as_str() {
        "" => String::new(),
        hint => format!(" ({})", hint.escape_debug()),
    };
    format!("{} `{}`: {}{remedy}", class::name(*class), code.escape_debug(), message.escape_debug())
}

/// Whether a failure says that something around the plugin is missing: a setting, a network, a program.
pub(crate) fn is_for_want(failure: &Failure) -> bool {
    matches!(failure.class, class::UNAVAILABLE | class::UNAUTHENTICATED)
}

/// What a failed call of a sound request means: nothing, where something around the plugin is missing;
/// otherwise that this is to be changed.
pub(crate) fn fault<T>(what: &str, failure: &Failure, change: &str) -> Kept<T> {
    if is_for_want(failure) {
        return unasked(format!("{what} needs what is not here: {}", said(failure)));
    }
    if failure.class == class::UNIMPLEMENTED {
        // Whether it has to be is another promise.
        return unasked(format!("{what} is not answered"));
    }
    defect(what, failure, change)
}

/// The plugin failed where it must not.
pub(crate) fn defect<T>(what: &str, failure: &Failure, change: &str) -> Kept<T> {
    broken(format!("{what} failed: {}", said(failure)), advice(failure, change))
}

/// An answer, or a failure that its caller is told as one: that of the plugin's own fault is neither.
pub(crate) fn answered<A>(
    what: &str,
    answer: Result<A, Failure>,
    change: &str,
) -> Kept<Result<A, Failure>> {
    match answer {
        Err(failure) if failure.is_own_fault() => defect(what, &failure, change),
        answer => Ok(answer),
    }
}

/// What to change about a panic.
pub(crate) const PANIC: &str =
    "return an error instead of panicking: no `unwrap`, index or arithmetic on what others send";

/// What to change where no answer comes in time.
pub(crate) const DEADLINE: &str = "answer in time: what takes long belongs into `host.spawn`; where it has to take so long, a longer \
     --timeout waits longer";

/// What to change about a failure.
pub(crate) fn advice(failure: &Failure, change: &str) -> String {
    let advice = match failure.class {
        class::PANIC => PANIC,
        class::DEADLINE => DEADLINE,
        _ => change,
    };
    advice.to_owned()
}

/// What another promise is about: where that is broken, this one cannot be asked.
pub(crate) fn given<T>(kept: Kept<T>) -> Kept<T> {
    kept.map_err(|verdict| match verdict {
        Verdict::Broken { message, .. } => {
            Verdict::Unasked(format!("another promise is broken: {message}"))
        }
        unasked => unasked,
    })
}
