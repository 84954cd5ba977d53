use super::*;

#[test]
fn text_becomes_dots_and_dashes() {
    assert_eq!(morse::code("sos"), "... --- ...");
}

#[test]
fn the_file_says_how_long_it_is() {
    let samples = morse::samples("e");
    let file = morse::wav(&samples);
    assert_eq!(file.len(), 44 + 2 * samples.len());
    assert_eq!(&file[..4], b"RIFF");
}
