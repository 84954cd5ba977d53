//! WAV files of 16-bit samples, in and out.

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Samples per second.
    pub(crate) rate: u32,
    /// The samples.
    pub(crate) samples: Vec<i16>,
}

/// Reads what a program wrote into a pipe. The lengths in its header are not to be relied on: it could not
/// know them when it began.
pub(crate) fn read(file: &[u8]) -> Option<Sound> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut rate = None;
    loop {
        let (name, length) = (rest.get(..4)?, number(rest.get(4..8)?)? as usize);
        rest = &rest[8..];
        match name {
            b"fmt " => rate = Some(rate_of(rest.get(..length)?)?),
            b"data" => {
                let bytes = &rest[..length.min(rest.len())];
                let samples = bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
                return Some(Sound { rate: rate?, samples: samples.collect() });
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = rest.get(length.checked_add(length % 2)?..)?;
    }
}

/// The rate, if the samples have 16 bits and one channel.
fn rate_of(format: &[u8]) -> Option<u32> {
    const PCM_OF_ONE_CHANNEL: [u8; 4] = [1, 0, 1, 0];
    let is_ours = format.starts_with(&PCM_OF_ONE_CHANNEL) && format.get(14..16)? == [16, 0];
    number(format.get(4..8)?).filter(|rate| is_ours && *rate > 0)
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

impl Sound {
    /// The samples as bytes, the low one first.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// A whole file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let samples = self.bytes();
        // The samples are far fewer than what a header can count.
        let length = samples.len() as u32;
        let mut file = Vec::with_capacity(44 + samples.len());
        file.extend(b"RIFF");
        file.extend((36 + length).to_le_bytes());
        file.extend(b"WAVEfmt ");
        file.extend(16_u32.to_le_bytes());
        file.extend([1, 0, 1, 0]);
        file.extend(self.rate.to_le_bytes());
        file.extend((2 * self.rate).to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(length.to_le_bytes());
        file.extend(samples);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_whatever_its_header_says_of_lengths() {
        let sound = Sound { rate: 22_050, samples: vec![1, -2, 300, i16::MIN] };
        let mut file = sound.file();
        assert_eq!(read(&file), Some(sound.clone()));
        file[4..8].copy_from_slice(&0x7fff_f024_u32.to_le_bytes());
        file[40..44].copy_from_slice(&0x7fff_f000_u32.to_le_bytes());
        assert_eq!(read(&file), Some(sound));
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_nothing() {
        let file = Sound { rate: 8000, samples: vec![7] }.file();
        for length in 0..44 {
            assert_eq!(read(&file[..length]), None, "{length}");
        }
        for (at, value) in [(20, 3), (22, 2), (34, 8), (8, b'X')] {
            let mut other = file.clone();
            other[at] = value;
            assert_eq!(read(&other), None, "{at}");
        }
    }
}
