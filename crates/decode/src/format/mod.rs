//! The session-log formats, one file each; adding one is a file here, a line in [`Format`] and a
//! corpus folder.

use crate::Decoder;
use jiff::tz::TimeZone;
use std::{fmt, str::FromStr, time::Duration};

/// A form that a session log can be written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {}

/// What holds for every log of one format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatTraits {
    /// How long after the fact a record may come.
    pub delay: Duration,
    /// Whether the writer may leave records out, so that absence proves nothing.
    pub best_effort: bool,
    /// Whether flows that the outside opened are shown too.
    pub shows_inbound: bool,
    /// How long a silent session may live, where one session comes in several records.
    pub idle_timeout: Option<Duration>,
}

/// One reading of what a file may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guess<F> {
    /// The format.
    pub format: F,
    /// How many of the sampled lines fit it, in percent.
    pub percent: u8,
}

/// A name that no format has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a session log format that can be read")]
pub struct UnknownFormat(pub String);

impl Format {
    /// Every format, in order of name.
    pub const ALL: [Self; 0] = [];

    /// The name that the command line, inventories and documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {}
    }

    /// What holds for every log of this format.
    #[must_use]
    pub const fn traits(self) -> FormatTraits {
        match self {}
    }

    /// A fresh decoder. `zone` is for times that carry none; a record that needs it and has none is
    /// [`crate::Unreadable::NeedsZone`].
    #[must_use]
    pub fn decoder(self, _zone: Option<TimeZone>) -> Box<dyn Decoder> {
        match self {}
    }
}

/// Which formats the first lines of a file fit, best first; empty if none.
#[must_use]
pub fn detect(_sample: &[u8]) -> Vec<Guess<Format>> {
    Vec::new()
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| UnknownFormat(text.into()))
    }
}
