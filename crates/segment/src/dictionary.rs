//! The values that occur in one column of one row group, in order.

use crate::{
    column::{Kind, MISSING, Text},
    damaged::Broken,
    encoding::width_of,
    format::TEXTS_MAX,
    names::Names,
};
use bytes::Bytes;
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// What stands for a missing value among codes.
pub(crate) const NO_CODE: u32 = u32::MAX;

/// The values that occur, and which of them each row has.
pub(crate) struct Coded {
    /// In order, each once.
    pub(crate) values: Vec<u64>,
    /// For each row.
    pub(crate) codes: Vec<u32>,
}

impl Coded {
    /// `None` if there are several values.
    pub(crate) fn of_one_value(rows: &[u64], nullable: bool) -> Option<Self> {
        let &value = rows.first()?;
        if rows.iter().any(|&other| other != value) {
            return None;
        }
        let is_missing = nullable && value == MISSING;
        let (values, code) = if is_missing { (Vec::new(), NO_CODE) } else { (vec![value], 0) };
        Some(Self { values, codes: vec![code; rows.len()] })
    }

    /// How many bits a code takes.
    pub(crate) fn width(&self) -> u8 {
        width_of((self.values.len().max(1) - 1) as u64)
    }
}

/// After so many rows it is seen whether values come again.
const PROBE: usize = 8 << 10;

/// Finds the values that occur.
#[derive(Default)]
pub(crate) struct Coder {
    /// The numbers of values below 2¹⁶: each has its place.
    low: Vec<u32>,
    /// Those of values below 2³², in half of the room, which is a core's own cache.
    small: HashMap<u32, u32, FixedState>,
    /// Those of all others.
    large: HashMap<u64, u32, FixedState>,
}

impl Coder {
    /// `None` where a list of them would be longer than what it saves.
    pub(crate) fn code(&mut self, rows: &[u64], kind: Kind, nullable: bool) -> Option<Coded> {
        if let Some(coded) = Coded::of_one_value(rows, nullable) {
            return Some(coded);
        }
        let (most, highest) = match kind {
            // Names have low numbers.
            Kind::Text(_) => {
                (rows.len(), rows.iter().copied().filter(|&name| name != MISSING).max().unwrap_or(0))
            }
            kind => (rows.len() / 2, kind.most()),
        };
        // A port takes hardly more than its code, so few may be new; other values may take much more.
        let most_probed = PROBE - if kind.most() <= u16::MAX.into() { PROBE / 3 } else { PROBE / 50 };
        let wanted = Wanted { rows, nullable, most, most_probed };
        let Self { low, small, large } = self;
        if let Ok(highest) = u16::try_from(highest) {
            low.clear();
            low.resize(usize::from(highest) + 1, NO_CODE);
            wanted.code(|value, next| {
                let number = low.get_mut(usize::try_from(value).ok()?)?;
                *number = if *number == NO_CODE { next } else { *number };
                Some(*number)
            })
        } else if u32::try_from(highest).is_ok() {
            small.clear();
            wanted.code(|value, next| Some(*small.entry(u32::try_from(value).ok()?).or_insert(next)))
        } else {
            large.clear();
            wanted.code(|value, next| Some(*large.entry(value).or_insert(next)))
        }
    }
}

/// Values whose list is wanted.
struct Wanted<'r> {
    rows: &'r [u64],
    nullable: bool,
    /// There are no more than so many different ones, …
    most: usize,
    /// … and no more than so many among the first.
    most_probed: usize,
}

impl Wanted<'_> {
    /// `number_of` knows the number of each value, and gives it the next one if it has none; `None` if that is no value
    /// of its column.
    fn code(&self, mut number_of: impl FnMut(u64, u32) -> Option<u32>) -> Option<Coded> {
        let mut values = Vec::new();
        let mut codes = Vec::with_capacity(self.rows.len());
        let (mut before, mut code) = (None, NO_CODE);
        for &value in self.rows {
            if before != Some(value) {
                before = Some(value);
                code = if self.nullable && value == MISSING {
                    NO_CODE
                } else {
                    let next = u32::try_from(values.len()).ok()?;
                    let number = number_of(value, next)?;
                    if number == next {
                        values.push(value);
                    }
                    number
                };
                if values.len() > self.most {
                    return None;
                }
            }
            codes.push(code);
            if codes.len() == PROBE && values.len() > self.most_probed && self.most < self.rows.len() {
                return None;
            }
        }
        let mut order: Vec<(u64, u32)> = values.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut places = vec![0; order.len()];
        for (place, &(value, code)) in (0..).zip(&order) {
            places[code as usize] = place;
            values[place as usize] = value;
        }
        for code in &mut codes {
            *code = places.get(*code as usize).copied().unwrap_or(NO_CODE);
        }
        Some(Coded { values, codes })
    }
}

/// Appends a dictionary's values as Parquet has them.
pub(crate) fn put_values(kind: Kind, values: &[u64], names: &Names, out: &mut Vec<u8>) {
    match kind {
        Kind::Text(text) => {
            let texts: Vec<&str> = names.texts(text).collect();
            for &value in values {
                let text =
                    usize::try_from(value).ok().and_then(|i| texts.get(i)).copied().unwrap_or_default();
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        kind if kind.is_wide() => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
        _ => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()[..4])),
    }
}

/// A dictionary as it was read: its bytes as they are, for most look-ups want one value of it.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    bytes: Bytes,
    wide: bool,
}

impl Dictionary {
    /// From a dictionary page of `count` values.
    pub(crate) fn read(kind: Kind, bytes: Bytes, count: u32, names: &Names) -> Result<Self, Broken> {
        let dictionary = match kind {
            Kind::Text(text) => Self { bytes: numbers_of(text, &bytes, count, names)?.into(), wide: false },
            kind => Self { bytes, wide: kind.is_wide() },
        };
        let width = if dictionary.wide { 8 } else { 4 };
        if dictionary.bytes.len() as u64 != u64::from(count) * width {
            return Err("the dictionary has more or fewer values than it says");
        }
        // A value that fills its bytes can have any.
        if let Kind::Small(..32) = kind
            && (0..count).any(|code| dictionary.get(code) > kind.most())
        {
            return Err("a value is larger than its column allows");
        }
        Ok(dictionary)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / if self.wide { 8 } else { 4 }
    }

    /// The value of a code; missing if it has none.
    #[inline]
    pub(crate) fn get(&self, code: u32) -> u64 {
        let at = code as usize;
        if self.wide {
            let value = self.bytes.get(at * 8..).and_then(<[u8]>::first_chunk);
            value.map_or(MISSING, |&value| u64::from_le_bytes(value))
        } else {
            let value = self.bytes.get(at * 4..).and_then(<[u8]>::first_chunk);
            value.map_or(MISSING, |&value| u32::from_le_bytes(value).into())
        }
    }
}

/// The numbers that the file's own names have, of the names of a row group.
fn numbers_of(text: Text, mut rest: &[u8], count: u32, names: &Names) -> Result<Vec<u8>, Broken> {
    let all: Vec<&str> = names.texts(text).collect();
    let mut numbers = Vec::new();
    if rest.len() > TEXTS_MAX {
        return Err("the names are too long");
    }
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk().ok_or("a name is cut")?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (name, after) = after.split_at_checked(length).ok_or("a name is cut")?;
        rest = after;
        let number = all.binary_search_by(|one| one.as_bytes().cmp(name)).ok();
        let number = number.and_then(|number| u32::try_from(number).ok());
        numbers.extend_from_slice(&number.ok_or("a name is not in the file's list")?.to_le_bytes());
    }
    if rest.is_empty() { Ok(numbers) } else { Err("there is more than the names") }
}
