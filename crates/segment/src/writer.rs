//! From sorted rows to a file.

use crate::{
    column::{COLUMNS, Column, Text},
    damaged::Unwritten,
    directory::Key,
    encode::Encoder,
    format::{ChunkFooter, Footer, GroupFooter, MAGIC, Place, put_column_index, put_offset_index},
    names::{Names, Renumbering},
    order::each_in_order,
    plain::Plain,
    seal,
};
use std::{cmp::Ordering, io::Write, mem};

/// How many rows a row group has: so few that the list of what occurs in it is short, for a look-up reads it
/// whole.
const GROUP_ROWS: usize = 64 << 10;
/// So many rows are near the processor while they are turned into columns.
const TILE: usize = 256;
/// How many rows a page has: the least that a look-up reads of a column.
const PAGE_ROWS: usize = 2 << 10;
/// Higher ones take longer and gain nothing: the pages are short, and packed before.
const ZSTD_LEVEL: i32 = 1;

/// How a file is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    /// In little room: for what is kept.
    Small,
    /// In little time, not compressed: for what is merged soon.
    Quick,
}

/// What a file turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// CRC-32 (of zlib, gzip, PNG) over all of them.
    pub checksum: u32,
    /// How many rows are filed under each hour, in order.
    pub hours: Vec<(i32, u64)>,
    /// Where its first and its last row stand; `None` if it has none.
    pub span: Option<(Key, Key)>,
}

/// Writes a file of rows that come in order, holding one row group.
///
/// The same rows give the same bytes, whatever the numbers of their names and however they were divided among
/// calls.
pub struct Writer<W> {
    out: W,
    written: Written,
    crc: crc32fast::Hasher,
    encoder: Encoder,
    /// All names, in order, and the way from the caller's numbers to theirs.
    names: Names,
    renumbering: Renumbering,
    used: [Vec<bool>; 4],
    /// The row group that is filled: the values of each column.
    columns: [Vec<u64>; COLUMNS],
    /// Rows that are in no column yet. From `equal` on they differ in nothing but names and where they are
    /// written: their order is that of the texts, not that of the caller's numbers.
    rows: Vec<Plain>,
    equal: usize,
    /// The last row, with the caller's numbers.
    last: Option<Plain>,
    groups: Vec<GroupFooter>,
    indexes: Vec<u8>,
    /// Of each chunk, in order: how long its two indexes are.
    index_lengths: Vec<[usize; 2]>,
}

/// Writes `rows`, which are in order, as one file, packed small. `facts` are the caller's own and come back from
/// [`crate::Segment::facts`].
///
/// # Errors
/// See [`Unwritten`].
pub fn write(
    rows: &[Plain],
    names: &Names,
    facts: &[(&str, &str)],
    out: impl Write,
) -> Result<Written, Unwritten> {
    let mut writer = Writer::new(out, names)?;
    writer.push(rows)?;
    Ok(writer.finish(facts)?.0)
}

/// Writes `rows`, which may be in any order, as one file of each once, packed quickly: it is to be merged soon.
///
/// # Errors
/// See [`Unwritten`]; and when there are 2³² rows or more.
pub fn write_lot(rows: &[Plain], names: &Names, out: impl Write) -> Result<Written, Unwritten> {
    u32::try_from(rows.len()).map_err(|_| Unwritten::TooLarge("a lot"))?;
    let mut writer = Writer::packed(Packing::Quick, out, names)?;
    each_in_order(rows, |rows| writer.push(rows))?;
    Ok(writer.finish(&[])?.0)
}

impl<W: Write> Writer<W> {
    /// A file of rows whose names are all among `names`, packed small; names that no row has are left out of it.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: W, names: &Names) -> Result<Self, Unwritten> {
        Self::packed(Packing::Small, out, names)
    }

    fn packed(packing: Packing, out: W, names: &Names) -> Result<Self, Unwritten> {
        let ordered = Names::union(&[names]);
        let mut writer = Self {
            out,
            written: Written { rows: 0, bytes: 0, checksum: 0, hours: Vec::new(), span: None },
            crc: crc32fast::Hasher::new(),
            encoder: Encoder::new((packing == Packing::Small).then_some(ZSTD_LEVEL))?,
            renumbering: Renumbering::new(names, &ordered),
            used: Text::ALL.map(|text| vec![false; ordered.texts(text).count()]),
            names: ordered,
            columns: Default::default(),
            rows: Vec::new(),
            equal: 0,
            last: None,
            groups: Vec::new(),
            indexes: Vec::new(),
            index_lengths: Vec::new(),
        };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    /// Takes further rows: in order, and not before those that were pushed already.
    ///
    /// # Errors
    /// [`Unwritten::Unsorted`], [`Unwritten::Nameless`], and what the output says.
    pub fn push(&mut self, rows: &[Plain]) -> Result<(), Unwritten> {
        for row in rows {
            let number = self.written.rows + self.rows.len() as u64;
            let after = self.last.as_ref().map(|last| row.cmp_facts(last));
            let is_before = match after {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => self.last.is_some_and(|last| *row < last),
                Some(Ordering::Greater) | None => false,
            };
            if is_before {
                return Err(Unwritten::Unsorted(number));
            }
            self.last = Some(*row);
            let row = self.renumbering.apply(row).ok_or(Unwritten::Nameless(number))?;
            // Nobody has so many that are the same, but nothing may be held without bound.
            if after == Some(Ordering::Greater) || self.rows.len() >= GROUP_ROWS {
                self.settle();
                if self.rows.len() >= TILE {
                    self.turn()?;
                }
            }
            self.rows.push(row);
        }
        Ok(())
    }

    /// The row that was pushed last.
    pub(crate) const fn last(&self) -> Option<&Plain> {
        self.last.as_ref()
    }

    /// Brings those that differ in nothing but names in their order.
    fn settle(&mut self) {
        let equal = &mut self.rows[self.equal..];
        if !equal.is_sorted() {
            equal.sort_unstable();
        }
        self.equal = self.rows.len();
    }

    /// Writes what is left, and what the file says of itself. `facts` are the caller's own.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(mut self, facts: &[(&str, &str)]) -> Result<(Written, W), Unwritten> {
        self.settle();
        self.turn()?;
        self.flush()?;
        let used = self.names.kept(|text, i| self.used[text as usize].get(i) == Some(&true));
        let mut tail = mem::take(&mut self.indexes);
        let mut at = self.written.bytes;
        let mut lengths = self.index_lengths.iter();
        for chunk in self.groups.iter_mut().flat_map(|group| &mut group.chunks) {
            for (place, &length) in [&mut chunk.offset_index, &mut chunk.column_index]
                .into_iter()
                .zip(lengths.next().into_iter().flatten())
            {
                let too_large = |_| Unwritten::TooLarge("a row group");
                *place = Place { offset: at, length: u32::try_from(length).map_err(too_large)? };
                at += length as u64;
            }
        }
        let mut footer =
            Footer { rows: self.written.rows, groups: mem::take(&mut self.groups), facts: Vec::new() };
        footer.facts.extend(facts.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
        seal::put(footer, &used, &mut tail)?;
        self.put(&tail)?;
        self.out.flush()?;
        self.written.checksum = self.crc.finalize();
        Ok((self.written, self.out))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Unwritten> {
        self.out.write_all(bytes)?;
        self.crc.update(bytes);
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Moves the rows into their columns.
    fn turn(&mut self) -> Result<(), Unwritten> {
        let rows = mem::take(&mut self.rows);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let free = GROUP_ROWS - self.columns[0].len();
            let (here, after) = rest.split_at(free.min(rest.len()));
            rest = after;
            self.note(here);
            for (column, values) in Column::ALL.into_iter().zip(&mut self.columns) {
                column.gather(here, values);
            }
            if self.columns[0].len() == GROUP_ROWS {
                self.flush()?;
            }
        }
        self.rows = rows;
        self.rows.clear();
        self.equal = 0;
        Ok(())
    }

    /// Writes what is in the columns as a row group.
    fn flush(&mut self) -> Result<(), Unwritten> {
        let rows = self.columns[0].len();
        if rows == 0 {
            return Ok(());
        }
        let mut chunks = Vec::with_capacity(COLUMNS);
        for column in Column::ALL {
            let values = &self.columns[column.index()];
            let encoded = self.encoder.encode(column, values, &self.names, PAGE_ROWS, self.written.bytes)?;
            self.columns[column.index()].clear();
            self.put(&encoded.bytes)?;
            let begin = self.indexes.len();
            put_offset_index(&mut self.indexes, &encoded.chunk, u32::try_from(PAGE_ROWS).unwrap_or(u32::MAX));
            let middle = self.indexes.len();
            if !encoded.bounds.is_empty() {
                put_column_index(&mut self.indexes, &encoded.bounds, encoded.ascending);
            }
            self.index_lengths.push([middle - begin, self.indexes.len() - middle]);
            chunks.push(ChunkFooter {
                length: encoded.bytes.len() as u64,
                chunk: encoded.chunk,
                summary: encoded.summary,
                offset_index: Place::default(),
                column_index: Place::default(),
            });
        }
        self.groups.push(GroupFooter { rows: u32::try_from(rows).unwrap_or(u32::MAX), chunks });
        Ok(())
    }

    /// Remembers what there is to know of these rows.
    fn note(&mut self, rows: &[Plain]) {
        self.written.rows += rows.len() as u64;
        for row in rows {
            match self.written.hours.last_mut() {
                Some((hour, count)) if *hour == row.hour => *count += 1,
                _ => self.written.hours.push((row.hour, 1)),
            }
            let mut used = |text: Text, i: u32| {
                if let Some(used) = self.used[text as usize].get_mut(i as usize) {
                    *used = true;
                }
            };
            used(Text::Gateway, row.gateway);
            used(Text::Log, row.log);
            used(Text::File, row.file);
            row.realm().into_iter().for_each(|realm| used(Text::Realm, realm));
        }
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            let first = self.written.span.map_or(Key::of(first), |(first, _)| first);
            self.written.span = Some((first, Key::of(last)));
        }
    }
}
