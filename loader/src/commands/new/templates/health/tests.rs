use super::*;

#[test]
fn what_is_read_again_is_well() {
    assert_eq!(report(b"1", Some(b"1")), HealthReport::pass());
}

#[test]
fn one_that_is_not_well_says_why() {
    for read in [None, Some(&b"2"[..])] {
        assert!(!report(b"1", read).output.is_empty());
    }
}
