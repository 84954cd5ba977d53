//! Archives that no package should be, each for one reason, made byte by byte.

mod hostile;
mod tar;

pub use hostile::{Hostile, hostile};
pub use tar::{Tar, gzip, gzip_to};
