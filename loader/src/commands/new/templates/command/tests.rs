use super::*;

#[test]
fn text_is_turned_around() {
    assert_eq!(turn("abc", false), "cba");
}

#[test]
fn it_can_be_loud() {
    assert_eq!(turn("abc", true), "CBA");
}
