use super::*;

#[test]
fn words_are_counted() {
    assert_eq!(count("one two  three"), ToolAnswer::done("3 words"));
    assert_eq!(count(" one "), ToolAnswer::done("1 word"));
}

#[test]
fn a_text_without_words_is_told() {
    assert!(count("  ").failed);
}
