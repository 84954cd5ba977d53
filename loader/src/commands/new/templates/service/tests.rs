use super::*;

#[test]
fn it_begins_once() {
    let work = Work::default();
    assert!(work.begin());
    assert!(!work.begin());
}

#[test]
fn it_says_how_far_it_is() {
    let work = Work::default();
    work.minutes.store(3, Ordering::Relaxed);
    assert_eq!(work.describe(), "3 minutes");
}
