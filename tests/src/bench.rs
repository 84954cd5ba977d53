//! What the benchmarks share: their arguments, their clock, and the report they print.
//!
//! Contenders take turns in rounds, so that a slow moment of the machine falls on all of them, and
//! every figure stands beside a baseline of the same run. A missed goal is reported, not a failure.

mod arguments;
mod gateway;
mod report;
mod served;
mod timing;

pub use arguments::Arguments;
pub use gateway::{Gateway, Logs};
pub use report::{Goal, Report, Row, Unit};
pub use served::Served;
pub use timing::{Bounds, Series, Stretch, median};
