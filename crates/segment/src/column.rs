//! The columns: what each is called, what it means to others, and where its values are in a row.

use crate::Plain;

/// The values of nullable columns that are missing. No column that may lack a value has one this large.
pub(crate) const MISSING: u64 = u64::MAX;

/// Whose name a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    Gateway,
    Realm,
    Log,
    File,
}

impl Text {
    pub(crate) const ALL: [Self; 4] = [Self::Gateway, Self::Realm, Self::Log, Self::File];
}

/// What Parquet calls the values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A number of 32 bits that may be negative.
    Signed,
    /// A number of at most 32 bits.
    Small(u8),
    /// A number of 64 bits.
    Large,
    /// Microseconds since the Unix epoch.
    Moment,
    /// Microseconds.
    Duration,
    /// A name; its value is its number in the file's names.
    Text(Text),
}

impl Kind {
    /// Whether a value takes 64 bits where it is written plainly.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Self::Large | Self::Moment | Self::Duration)
    }

    /// The largest that a value may be, as unsigned bits.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::Small(bits) => u64::MAX >> (64 - bits),
            Self::Signed | Self::Text(_) => u32::MAX.into(),
            Self::Large | Self::Moment | Self::Duration => u64::MAX,
        }
    }
}

macro_rules! columns {
    ($($name:ident $text:literal $kind:expr, $nullable:literal, $trace:literal;)*) => {
        /// A column, in the order of the file.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Column { $($name,)* }

        impl Column {
            pub(crate) const ALL: [Self; COLUMNS] = [$(Self::$name,)*];

            /// What it is called in the file.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub(crate) fn kind(self) -> Kind {
                match self { $(Self::$name => $kind,)* }
            }

            /// Whether a value may be missing.
            pub(crate) fn is_nullable(self) -> bool {
                match self { $(Self::$name => $nullable,)* }
            }

            /// Whether an answer needs it, and not only the proof of one.
            pub(crate) fn is_of_trace(self) -> bool {
                match self { $(Self::$name => $trace,)* }
            }
        }
    };
}

/// How many columns there are.
pub(crate) const COLUMNS: usize = 17;

columns! {
    Hour "hour" Kind::Signed, false, true;
    OutsideIp "outside_ip" Kind::Small(32), false, true;
    OutsidePort "outside_port" Kind::Small(16), false, true;
    RemoteIp "remote_ip" Kind::Small(32), false, true;
    RemotePort "remote_port" Kind::Small(16), true, true;
    Protocol "protocol" Kind::Small(8), false, true;
    Start "start" Kind::Moment, false, true;
    StartOpen "start_open" Kind::Small(32), false, true;
    Lasted "lasted" Kind::Duration, false, true;
    EndOpen "end_open" Kind::Small(32), false, true;
    InsideIp "inside_ip" Kind::Small(32), false, true;
    InsidePort "inside_port" Kind::Small(16), true, true;
    Gateway "gateway" Kind::Text(Text::Gateway), false, true;
    Realm "realm" Kind::Text(Text::Realm), true, true;
    Log "log" Kind::Text(Text::Log), false, false;
    File "file" Kind::Text(Text::File), false, false;
    Line "line" Kind::Large, false, false;
}

impl Column {
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Appends the values of these rows.
    pub(crate) fn gather(self, rows: &[Plain], values: &mut Vec<u64>) {
        let missing = |value: Option<u32>| value.map_or(MISSING, u64::from);
        macro_rules! each {
            ($row:ident => $value:expr) => {
                values.extend(rows.iter().map(|$row| $value))
            };
        }
        match self {
            Self::Hour => each!(row => u64::from(row.hour.cast_unsigned())),
            Self::OutsideIp => each!(row => u64::from(row.outside_ip)),
            Self::OutsidePort => each!(row => u64::from(row.outside_port)),
            Self::RemoteIp => each!(row => u64::from(row.remote_ip)),
            Self::RemotePort => each!(row => missing(row.remote_port().map(u32::from))),
            Self::Protocol => each!(row => u64::from(row.protocol)),
            Self::Start => each!(row => row.start.cast_unsigned()),
            Self::StartOpen => each!(row => u64::from(row.start_open)),
            // Of any two moments: beyond 64 bits it goes round, and comes back when it is added.
            Self::Lasted => each!(row => row.end.wrapping_sub(row.start).cast_unsigned()),
            Self::EndOpen => each!(row => u64::from(row.end_open)),
            Self::InsideIp => each!(row => u64::from(row.inside_ip)),
            Self::InsidePort => each!(row => missing(row.inside_port().map(u32::from))),
            Self::Gateway => each!(row => u64::from(row.gateway)),
            Self::Realm => each!(row => missing(row.realm())),
            Self::Log => each!(row => u64::from(row.log)),
            Self::File => each!(row => u64::from(row.file)),
            Self::Line => each!(row => row.line),
        }
    }

    /// Puts a value for each row into it. `lasted` comes after `start`.
    pub(crate) fn spread(self, values: impl Iterator<Item = u64>, rows: &mut [Plain]) {
        macro_rules! each {
            ($row:ident, $value:ident => $put:expr) => {
                for ($row, $value) in rows.iter_mut().zip(values) {
                    $put;
                }
            };
        }
        match self {
            Self::Hour => each!(row, value => row.hour = low32(value).cast_signed()),
            Self::OutsideIp => each!(row, value => row.outside_ip = low32(value)),
            Self::OutsidePort => each!(row, value => row.outside_port = low16(value)),
            Self::RemoteIp => each!(row, value => row.remote_ip = low32(value)),
            Self::RemotePort => each!(row, value => row.set_remote_port(there(value).map(low16))),
            Self::Protocol => each!(row, value => row.protocol = value.to_le_bytes()[0]),
            Self::Start => each!(row, value => row.start = value.cast_signed()),
            Self::StartOpen => each!(row, value => row.start_open = low32(value)),
            Self::Lasted => each!(row, value => row.end = row.start.wrapping_add(value.cast_signed())),
            Self::EndOpen => each!(row, value => row.end_open = low32(value)),
            Self::InsideIp => each!(row, value => row.inside_ip = low32(value)),
            Self::InsidePort => each!(row, value => row.set_inside_port(there(value).map(low16))),
            Self::Gateway => each!(row, value => row.gateway = low32(value)),
            Self::Realm => each!(row, value => row.set_realm(there(value).map(low32))),
            Self::Log => each!(row, value => row.log = low32(value)),
            Self::File => each!(row, value => row.file = low32(value)),
            Self::Line => each!(row, value => row.line = value),
        }
    }
}

fn there(value: u64) -> Option<u64> {
    (value != MISSING).then_some(value)
}

fn low32(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}

fn low16(value: u64) -> u16 {
    u16::try_from(value & u64::from(u16::MAX)).unwrap_or_default()
}
