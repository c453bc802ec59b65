//! Zeek's own form of a log: columns under a header of lines that begin with `#`.
//!
//! ```text
//! #separator \x09
//! #set_separator  ,
//! #empty_field  (empty)
//! #unset_field  -
//! #path  conn
//! #fields  ts  uid  id.orig_h  id.orig_p  id.resp_h  id.resp_p  proto  service  duration  …
//! #types  time  string  addr  port  addr  port  enum  string  interval  …
//! ```
//!
//! A header may come again, with other columns: files are rotated, and put together again. What came
//! last holds. A column that is named twice names nothing.

use super::{Field, Kind, NAMES, read};
use crate::{Unreadable, alert::Reading};
use memchr::memchr2;
use std::borrow::Cow;

const NO_HEADER: Unreadable = Unreadable::because("no `#fields` header says what its columns are");
const NO_SEPARATOR: Unreadable =
    Unreadable::because("its `#separator` is not one to sixteen ASCII characters");
const OTHER_WIDTH: Unreadable = Unreadable::because("it has more or fewer columns than its `#fields`");

/// More than this no separator or mark for an empty field is.
const MARK_BYTES: usize = 16;

/// What the header said that came last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::alert) struct Table {
    separator: String,
    /// What is written where nothing is set.
    unset: String,
    /// What is written for an empty text or set.
    empty: String,
    path: Option<String>,
    columns: Option<Columns>,
}

/// Where a line has what.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Columns {
    count: usize,
    /// Column and place in [`NAMES`], in order of column.
    wanted: Vec<(usize, usize)>,
}

impl Default for Table {
    fn default() -> Self {
        Self { separator: "\t".into(), unset: "-".into(), empty: "(empty)".into(), path: None, columns: None }
    }
}

impl Table {
    /// Whether a header with a time came, so that lines below it can be told.
    pub(in crate::alert) fn is_known(&self) -> bool {
        self.columns.as_ref().is_some_and(|columns| columns.has(Field::Time))
    }

    /// Reads a line: a part of a header, which is remembered, or one of what the header says.
    pub(in crate::alert) fn read(&mut self, line: &str) -> Reading {
        let line = line.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}');
        let told = match line.strip_prefix('#') {
            Some(directive) => self.learn(directive).map(|()| Reading::NotAnAlert),
            None => self.row(line),
        };
        told.unwrap_or_else(Reading::Unreadable)
    }

    fn learn(&mut self, directive: &str) -> Result<(), Unreadable> {
        if let Some(written) = directive.strip_prefix("separator ") {
            // It begins every header: nothing of an earlier one holds any longer.
            *self = Self::default();
            let separator = unescaped(written);
            let usable = separator.is_ascii() && (1..=MARK_BYTES).contains(&separator.len());
            self.separator = if usable { separator } else { String::new() };
            return if usable { Ok(()) } else { Err(NO_SEPARATOR) };
        }
        if self.separator.is_empty() {
            return Err(NO_SEPARATOR);
        }
        let Some((name, value)) = directive.split_once(self.separator.as_str()) else { return Ok(()) };
        let mark = || value.get(..MARK_BYTES).unwrap_or(value).to_owned();
        match name {
            "unset_field" => self.unset = mark(),
            "empty_field" => self.empty = mark(),
            "path" => self.path = Some(mark()),
            "fields" => self.columns = Some(Columns::of(value.split(self.separator.as_str()))),
            _ => {}
        }
        Ok(())
    }

    fn row(&self, line: &str) -> Result<Reading, Unreadable> {
        if self.separator.is_empty() {
            return Err(NO_SEPARATOR);
        }
        let columns = self.columns.as_ref().ok_or(NO_HEADER)?;
        let mut values = [None; NAMES.len()];
        let mut wanted = columns.wanted.iter().peekable();
        let mut count = 0;
        for (column, value) in line.split(self.separator.as_str()).enumerate() {
            count = column + 1;
            if let Some((_, place)) = wanted.next_if(|(at, _)| *at == column) {
                let set = !value.is_empty() && value != self.unset && value != self.empty;
                values[*place] = set.then_some(value);
            }
        }
        if count != columns.count {
            return Err(OTHER_WIDTH);
        }
        let kind = Kind::of(self.path.as_deref(), |field| columns.has(field));
        let get = |wanted: Field| {
            let mut named = NAMES.iter().zip(values).filter(|((field, _), _)| *field == wanted);
            named.find_map(|(_, value)| value).map(Cow::Borrowed)
        };
        Ok(read(kind, get))
    }
}

/// Whether a line may be a part of a header: by itself, or out of an
/// [envelope](crate::Carrier::Envelope).
pub(in crate::alert) fn may_be_header(mut line: &[u8]) -> bool {
    while let Some(rest) = line.strip_prefix("\u{feff}".as_bytes()) {
        line = rest;
    }
    match line.first() {
        Some(b'#') => true,
        Some(b'{') => memchr2(b'#', b'\\', line).is_some(),
        _ => false,
    }
}

impl Columns {
    fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut found: [Option<Result<usize, Twice>>; NAMES.len()] = [None; NAMES.len()];
        let mut count = 0;
        for (column, name) in names.enumerate() {
            count = column + 1;
            if let Some(place) = NAMES.iter().position(|(_, known)| *known == name) {
                found[place] = Some(if found[place].is_none() { Ok(column) } else { Err(Twice) });
            }
        }
        let mut wanted: Vec<(usize, usize)> =
            found.iter().enumerate().filter_map(|(place, column)| Some(((*column)?.ok()?, place))).collect();
        wanted.sort_unstable();
        Self { count, wanted }
    }

    fn has(&self, wanted: Field) -> bool {
        self.wanted.iter().any(|(_, place)| NAMES[*place].0 == wanted)
    }
}

/// A name that two columns have.
#[derive(Clone, Copy)]
struct Twice;

/// `\x09` as the character that it means.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push_str("\\x");
                plain.push_str(part);
            }
        }
    }
    plain
}
