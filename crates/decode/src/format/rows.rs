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
        ends.extend(memchr_iter(self.delimiter, bytes));
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
