use super::*;

#[test]
fn runs_are_counted() {
    assert_eq!(next(None), 1);
    assert_eq!(next(Some(b"41")), 42);
}

#[test]
fn a_garbled_store_begins_anew() {
    assert_eq!(next(Some(b"\xff")), 1);
}
