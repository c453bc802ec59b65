//! What ulogd2 (its input NFCT) writes of the kernel's translation entries: JSON lines or text.

mod emu;
mod json;

pub(super) use emu::EMU;
pub(super) use json::JSON;

use super::FormatTraits;

/// With `hash_enable=1`, which is ulogd's default, only sessions that are over are written: what is
/// still open is not in the log, so absence proves nothing.
const TRAITS: FormatTraits = FormatTraits { best_effort: true, ..FormatTraits::NAT };
