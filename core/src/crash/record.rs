//! One crash as bytes: written by the handler of a signal, read by the next start.
//!
//! The format is fixed, since who writes it may neither allocate nor fail:
//!
//! ```text
//! magic 8 · length 4 · signal 4 · code 4 · process 4 · sender 4 · thread 4 · flags 8
//! time 8 · address 8 · instruction 8 · generation 8 · digest 32 · name of the thread 16
//! plugin 64 · version 64 · operation 128 · zeros · sum 8
//! ```

use super::resident::{self, PLUGIN, Resident, VERSION};
use crate::digest::Digest;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The bytes of a record.
pub(crate) const LENGTH: usize = 512;

/// The last bytes, which say whether the others are whole.
const SUM: usize = LENGTH - 8;

/// The most bytes of an operation in a record.
const OPERATION: usize = 128;

const MAGIC: [u8; 8] = *b"ldrcrsh1";

/// A plugin's code ran.
const IN_PLUGIN: u64 = 1;
/// The instruction is one of the plugin's image.
const IN_IMAGE: u64 = 2;
/// The stack was at its end.
const STACK_END: u64 = 4;
/// Another process sent the signal.
const SENT: u64 = 8;

/// What a handler sees.
pub(crate) struct Sighting {
    pub(crate) signal: i32,
    /// The signal's `si_code`.
    pub(crate) code: i32,
    pub(crate) process: u32,
    /// The process that sent the signal, if another one did; zero when it cannot be told which.
    pub(crate) sender: Option<u32>,
    pub(crate) thread: u32,
    pub(crate) thread_name: [u8; 16],
    /// In seconds since 1970.
    pub(crate) time: u64,
    /// The address that was used.
    pub(crate) address: u64,
    /// The address of the instruction.
    pub(crate) instruction: u64,
    /// Whether the stack was at its end.
    pub(crate) stack_end: bool,
    /// In whose code the thread was.
    pub(crate) culprit: Option<Resident>,
    /// Whether the instruction lies in the culprit's image.
    pub(crate) in_image: bool,
}

/// Fills a record. Allocates nothing and cannot fail.
pub(crate) fn write(to: &[AtomicU8; LENGTH], sighting: &Sighting, operation: &[u8]) {
    let mut pen = Pen { to, at: 0 };
    let flags = [
        (sighting.culprit.is_some(), IN_PLUGIN),
        (sighting.in_image, IN_IMAGE),
        (sighting.stack_end, STACK_END),
        (sighting.sender.is_some(), SENT),
    ];
    pen.put(&MAGIC, MAGIC.len());
    pen.put(&(LENGTH as u32).to_le_bytes(), 4);
    pen.put(&sighting.signal.to_le_bytes(), 4);
    pen.put(&sighting.code.to_le_bytes(), 4);
    pen.put(&sighting.process.to_le_bytes(), 4);
    pen.put(&sighting.sender.unwrap_or(0).to_le_bytes(), 4);
    pen.put(&sighting.thread.to_le_bytes(), 4);
    let flags = flags.into_iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag);
    pen.put(&flags.fold(0, |all, flag| all | flag).to_le_bytes(), 8);
    pen.put(&sighting.time.to_le_bytes(), 8);
    pen.put(&sighting.address.to_le_bytes(), 8);
    pen.put(&sighting.instruction.to_le_bytes(), 8);
    let culprit = sighting.culprit.map(|Resident(place)| place);
    let generation = culprit.map_or(0, |place| place.generation.load(Relaxed));
    pen.put(&generation.to_le_bytes(), 8);
    pen.copy(culprit.map(|place| &place.digest[..]), 32);
    pen.put(&sighting.thread_name, 16);
    pen.copy(culprit.map(|place| &place.plugin[..]), PLUGIN);
    pen.copy(culprit.map(|place| &place.version[..]), VERSION);
    pen.put(operation, OPERATION);
    pen.put(&[], SUM.saturating_sub(pen.at));
    let sum = sum(to.iter().take(SUM).map(|byte| byte.load(Relaxed)));
    pen.put(&sum.to_le_bytes(), 8);
}

/// Writes one field after the other.
struct Pen<'a> {
    to: &'a [AtomicU8; LENGTH],
    at: usize,
}

impl Pen<'_> {
    /// Writes a field of this length: so many bytes, or zeros after them.
    fn put(&mut self, bytes: &[u8], length: usize) {
        let end = self.at + length;
        resident::write(self.to.get(self.at..end).unwrap_or_default(), bytes);
        self.at = end;
    }

    fn copy(&mut self, from: Option<&[AtomicU8]>, length: usize) {
        let end = self.at + length;
        let from = from.unwrap_or_default().iter().map(|byte| byte.load(Relaxed));
        let padded = from.chain(std::iter::repeat(0));
        let to = self.to.get(self.at..end).unwrap_or_default();
        to.iter().zip(padded).for_each(|(to, byte)| to.store(byte, Relaxed));
        self.at = end;
    }
}

/// FNV-1a: notices what was not written to its end, or by somebody else.
fn sum(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A crash, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) signal: i32,
    /// The process that crashed.
    pub(super) process: u32,
    /// The process that sent the signal, if another one did.
    pub(super) sender: Option<u32>,
    pub(super) thread_name: String,
    pub(super) time: u64,
    pub(super) address: u64,
    pub(super) instruction: u64,
    pub(super) stack_end: bool,
    pub(super) culprit: Option<Culprit>,
}

/// The plugin whose code ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Culprit {
    pub(super) plugin: String,
    pub(super) version: String,
    pub(super) digest: Digest,
    pub(super) generation: u64,
    /// Empty when it is not known.
    pub(super) operation: String,
    pub(super) in_image: bool,
}

/// Whether these bytes are of a process that did not crash.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Reads a record; `None` when it is damaged.
pub(super) fn read(bytes: &[u8]) -> Option<Seen> {
    let (content, written) = bytes.split_at_checked(SUM)?;
    if written != sum(content.iter().copied()).to_le_bytes() {
        return None;
    }
    let mut rest = content;
    if take::<8>(&mut rest)? != MAGIC || number::<4>(&mut rest)? != LENGTH as u64 {
        return None;
    }
    let signal = i32::from_le_bytes(take(&mut rest)?);
    let _code: [u8; 4] = take(&mut rest)?;
    let process = u32::from_le_bytes(take(&mut rest)?);
    let sender = u32::from_le_bytes(take(&mut rest)?);
    let _thread: [u8; 4] = take(&mut rest)?;
    let flags = number::<8>(&mut rest)?;
    let time = number::<8>(&mut rest)?;
    let address = number::<8>(&mut rest)?;
    let instruction = number::<8>(&mut rest)?;
    let generation = number::<8>(&mut rest)?;
    let digest = Digest::from(take::<32>(&mut rest)?);
    let thread_name = text(&take::<16>(&mut rest)?);
    let culprit = Culprit {
        plugin: text(&take::<PLUGIN>(&mut rest)?),
        version: text(&take::<VERSION>(&mut rest)?),
        operation: text(&take::<OPERATION>(&mut rest)?),
        digest,
        generation,
        in_image: flags & IN_IMAGE != 0,
    };
    Some(Seen {
        signal,
        process,
        sender: (flags & SENT != 0).then_some(sender),
        thread_name,
        time,
        address,
        instruction,
        stack_end: flags & STACK_END != 0,
        culprit: (flags & IN_PLUGIN != 0).then_some(culprit),
    })
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn number<const LENGTH: usize>(rest: &mut &[u8]) -> Option<u64> {
    let bytes: [u8; LENGTH] = take(rest)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// What stands before the zeros, harmless to show.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(culprit: Option<Resident>) -> Sighting {
        Sighting {
            signal: 11,
            code: 1,
            process: 4711,
            sender: None,
            thread: 4712,
            thread_name: *b"0:faulty\0\0\0\0\0\0\0\0",
            time: 1_795_279_205,
            address: 8,
            instruction: 0x7f00_0000_1000,
            stack_end: false,
            culprit,
            in_image: culprit.is_some(),
        }
    }

    fn written(sighting: &Sighting, operation: &[u8]) -> Vec<u8> {
        let record = [const { AtomicU8::new(7) }; LENGTH];
        write(&record, sighting, operation);
        record.iter().map(|byte| byte.load(Relaxed)).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let digest = Digest::of(b"image");
        let resident = Resident::new("faulty", "1.2.3", 9, digest);
        let seen = read(&written(&sighting(Some(resident)), b"http-route/1/handle"));
        resident.leave();
        let seen = seen.expect("it is whole");
        assert_eq!((seen.signal, seen.process, seen.sender, seen.address), (11, 4711, None, 8));
        assert_eq!((&*seen.thread_name, seen.time), ("0:faulty", 1_795_279_205));
        let culprit = seen.culprit.expect("somebody's");
        assert_eq!((&*culprit.plugin, &*culprit.version), ("faulty", "1.2.3"));
        assert_eq!((culprit.digest, culprit.generation), (digest, 9));
        assert_eq!((&*culprit.operation, culprit.in_image), ("http-route/1/handle", true));
        assert_eq!(read(&written(&sighting(None), b"")).expect("whole").culprit, None);
    }

    #[test]
    fn every_flipped_bit_and_every_missing_byte_is_noticed() {
        let whole = written(&sighting(None), b"stop");
        assert!(read(&whole).is_some() && !is_blank(&whole));
        for bit in 0..LENGTH * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&damaged), None, "bit {bit}");
        }
        for length in 0..LENGTH {
            assert_eq!(read(&whole[..length]), None, "{length} bytes");
        }
        assert!(is_blank(&[0; LENGTH]) && is_blank(&[]));
    }

    #[test]
    fn texts_are_cut_and_harmless() {
        let seen = read(&written(&sighting(None), &[b'x'; 2 * OPERATION])).expect("whole");
        assert_eq!(seen.culprit, None);
        let resident = Resident::new("faulty", "1.2.3", 9, Digest::of(b"image"));
        let bytes = written(&sighting(Some(resident)), b"\x1b[31m\xff");
        resident.leave();
        let culprit = read(&bytes).expect("whole").culprit.expect("somebody's");
        assert!(!culprit.operation.contains(char::is_control), "{culprit:?}");
    }
}
