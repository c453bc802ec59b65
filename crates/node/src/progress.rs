//! Long work, told to whoever watches.

use unmasq_io::source::Meter;

/// Somebody who wants to know how far the work is.
pub trait Progress {
    /// A stretch of work begins: `meter` will count up to `bytes`, if that is known.
    fn begin(&self, what: &str, bytes: Option<u64>, meter: &Meter);
    /// It is over.
    fn end(&self);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>, _: &Meter) {}
    fn end(&self) {}
}
