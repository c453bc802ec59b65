//! The session-log formats, one file each; adding one is a file here, a line in [`Format`] and a
//! corpus folder.

mod alibaba_nat;
mod conntrack;
mod detect;

pub use detect::detect;

use crate::Decoder;
use jiff::tz::TimeZone;
use std::{fmt, str::FromStr, time::Duration};

/// A form that a session log can be written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// Alibaba Cloud's NAT gateway session log as JSON lines.
    AlibabaNat,
    /// The same as CSV with a header row.
    AlibabaNatCsv,
    /// `conntrack -E` event text.
    ConntrackText,
}

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
    pub const ALL: [Self; 3] = [Self::AlibabaNat, Self::AlibabaNatCsv, Self::ConntrackText];

    /// The name that the command line, inventories and documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AlibabaNat => "alibaba-nat",
            Self::AlibabaNatCsv => "alibaba-nat-csv",
            Self::ConntrackText => "conntrack-text",
        }
    }

    /// What holds for every log of this format.
    #[must_use]
    pub const fn traits(self) -> FormatTraits {
        match self {
            Self::AlibabaNat | Self::AlibabaNatCsv => alibaba_nat::TRAITS,
            Self::ConntrackText => conntrack::TRAITS,
        }
    }

    /// A fresh decoder. `zone` is for times that carry none; a record that needs it and has none is
    /// [`crate::Unreadable::NeedsZone`].
    #[must_use]
    pub fn decoder(self, zone: Option<TimeZone>) -> Box<dyn Decoder> {
        match self {
            Self::AlibabaNat => Box::new(alibaba_nat::JsonDecoder::new(zone)),
            Self::AlibabaNatCsv => Box::new(alibaba_nat::CsvDecoder::new(zone)),
            Self::ConntrackText => Box::new(conntrack::ConntrackText::new(zone)),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Names under which inventories also know a format.
const ALIASES: [(&str, Format); 1] = [
    // One format: each line says by itself whether it carries kernel times.
    ("conntrack-text-ktimestamp", Format::ConntrackText),
];

/// Reads a name, or an alias that inventories use.
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let names = Self::ALL.into_iter().map(|format| (format.name(), format));
        let mut known = names.chain(ALIASES);
        known
            .find_map(|(name, format)| (name == text).then_some(format))
            .ok_or_else(|| UnknownFormat(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_leads_to_its_format() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!("conntrack-text-ktimestamp".parse(), Ok(Format::ConntrackText));
        assert_eq!("conntrack".parse::<Format>(), Err(UnknownFormat("conntrack".into())));
        assert!(Format::ALL.is_sorted_by_key(|format| format.name()));
    }
}
