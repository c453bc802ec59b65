//! Frames as lines: what of an input may be decoded.

use unmasq_decode::Unreadable;
use unmasq_io::source::{Frame, Part};

/// The line that a frame is, or why its line cannot be decoded; `None` for a blank line, and for the
/// later pieces of one that was refused by its first.
pub(crate) fn line_of<'f>(frame: &Frame<'f>) -> Option<Result<&'f [u8], Unreadable>> {
    match frame.part {
        Part::Whole if frame.content().trim_ascii().is_empty() => None,
        Part::Whole => Some(Ok(frame.content())),
        Part::First => Some(Err(Unreadable::because("it is longer than 1 MiB"))),
        // A part of a record may look like another record.
        Part::Cut => Some(Err(Unreadable::because("the file breaks off in it"))),
        Part::Middle | Part::Last => None,
    }
}
