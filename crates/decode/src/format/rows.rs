//! Tables with a header row, as Alibaba's log service exports them: the header names the columns, in any
//! order, between commas, `|`, tabs or blanks; files are joined as they are, so it may come again.

use crate::Unreadable;
use std::borrow::Cow;

/// A column that must be there, by any of its spellings.
pub(super) type Needed = &'static [&'static str];

/// The rows of one file.
pub(super) struct Rows {
    needed: &'static [Needed],
    header: Header,
}

enum Header {
    Missing,
    Faulty(Unreadable),
    Known(Columns),
}

struct Columns {
    delimiter: u8,
    names: Vec<String>,
}

/// One row that is no header.
pub(super) struct Row<'r> {
    names: &'r [String],
    cells: Vec<String>,
}

impl Row<'_> {
    /// The cell in the column of this name, which may be empty; `None` if there is no such column.
    pub(super) fn cell(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|column| column == name)?;
        self.cells.get(at).map(|cell| cell.trim())
    }
}

impl Rows {
    pub(super) const fn new(needed: &'static [Needed]) -> Self {
        Self { needed, header: Header::Missing }
    }

    /// Reads one line; `None` for a header row.
    ///
    /// # Errors
    /// When the header is missing or lacks a needed column, or the row does not fit it.
    pub(super) fn read(&mut self, text: &str) -> Result<Option<Row<'_>>, Unreadable> {
        let line = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
        if let Some(header) = header(line, self.needed) {
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
        let cells = cells(line, columns.delimiter).filter(|cells| cells.len() == columns.names.len());
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        Ok(Some(Row { names: &columns.names, cells }))
    }
}

/// The columns that `line` names; `None` if it is no header row.
///
/// Cells hold what strangers sent, so a row must not pass for a header: in a header every cell is a
/// name, and a row has at least a time or an address, which begin with a digit.
fn header(line: &str, needed: &[Needed]) -> Option<Header> {
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
    Some(Header::Known(Columns { delimiter, names }))
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
