//! A file that is open for reading.

use crate::{
    column::{COLUMNS, Column},
    damaged::Damaged,
    directory::{Directory, Key},
    format::MAGIC,
    names::Names,
    pages::{Pages, Values},
    plain::Plain,
    source::Source,
};

/// A file of plain sessions, open for reading. Of the file itself it holds nothing but where its pages are;
/// several may read at once.
pub struct Segment<S> {
    source: S,
    directory: Directory,
}

/// Which columns are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Columns {
    /// Those that an answer needs. The others, log, file and line, are 0.
    Trace,
    /// All.
    All,
}

impl<S: Source> Segment<S> {
    /// Reads what the file says of itself, at its end, and checks that.
    ///
    /// # Errors
    /// If it is no such file, or its directory is damaged. Pages are checked when they are read.
    pub fn open(source: S) -> Result<Self, Damaged> {
        let directory = Directory::open(&source)?;
        Ok(Self { source, directory })
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.directory.rows
    }

    /// What the numbers of names in rows stand for.
    pub fn names(&self) -> &Names {
        &self.directory.names
    }

    /// What whoever wrote the file had to say of it.
    pub fn facts(&self) -> &[(String, String)] {
        &self.directory.facts
    }

    /// No row stands before the first of these or behind the second; `None` if there are no rows.
    pub fn span(&self) -> Option<(Key, Key)> {
        let pages = &self.directory.pages;
        Some((pages.first()?.first, pages.last()?.last))
    }

    /// How many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.directory.memory()
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn pages(&self) -> Pages<'_, S> {
        Pages::new(&self.source, &self.directory)
    }

    /// Gives all rows that are filed under hours of which `hours` says so to `each`, in order, some thousand at
    /// a time.
    ///
    /// # Errors
    /// If a page is damaged: `each` has been given the rows before it.
    pub fn scan(
        &self,
        hours: impl Fn(i32) -> bool,
        columns: Columns,
        mut each: impl FnMut(&[Plain]),
    ) -> Result<(), Damaged> {
        let mut scan = Scan::new(self, columns);
        while scan.next(&hours)? {
            each(&scan.rows);
        }
        Ok(())
    }

    /// Reads every page and checks it, and that rows are in order and where the directory says.
    ///
    /// # Errors
    /// What is damaged first.
    pub fn verify(&self) -> Result<(), Damaged> {
        if &self.source.read(0..MAGIC.len() as u64)?[..] != MAGIC {
            return Err(Damaged::Directory("the file does not begin as a Parquet file"));
        }
        let mut scan = Scan::new(self, Columns::All);
        let mut last: Option<Plain> = None;
        let mut row = 0;
        while scan.next(&|_| true)? {
            let disordered =
                Damaged::Page { column: Column::Hour.name(), row, what: "rows are not in order" };
            let bounds = scan.page.checked_sub(1).and_then(|page| self.directory.pages.get(page));
            let within = |row: &Plain| {
                bounds.is_some_and(|page| page.first <= Key::of(row) && Key::of(row) <= page.last)
            };
            let first = scan.rows.first().copied();
            if first < last || !scan.rows.is_sorted() || !scan.rows.iter().all(within) {
                return Err(disordered);
            }
            last = scan.rows.last().copied();
            row += scan.rows.len() as u64;
        }
        Ok(())
    }
}

const TILE: usize = 256;

/// Goes through the rows of a file, a page at a time.
pub(crate) struct Scan<'s, S> {
    segment: &'s Segment<S>,
    pages: Pages<'s, S>,
    columns: Columns,
    values: [Values; COLUMNS],
    /// The page that comes next.
    page: usize,
    /// The rows of the page before it.
    pub(crate) rows: Vec<Plain>,
}

impl<'s, S: Source> Scan<'s, S> {
    pub(crate) fn new(segment: &'s Segment<S>, columns: Columns) -> Self {
        let values = Default::default();
        Self { segment, pages: segment.pages(), columns, values, page: 0, rows: Vec::new() }
    }

    /// Reads the next page that has rows of such hours; `false` if there is none.
    pub(crate) fn next(&mut self, hours: &impl Fn(i32) -> bool) -> Result<bool, Damaged> {
        let directory = self.segment.directory();
        while let Some(bounds) = directory.pages.get(self.page) {
            let at = directory.page(self.page);
            self.page += 1;
            let one_hour = bounds.first.hour == bounds.last.hour;
            let Some((group, page)) = at.filter(|_| !one_hour || hours(bounds.first.hour)) else { continue };
            let rows = directory.groups.get(group).map_or(0, |group| group.rows_of(page));
            // What the rows of the page before have in a column is overwritten, or nobody ever wrote it.
            self.rows.resize(rows as usize, Plain::default());
            let wanted = |column: &Column| self.columns == Columns::All || column.is_of_trace();
            for column in Column::ALL.into_iter().filter(wanted) {
                self.pages.read(group, page, column, &mut self.values[column.index()])?;
            }
            // So many rows at a time that they stay near the processor while their columns come.
            for (number, tile) in self.rows.chunks_mut(TILE).enumerate() {
                let from = number * TILE..number * TILE + tile.len();
                for column in Column::ALL.into_iter().filter(wanted) {
                    self.values[column.index()].spread(column, from.clone(), tile);
                }
            }
            if !one_hour {
                self.rows.retain(|row| hours(row.hour));
            }
            if !self.rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
