//! A day's work for the benchmarks: NAT session logs of any length, alerts about them, and the truth.
//!
//! Where [`crate::world`] is small and wicked, this is large and ordinary. It has the shape of a public
//! cloud's egress: 16 gateways with four addresses each, 60 thousand hosts of unlike activity, 200 thousand
//! remotes of which few are popular, six hours of traffic, most sessions short and some hours long.
//! Records are what such a gateway writes: one for each capture window that a session touches, in whole
//! seconds, delivered late and out of order. And it has what makes the question hard: an outside endpoint is
//! often shared by sessions towards several remotes, and in a dense log a five-tuple often has its next holder
//! within a second.
//!
//! * [`records`]: the log, a record at a time, in order of delivery.
//! * [`Shape`]: how a record is written down.
//! * [`alerts`]: alerts with their [`Truth`], and how they are written.
//!
//! Nothing is held that has been delivered, so the log may be longer than memory: ten times as many sessions
//! need ten times the time, and memory for those that are under way.
//!
//! It is the only place where numbers are floating: to draw from distributions. A moment is an integer.
//!
//! Invariant: the same [`Plan`] gives the same bytes, on every machine. Whoever keeps what was made must make
//! it again when [`GENERATION`] differs.

mod alerts;
mod draw;
mod eve;
mod holders;
mod network;
mod records;
mod shape;
#[cfg(test)]
mod tests;

pub use alerts::{Alert, Kind, Truth, alerts};
pub use eve::{TRUTH_HEADER, write_alert, write_truth};
pub use holders::Tuple;
pub use records::{Record, Records, records};
pub use shape::{Shape, UnknownShape, Writer};

/// Raised by one whenever a plan gives other bytes than before.
pub const GENERATION: u32 = 1;

/// When the traffic begins: midnight, so that a moment's time of day is its distance from here. Unix seconds.
pub const BEGIN_UNIX_S: u64 = 1_772_323_200;

/// How far a gateway's clock may be from the sensor's, for [`Truth::candidates`]. Microseconds.
pub const CLOCK_BOUND_US: u64 = 500_000;

/// What is to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Two seeds give two workloads of the same kind.
    pub seed: u64,
    /// How many records the log has. Sessions begin over six hours, however many they are.
    pub records: u64,
}

const SECOND_US: u64 = 1_000_000;
