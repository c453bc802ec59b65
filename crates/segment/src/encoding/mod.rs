//! How the values of a page are written.

mod delta;
mod packed;

pub(crate) use delta::{put_delta, take_delta};
pub(crate) use packed::{put_hybrid, take_hybrid, width_of};
