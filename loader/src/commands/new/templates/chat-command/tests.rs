use super::*;

#[test]
fn dice_are_read() {
    assert_eq!(parse("2d6"), Some((2, 6)));
    assert_eq!(parse(""), Some((1, 6)));
    assert_eq!(parse("many"), None);
    assert_eq!(parse("0d6"), None);
}

#[test]
fn every_side_can_come() {
    let rolled = roll(1, 100, 6);
    assert_eq!(rolled.len(), 100);
    assert!((1..=6).all(|side| rolled.contains(&side)));
}
