use super::*;
use loader_sdk::futures::{FutureExt as _, future};

#[test]
fn it_begins_once_and_ends_at_once() {
    let work = Work::default();
    let first = work.begin().expect("nothing goes on");
    assert!(work.begin().is_none());
    work.end();
    let first = Abortable::new(future::pending::<()>(), first);
    assert!(first.now_or_never().is_some());
    assert!(work.begin().is_some());
}

#[test]
fn it_says_how_far_it_is() {
    let work = Work::default();
    work.minutes.store(3, Ordering::Relaxed);
    assert_eq!(work.describe(), "3 minutes");
}
