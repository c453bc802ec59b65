//! Tables with a header row, as Alibaba's log service exports them: the header names the columns, in any
//! order, between commas, `|`, tabs or blanks; files are joined as they are, so it may come again.

use crate::Unreadable;
use memchr::{memchr_iter, memchr3};
use std::borrow::Cow;

/// A column that must be there, by any of its spellings.
pub(super) type Needed = &'static [&'static str];

/// Reads the rows of one file: of each, the cells in the columns of `N` names.
#[derive(Clone, Debug)]
pub(super) struct Rows<const N: usize> {
    needed: &'static [Needed],
    wanted: [&'static str; N],
    header: Header<N>,
    /// Where the cells of the row in hand end; kept for its memory.
    ends: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Header<const N: usize> {
    Missing,
    Faulty(Unreadable),
    Known(Columns<N>),
}

#[derive(Clone, Debug)]
struct Columns<const N: usize> {
    delimiter: u8,
    count: usize,
    /// Which column each wanted name is.
    at: [Option<usize>; N],
}

/// The wanted cells of one row, without white space around them; `None` where there is no such column.
pub(super) type Cells<'a, const N: usize> = [Option<&'a str>; N];

impl<const N: usize> Rows<N> {
    pub(super) const fn new(needed: &'static [Needed], wanted: [&'static str; N]) -> Self {
        Self { needed, wanted, header: Header::Missing, ends: Vec::new() }
    }

    /// Gives the cells of one line to `row`, unless it is a header row.
    ///
    /// # Errors
    /// When the header is missing or lacks a needed column, the row does not fit it, or `row` says so.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &str,
        row: impl FnOnce(Cells<'_, N>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let line = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
        if let Header::Known(columns) = &self.header
            && let Some(cells) = columns.plain(line, &mut self.ends)
        {
            return row(cells);
        }
        if let Some(header) = header(line, self.needed, &self.wanted) {
            self.header = header;
            return match &self.header {
                Header::Faulty(why) => Err(why.clone()),
                Header::Missing | Header::Known(_) => Ok(()),
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
        let cells = cells(line, columns.delimiter).filter(|cells| cells.len() == columns.count);
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        row(columns.at.map(|at| Some(cells.get(at?)?.trim())))
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

impl<const N: usize> Columns<N> {
    /// The cells of a row in which nothing is quoted; `None` where the row does not fit, or may be a
    /// header.
    #[inline]
    fn plain<'a>(&self, line: &'a str, ends: &mut Vec<usize>) -> Option<Cells<'a, N>> {
        let bytes = line.as_bytes();
        if memchr3(b'"', b'\r', b'\n', bytes).is_some() || line.starts_with('\u{feff}') {
            return None;
        }
        ends.clear();
        positions(self.delimiter, bytes, ends);
        ends.push(bytes.len());
        if ends.len() != self.count {
            return None;
        }
        let cell = |at: usize| {
            let start = if at == 0 { 0 } else { ends[at - 1] + 1 };
            &line[start..ends[at]]
        };
        let cells = self.at.map(|at| at.map(cell));
        let begins_with_digit = |cell: &&str| cell.as_bytes().first().is_some_and(u8::is_ascii_digit);
        // A cell of a header never does.
        cells.iter().flatten().any(begins_with_digit).then(|| cells.map(|cell| cell.map(trimmed)))
    }
}

/// Adds where in `bytes` a byte stands. Cells are short, so eight bytes at a time are looked at as one
/// number, of which the highest bit of each is set where it is found.
fn positions(byte: u8, bytes: &[u8], found: &mut Vec<usize>) {
    const ONES: u64 = u64::MAX / 0xff;
    const LOWER: u64 = ONES * 0x7f;
    let (words, rest) = bytes.as_chunks();
    for (start, word) in (0..).step_by(8).zip(words) {
        let other = u64::from_le_bytes(*word) ^ (ONES * u64::from(byte));
        let mut same = !(((other & LOWER) + LOWER) | other | LOWER);
        while same != 0 {
            found.push(start + same.trailing_zeros() as usize / 8);
            same &= same - 1;
        }
    }
    let start = bytes.len() - rest.len();
    found.extend(rest.iter().zip(start..).filter(|(here, _)| **here == byte).map(|(_, at)| at));
}

#[inline]
fn trimmed(cell: &str) -> &str {
    match cell.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] | [b'!'..=b'~'] => cell,
        _ => cell.trim(),
    }
}

/// Whether a cell of the line begins with a digit, between whichever delimiters: then it is no header
/// row. What parts no cells stands within one, and is in no name.
fn has_number(line: &[u8]) -> bool {
    let parts = |byte: u8| matches!(byte, b',' | b'|' | b'\t' | b' ');
    line.windows(2).any(|pair| parts(pair[0]) && pair[1].is_ascii_digit())
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
    let at = wanted.map(|wanted| names.iter().position(|name| name == wanted));
    Some(Header::Known(Columns { delimiter, count: names.len(), at }))
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
            Header::Known(columns) => columns.plain(line, &mut Vec::new()).is_some(),
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
        let cells = cells(line, columns.delimiter).filter(|cells| cells.len() == columns.count);
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        Ok(Some(columns.at.iter().map(|at| Some(cells.get((*at)?)?.trim().to_owned())).collect()))
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
        fn a_row_with_a_number_is_no_header(line in "[a-cx0-9\"]{0,3}([,|\t ][a-cx0-9\" ]{0,3}){0,5}") {
            if has_number(line.as_bytes()) {
                prop_assert!(super::header(&line, NEEDED, &["a"]).is_none(), "{line}");
            }
        }

        #[test]
        fn every_position_is_found(line in "[,a\u{ac}é]{0,40}") {
            let mut found = Vec::new();
            positions(b',', line.as_bytes(), &mut found);
            prop_assert_eq!(found, memchr_iter(b',', line.as_bytes()).collect::<Vec<_>>());
        }
    }
}
