//! Text as dots and dashes, and those as samples.

/// Samples per second.
pub const RATE: u32 = 8000;

/// Samples of a dot: 60 ms.
const DOT: usize = RATE as usize * 60 / 1000;

const LETTERS: [&str; 26] = [
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--",
    "-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
];

/// The dots and dashes of a text; what is no letter is a pause.
pub fn code(text: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        it @ 'a'..='z' => LETTERS[it as usize - 'a' as usize],
        _ => " ",
    };
    text.chars().map(letter).collect::<Vec<_>>().join(" ")
}

/// The sound of a text.
pub fn samples(text: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    for sign in code(text).chars() {
        let (sound, length) = match sign {
            '.' => (true, DOT),
            '-' => (true, 3 * DOT),
            _ => (false, 2 * DOT),
        };
        samples.extend((0..length).map(|at| if sound { tone(at) } else { 0 }));
        samples.extend([0; DOT]);
    }
    samples
}

fn tone(at: usize) -> i16 {
    let angle = at as f64 * 600.0 * std::f64::consts::TAU / f64::from(RATE);
    (angle.sin() * 12_000.0) as i16
}

/// A WAV file of one channel.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend(b"RIFF");
    file.extend(bytes.saturating_add(36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
