//! Frames as lines: what of an input may be decoded.

use crate::reading::{BREAKS_OFF, TOO_LONG};
use unmasq_decode::Unreadable;
use unmasq_io::source::{Frame, Part};

/// The line that a frame is, or why its line cannot be decoded; `None` for a blank line, and for the
/// later pieces of one that was refused by its first.
pub(crate) fn line_of<'f>(frame: &Frame<'f>) -> Option<Result<&'f [u8], Unreadable>> {
    match frame.part {
        Part::Whole if frame.content().trim_ascii().is_empty() => None,
        Part::Whole => Some(Ok(frame.content())),
        Part::First => Some(Err(TOO_LONG)),
        // A part of a record may look like another record.
        Part::Cut => Some(Err(BREAKS_OFF)),
        Part::Middle | Part::Last => None,
    }
}
