//! Tables with a header row, as Alibaba's log service exports them: the header names the columns, in any
//! order, between commas, `|`, tabs or blanks; files are joined as they are, so it may come again.

use crate::{
    Unreadable,
    json::str_of,
    places::{Found, Places},
    sixteen::{self, SIXTEEN},
};
use memchr::memchr_iter;
use std::borrow::Cow;

/// A column that must be there, by any of its spellings.
pub(super) type Needed = &'static [&'static str];

/// Reads the rows of one file: of each, the cells in the columns of `N` names.
#[derive(Clone, Debug)]
pub(super) struct Rows<const N: usize> {
    needed: &'static [Needed],
    wanted: [&'static str; N],
    header: Header<N>,
}

#[derive(Clone, Debug)]
enum Header<const N: usize> {
    Missing,
    Faulty(Unreadable),
    Known(Columns),
}

#[derive(Clone, Debug)]
struct Columns {
    delimiter: u8,
    /// Which wanted name each column has; beyond the last if none.
    slots: Vec<usize>,
}

impl<const N: usize> Rows<N> {
    pub(super) const fn new(needed: &'static [Needed], wanted: [&'static str; N]) -> Self {
        Self { needed, wanted, header: Header::Missing }
    }

    /// Gives the cells of one line, without white space around them, to `row`, unless it is a header row.
    ///
    /// # Errors
    /// When the header is missing or lacks a needed column, the row does not fit it, or `row` says so.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &str,
        row: impl FnOnce(Found<'_, N>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.find(text, |line, places| row(places.of(line)))
    }

    /// The same as places in a line.
    ///
    /// # Errors
    /// As above.
    #[inline]
    pub(super) fn find(
        &mut self,
        text: &str,
        row: impl FnOnce(&str, &Places<N>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut places = Places::nowhere();
        let line = line_of(text);
        if self.plain(line.as_bytes(), &mut places) {
            return row(line, &places);
        }
        match self.any(line)? {
            Some((cells, places)) => row(&cells, &places),
            None => Ok(()),
        }
    }

    /// Says where the cells of a row stand in which nothing is quoted; `false` where it does not fit, or may be
    /// a header or no text, and then they may be anywhere.
    #[inline]
    pub(super) fn plain(&self, line: &[u8], places: &mut Places<N>) -> bool {
        match &self.header {
            Header::Known(columns) => columns.plain(line, places),
            Header::Faulty(_) | Header::Missing => false,
        }
    }

    /// The cells of a row that may have quotes, one behind the other, and their places there; `None` for a
    /// header row, which it notes.
    fn any(&mut self, line: &str) -> Result<Option<(String, Places<N>)>, Unreadable> {
        if let Some(header) = header(line, self.needed, &self.wanted) {
            self.header = header;
            return match &self.header {
                Header::Faulty(why) => Err(why.clone()),
                Header::Missing | Header::Known(_) => Ok(None),
            };
        }
        let columns = match &self.header {
            Header::Known(columns) => columns,
            Header::Faulty(why) => return Err(why.clone()),
            Header::Missing => {
                return Err(Unreadable::because(
                    "no header row before it names the columns: export with a header",
                ));
            }
        };
        let cells = cells(line, columns.delimiter).filter(|cells| cells.len() == columns.slots.len());
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        let (mut all, mut places) = (String::new(), Places::nowhere());
        for (cell, slot) in cells.iter().zip(&columns.slots) {
            let start = all.len();
            all.push_str(cell.trim());
            places.set(*slot, start, all.len());
        }
        Ok(Some((all, places)))
    }

    /// Whether one of these lines may be a header row; see [`Decoder::turns`](crate::Decoder::turns).
    pub(super) fn turns(&self, lines: &[u8]) -> bool {
        let mentions = |line: &[u8]| {
            let names = self.needed.iter().flat_map(|names| names.iter());
            names.filter(|name| memchr::memmem::find(line, name.as_bytes()).is_some()).nth(1).is_some()
        };
        let mut from = 0;
        memchr_iter(b'\n', lines).chain([lines.len()]).any(|end| {
            let line = &lines[from..end];
            from = (end + 1).min(lines.len());
            !has_number(line) && mentions(line)
        })
    }
}

/// A line without a byte order mark before it and its end behind it.
fn line_of(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n'])
}

impl Columns {
    /// See [`Rows::plain`].
    #[inline]
    fn plain<const N: usize>(&self, line: &[u8], places: &mut Places<N>) -> bool {
        let (mut slots, mut start, mut unseen) = (self.slots.iter(), 0, 0);
        let mut cell = |end: usize| {
            let slot = slots.next();
            slot.into_iter().for_each(|slot| places.set(*slot, start, end));
            start = end + 1;
            slot.is_some()
        };
        for (at, block) in sixteen::blocks(line) {
            let mut ends = block.equal(self.delimiter);
            unseen |= block.unseen() & !ends;
            if block.equal(b'"') != 0 {
                return false;
            }
            while ends != 0 {
                if !cell(at + ends.trailing_zeros() as usize) {
                    return false;
                }
                ends &= ends - 1;
            }
        }
        if !cell(line.len()) || slots.next().is_some() {
            return false;
        }
        if unseen != 0 {
            let Some(text) = str_of(line).filter(|text| !text.contains(['\r', '\n', '\u{feff}'])) else {
                return false;
            };
            places.all_mut().for_each(|place| *place = trimmed(text, *place));
        }
        // A cell of a header never begins with a digit.
        places.all_mut().any(|(start, end)| start < end && line[*start].is_ascii_digit())
    }
}

/// From where to where the cell without white space around it is.
fn trimmed(line: &str, (start, end): (usize, usize)) -> (usize, usize) {
    let cell = &line[start..end];
    let start = end - cell.trim_start().len();
    (start, start + cell.trim().len())
}

/// Whether a cell of the line begins with a digit, between whichever delimiters: then it is no header
/// row. What parts no cells stands within one, and is in no name.
fn has_number(line: &[u8]) -> bool {
    let mut before = 0;
    sixteen::blocks(line).any(|(at, block)| {
        let parts = b",|\t ".iter().fold(0, |parts, byte| parts | block.equal(*byte));
        let begins = parts << 1 | before;
        before = parts >> (SIXTEEN - 1);
        // Behind the line stand noughts, which are none of its digits.
        let ours = (1_u32 << (line.len() - at).min(SIXTEEN)) - 1;
        begins & block.digits() & ours != 0
    })
}

/// The columns that `line` names; `None` if it is no header row.
///
/// Cells hold what strangers sent, so a row must not pass for a header: in a header every cell is a
/// name, and a row has at least a time or an address, which begin with a digit.
fn header<const N: usize>(line: &str, needed: &[Needed], wanted: &[&str; N]) -> Option<Header<N>> {
    let mentioned = |name: &&&str| line.contains(**name);
    needed.iter().flat_map(|names| names.iter()).filter(mentioned).nth(1)?;
    let known = |names: &[String]| {
        needed.iter().filter(|any| names.iter().any(|name| any.contains(&name.as_str()))).count()
    };
    let (delimiter, names) = b",|\t "
        .iter()
        .filter_map(|&delimiter| Some((delimiter, cells(line, delimiter)?)))
        .map(|(delimiter, cells)| {
            (delimiter, cells.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        })
        .filter(|(_, names)| names.iter().all(|name| is_name(name)))
        .max_by_key(|(_, names)| known(names))
        .filter(|(_, names)| known(names) > 1)?;
    let lacks = |any: &&Needed| !names.iter().any(|name| any.contains(&name.as_str()));
    if let Some(missing) = needed.iter().find(lacks).and_then(|any| any.first()) {
        let why = format!("`{missing}` is not among the columns of the header row");
        return Some(Header::Faulty(Unreadable::Because(Cow::Owned(why))));
    }
    let mut sorted: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(Header::Faulty(Unreadable::because("the header row names a column twice")));
    }
    let slot = |name: &String| wanted.iter().position(|wanted| wanted == name).unwrap_or(N);
    Some(Header::Known(Columns { delimiter, slots: names.iter().map(slot).collect() }))
}

fn is_name(cell: &str) -> bool {
    !cell.starts_with(|c: char| c.is_ascii_digit())
        && cell.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-' | '@'))
}

/// The cells of one row.
fn cells(line: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(512)
        .from_reader(line.as_bytes());
    let mut row = csv::StringRecord::new();
    let read = reader.read_record(&mut row).ok()?;
    read.then(|| row.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDED: &[Needed] = &[&["a"], &["b", "c"]];

    /// The wanted cells of a line, none of a header row; or why it cannot be read.
    type Told = Result<Option<Vec<Option<String>>>, Unreadable>;

    /// What a line says under a header, and whether all of it was read at once.
    fn read(header: &str, line: &str) -> (Told, bool) {
        let mut rows = Rows::new(NEEDED, ["a", "b", "x"]);
        rows.read(header, |_| panic!("a header")).unwrap();
        let plain = match &rows.header {
            Header::Known(columns) => columns.plain::<3>(line.as_bytes(), &mut Places::nowhere()),
            _ => false,
        };
        let mut cells = None;
        let owned = |cell: &str| cell.to_owned();
        let told = rows.read(line, |row| {
            cells = Some(row.map(|cell| cell.map(owned)).to_vec());
            Ok(())
        });
        (told.map(|()| cells), plain)
    }

    /// The same without the fast way.
    fn read_surely(header: &str, line: &str) -> Told {
        let line = line.strip_prefix('\u{feff}').unwrap_or(line).trim_end_matches(['\r', '\n']);
        let wanted = ["a", "b", "x"];
        let Some(Header::Known(columns)) = super::header(header, NEEDED, &wanted) else {
            panic!("no header")
        };
        match super::header(line, NEEDED, &wanted) {
            Some(Header::Faulty(why)) => return Err(why),
            Some(_) => return Ok(None),
            None => {}
        }
        let cells = cells(line, columns.delimiter).filter(|cells| cells.len() == columns.slots.len());
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        let column = |slot: usize| columns.slots.iter().position(|of| *of == slot);
        Ok(Some((0..3).map(|slot| Some(cells[column(slot)?].trim().to_owned())).collect()))
    }

    #[test]
    fn a_plain_row_is_read_at_once() {
        for header in ["a,b,d", "d|a|b", "b\ta\td", "a d b"] {
            let line = header.replace('a', "1").replace('b', "x").replace('d', "");
            assert!(read(header, &line).1, "{header}");
        }
        for line in ["1,\"x\",2", "x,y,z", "1,2", "1,2\r3,4", "a,b,d"] {
            assert!(!read("a,b,d", line).1, "{line}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same(
            header in prop::sample::select(&["a,b,d", "d|a|c|x", "b\ta", "x a b"][..]),
            line in "\u{feff}{0,2}([0-9a-dx]{0,9}[,|\t ]){0,4}[0-9a-dx \"]{0,3}[\r\n]{0,2}|[1abcdx,|\t \"\r]{0,14}|.{0,20}",
        ) {
            prop_assert_eq!(read(header, &line).0, read_surely(header, &line), "{:?}", line);
        }

        #[test]
        fn a_number_is_found_wherever_it_stands(line in "[a0,]{0,3}[a,]{0,40}[a0,| \t]{0,3}") {
            let parts = |byte: u8| matches!(byte, b',' | b'|' | b'\t' | b' ');
            let there = line.as_bytes().windows(2).any(|pair| parts(pair[0]) && pair[1].is_ascii_digit());
            prop_assert_eq!(has_number(line.as_bytes()), there, "{:?}", line);
        }

        #[test]
        fn a_row_with_a_number_is_no_header(line in "[a-cx0-9\"]{0,3}([,|\t ][a-cx0-9\" ]{0,3}){0,5}") {
            if has_number(line.as_bytes()) {
                prop_assert!(super::header(&line, NEEDED, &["a"]).is_none(), "{line}");
            }
        }
    }
}
