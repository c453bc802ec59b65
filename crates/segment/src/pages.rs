//! Reads pages: checked, decompressed, decoded.

use crate::{
    column::{Column, Kind, MISSING},
    damaged::{Broken, Damaged},
    dictionary::{Dictionary, NO_CODE},
    directory::Directory,
    encoding::{take_delta, take_hybrid},
    format::{Chunk, Encoding, PageHeader, TEXTS_MAX},
    plain::Plain,
    source::Source,
};
use bytes::Bytes;
use std::{cell::RefCell, ops::Range};
use zstd::bulk::Decompressor;

thread_local! {
    /// It takes longer to make one than to decompress a page.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The values of one page of one column.
#[derive(Default)]
pub(crate) struct Values {
    /// For each row: the value itself, if there is no dictionary.
    plain: Vec<u64>,
    /// For each row: its place in the dictionary.
    codes: Vec<u32>,
    dictionary: Option<Dictionary>,
}

impl Values {
    /// The value of one row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> u64 {
        match &self.dictionary {
            Some(dictionary) => self.codes.get(row).map_or(MISSING, |&code| dictionary.get(code)),
            None => self.plain.get(row).copied().unwrap_or(MISSING),
        }
    }

    /// Forgets them, but not their memory.
    pub(crate) fn clear(&mut self) {
        self.codes.clear();
        self.plain.clear();
        self.dictionary = None;
    }

    /// Puts those of some rows into them.
    pub(crate) fn spread(&self, column: Column, from: Range<usize>, rows: &mut [Plain]) {
        match &self.dictionary {
            Some(dictionary) => {
                let codes = self.codes.get(from).unwrap_or_default();
                column.spread(codes.iter().map(|&code| dictionary.get(code)), rows);
            }
            None => column.spread(self.plain.get(from).unwrap_or_default().iter().copied(), rows),
        }
    }
}

/// Reads pages of one file, one group after the other; it keeps the dictionaries of the group it is in.
pub(crate) struct Pages<'s, S> {
    source: &'s S,
    directory: &'s Directory,
    group: usize,
    dictionaries: [Option<Dictionary>; Column::ALL.len()],
    levels: Vec<u32>,
    present: Vec<u32>,
    present_plain: Vec<u64>,
}

impl<'s, S: Source> Pages<'s, S> {
    pub(crate) fn new(source: &'s S, directory: &'s Directory) -> Self {
        Self {
            source,
            directory,
            group: usize::MAX,
            dictionaries: Default::default(),
            levels: Vec::new(),
            present: Vec::new(),
            present_plain: Vec::new(),
        }
    }

    /// The values of a column in one page of a group.
    pub(crate) fn read(
        &mut self,
        group: usize,
        page: usize,
        column: Column,
        values: &mut Values,
    ) -> Result<(), Damaged> {
        let directory = self.directory;
        let Some(place) = directory.groups.get(group) else {
            return Err(Damaged::Directory("a page is of no row group"));
        };
        let chunk = &place.chunks[column.index()];
        let rows = place.rows_of(page);
        let row = place.first_row + page as u64 * u64::from(place.page_rows);
        let damaged = |what| Damaged::Page { column: column.name(), row, what };
        if self.group != group {
            self.group = group;
            self.dictionaries = Default::default();
        }
        values.clear();
        if chunk.encoding == Encoding::Dictionary {
            let dictionary = match self.dictionaries[column.index()].take() {
                Some(dictionary) => dictionary,
                None => self.dictionary(chunk, column, place.rows, place.first_row)?,
            };
            self.dictionaries[column.index()] = Some(dictionary.clone());
            values.dictionary = Some(dictionary);
        }
        let begin =
            page.checked_sub(1).map_or(Some(chunk.dictionary), |before| chunk.ends.get(before).copied());
        let (Some(begin), Some(&end)) = (begin, chunk.ends.get(page)) else {
            return Err(damaged("the page does not exist"));
        };
        let at = |place: u32| chunk.offset + u64::from(place);
        let bytes = self.source.read(at(begin)..at(end))?;
        let expected = PageHeader {
            dictionary: false,
            uncompressed: 0,
            compressed: 0,
            crc: 0,
            values: rows,
            encoding: chunk.encoding,
        };
        // Nothing that is written of a row takes more than its plain value; what is added is little.
        let most = rows as usize * 16 + 1_024;
        let (_, page) = Self::page(&bytes, expected, chunk.compressed, most).map_err(damaged)?;
        self.decode(column, chunk.encoding, rows as usize, &page, values).map_err(damaged)
    }

    fn dictionary(
        &mut self,
        chunk: &Chunk,
        column: Column,
        rows: u32,
        row: u64,
    ) -> Result<Dictionary, Damaged> {
        let damaged = |what| Damaged::Page { column: column.name(), row, what };
        let bytes = self.source.read(chunk.offset..chunk.offset + u64::from(chunk.dictionary))?;
        let expected = PageHeader {
            dictionary: true,
            uncompressed: 0,
            compressed: 0,
            crc: 0,
            values: 0,
            encoding: Encoding::Plain,
        };
        let most = match column.kind() {
            Kind::Text(_) => TEXTS_MAX,
            _ => rows as usize * 8,
        };
        let (header, bytes) = Self::page(&bytes, expected, chunk.compressed, most).map_err(damaged)?;
        if header.values > rows {
            return Err(damaged("the dictionary has more values than there are rows"));
        }
        Dictionary::read(column.kind(), bytes, header.values, &self.directory.names).map_err(damaged)
    }

    /// The bytes of a page of at most `most`, checked and decompressed.
    fn page(
        bytes: &Bytes,
        expected: PageHeader,
        compressed: bool,
        most: usize,
    ) -> Result<(PageHeader, Bytes), Broken> {
        let (header, length) = PageHeader::read(bytes, expected)?;
        let stored = bytes.slice(length..);
        if stored.len() as u64 != u64::from(header.compressed) {
            return Err("the page is longer or shorter than it says");
        }
        if crc32fast::hash(&stored) != header.crc {
            return Err("its checksum is another");
        }
        let uncompressed = header.uncompressed as usize;
        if !compressed {
            return if uncompressed == stored.len() {
                Ok((header, stored))
            } else {
                Err("its length is wrong")
            };
        }
        if uncompressed > most {
            return Err("the page is larger than its rows need");
        }
        let mut page = vec![0; uncompressed];
        let length = DECOMPRESSOR.with_borrow_mut(|decompressor| {
            if decompressor.is_none() {
                *decompressor = Decompressor::new().ok();
            }
            decompressor.as_mut()?.decompress_to_buffer(&stored, &mut page[..]).ok()
        });
        if length == Some(uncompressed) {
            Ok((header, page.into()))
        } else {
            Err("the page cannot be decompressed")
        }
    }

    fn decode(
        &mut self,
        column: Column,
        encoding: Encoding,
        rows: usize,
        mut page: &[u8],
        values: &mut Values,
    ) -> Result<(), Broken> {
        let present = if column.is_nullable() { self.levels(rows, &mut page)? } else { rows };
        let whole = present == rows;
        if let Some(dictionary) = &values.dictionary {
            let (&width, mut rest) = page.split_first().ok_or("there are no values")?;
            self.present.clear();
            let codes = if whole { &mut values.codes } else { &mut self.present };
            take_hybrid(&mut rest, width, present, codes)?;
            if codes.iter().fold(0, |most, &code| most.max(code)) as usize >= dictionary.len().max(1)
                || (dictionary.len() == 0 && present > 0)
            {
                return Err("a value is not in the dictionary");
            }
            if !whole {
                let mut codes = self.present.iter().copied();
                let code = |&level: &u32| if level == 1 { codes.next().unwrap_or(NO_CODE) } else { NO_CODE };
                values.codes.extend(self.levels.iter().map(code));
            }
            return Ok(());
        }
        let wide = column.kind().is_wide();
        self.present_plain.clear();
        let plain = if whole { &mut values.plain } else { &mut self.present_plain };
        if encoding == Encoding::Delta {
            take_delta(page, wide, present, plain)?;
        } else {
            take_plain(page, wide, present, plain)?;
        }
        if plain.iter().fold(0, |most, &value| most.max(value)) > column.kind().most() {
            return Err("a value is larger than its column allows");
        }
        if !whole {
            let mut plain = self.present_plain.iter().copied();
            let value = |&level: &u32| if level == 1 { plain.next().unwrap_or(MISSING) } else { MISSING };
            values.plain.extend(self.levels.iter().map(value));
        }
        Ok(())
    }

    /// Which values are there: reads it into `levels`, and returns how many are.
    fn levels(&mut self, rows: usize, page: &mut &[u8]) -> Result<usize, Broken> {
        let (length, rest) = page.split_first_chunk().ok_or("it is cut")?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (mut levels, rest) = rest.split_at_checked(length).ok_or("it is cut")?;
        *page = rest;
        self.levels.clear();
        take_hybrid(&mut levels, 1, rows, &mut self.levels)?;
        if self.levels.iter().any(|&level| level > 1) {
            return Err("a value is neither there nor missing");
        }
        Ok(self.levels.iter().filter(|&&level| level == 1).count())
    }
}

fn take_plain(page: &[u8], wide: bool, count: usize, values: &mut Vec<u64>) -> Result<(), Broken> {
    if page.len() != count * if wide { 8 } else { 4 } {
        return Err("there are more or fewer values than rows");
    }
    if wide {
        values.extend(page.as_chunks().0.iter().map(|&value| u64::from_le_bytes(value)));
    } else {
        values.extend(page.as_chunks().0.iter().map(|&value| u64::from(u32::from_le_bytes(value))));
    }
    Ok(())
}
