//! One column of one row group, written in whichever way is smallest.

use crate::{
    column::{COLUMNS, Column, Kind, MISSING},
    dictionary::{Coded, Coder, NO_CODE, put_values},
    encoding::{put_delta, put_hybrid},
    format::{Chunk, Encoding, Extremes, PageHeader, Summary, TEXTS_MAX},
    names::Names,
};
use std::io;
use zstd::bulk::Compressor;

/// How many pages are written in each way to see which is smallest.
const SAMPLES: usize = 4;

/// For so many row groups a column is written as the one was that was tried: it changes little from one to the
/// next, and to try takes as long as to write.
const TRIED_FOR: u8 = 16;

/// What is needed again and again.
pub(crate) struct Encoder {
    /// Nothing is compressed without it.
    compressor: Option<Compressor<'static>>,
    /// For each column: what was smallest when it was tried, and how many more row groups that is believed.
    tried: [Option<(Tried, u8)>; COLUMNS],
    coder: Coder,
    page: Vec<u8>,
    squeezed: Vec<u8>,
    present: Vec<u64>,
    codes: Vec<u32>,
}

/// One column of one row group, and what others like to know of it.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chunk: Chunk,
    pub(crate) summary: Summary,
    /// The bounds of each page; none where values may be missing.
    pub(crate) bounds: Vec<Extremes>,
    pub(crate) ascending: bool,
}

/// What was found to be smallest for a column.
#[derive(Clone, Copy)]
struct Tried {
    encoding: Encoding,
    /// Whether codes take whole bytes.
    whole_bytes: bool,
    compressed: bool,
}

/// A way to write a column.
#[derive(Clone, Copy)]
struct Way<'c> {
    encoding: Encoding,
    /// For a dictionary.
    coded: Option<&'c Coded>,
    /// How many bits a code takes.
    width: u8,
}

impl Encoder {
    /// One that compresses if there is a level of zstd for it.
    pub(crate) fn new(level: Option<i32>) -> io::Result<Self> {
        Ok(Self {
            compressor: level.map(Compressor::new).transpose()?,
            tried: [None; COLUMNS],
            coder: Coder::default(),
            page: Vec::new(),
            squeezed: Vec::new(),
            present: Vec::new(),
            codes: Vec::new(),
        })
    }

    /// Writes `values` in pages of `page_rows`, to stand at `offset`.
    pub(crate) fn encode(
        &mut self,
        column: Column,
        values: &[u64],
        names: &Names,
        page_rows: usize,
        offset: u64,
    ) -> io::Result<Encoded> {
        let kind = column.kind();
        let is_text = matches!(kind, Kind::Text(_));
        let tried = match self.compressor {
            Some(_) => self.tried(column),
            None => Some(Tried::quick(column)),
        };
        // Where differences or plain values were smaller, nobody asks for a dictionary, but where there is one value.
        let coded = match tried {
            Some(Tried { encoding: Encoding::Delta | Encoding::Plain, .. }) => {
                Coded::of_one_value(values, column.is_nullable())
            }
            _ => self.coder.code(values, kind, column.is_nullable()),
        };
        let mut dictionary = Vec::new();
        if let Some(coded) = &coded {
            put_values(kind, &coded.values, names, &mut dictionary);
        }
        if is_text && dictionary.len() > TEXTS_MAX {
            return Err(io::Error::other("the names of one row group are too long"));
        }
        let known = tried.and_then(|tried| Some((Way::again(tried, coded.as_ref())?, tried.compressed)));
        let (way, compressed) = match known {
            Some(known) => known,
            None => self.best_way(column, values, coded.as_ref(), &dictionary, page_rows)?,
        };
        if known.is_none() {
            let whole_bytes = way.coded.is_some_and(|coded| way.width != coded.width());
            let tried = Tried { encoding: way.encoding, whole_bytes, compressed };
            self.tried[column.index()] = Some((tried, TRIED_FOR - 1));
        }

        let mut bytes = Vec::new();
        let mut summary = Summary::default();
        if let Some(coded) = way.coded {
            self.page.clone_from(&dictionary);
            let count = u32::try_from(coded.values.len()).unwrap_or(u32::MAX);
            self.put_page(&mut bytes, compressed, &mut summary, |header| PageHeader {
                dictionary: true,
                values: count,
                encoding: Encoding::Plain,
                ..header
            })?;
        }
        let dictionary = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut ends = Vec::with_capacity(values.len().div_ceil(page_rows));
        for (number, page) in values.chunks(page_rows).enumerate() {
            self.fill_page(column, page, number * page_rows, way);
            let rows = u32::try_from(page.len()).unwrap_or(u32::MAX);
            self.put_page(&mut bytes, compressed, &mut summary, |header| PageHeader {
                values: rows,
                encoding: way.encoding,
                ..header
            })?;
            ends.push(u32::try_from(bytes.len()).map_err(io::Error::other)?);
        }
        if column.is_nullable() {
            summary.missing = values.iter().filter(|&&value| value == MISSING).count() as u64;
        }
        let (bounds, ascending) = bounds_of(column, values, page_rows, &mut summary);
        let chunk = Chunk { offset, dictionary, ends: ends.into(), encoding: way.encoding, compressed };
        Ok(Encoded { bytes, chunk, summary, bounds, ascending })
    }

    /// What was smallest for a column not long ago.
    fn tried(&mut self, column: Column) -> Option<Tried> {
        let (tried, left) = self.tried[column.index()].as_mut()?;
        *left = left.checked_sub(1)?;
        Some(*tried)
    }

    /// Which way is smallest, as far as some pages show, and whether compression gains anything.
    fn best_way<'c>(
        &mut self,
        column: Column,
        values: &[u64],
        coded: Option<&'c Coded>,
        dictionary: &[u8],
        page_rows: usize,
    ) -> io::Result<(Way<'c>, bool)> {
        let plain = Way { encoding: Encoding::Plain, coded: None, width: 0 };
        let mut ways = Vec::new();
        if let Some(coded) = coded {
            let exact = coded.width();
            // Codes of whole bytes are longer, but then compression sees which ones are frequent.
            let whole = exact.next_multiple_of(8);
            for width in if exact == whole { vec![exact] } else { vec![exact, whole] } {
                ways.push(Way { encoding: Encoding::Dictionary, coded: Some(coded), width });
            }
        }
        if !matches!(column.kind(), Kind::Text(_)) {
            ways.extend([Way { encoding: Encoding::Delta, ..plain }, plain]);
        }
        if let &[only] = ways.as_slice()
            && coded.is_some_and(|coded| coded.values.len() <= 1)
        {
            return Ok((only, false));
        }
        let pages = values.len().div_ceil(page_rows).max(1);
        let step = pages.div_ceil(SAMPLES);
        let squeezed_dictionary = squeezed(&mut self.compressor, dictionary)?;
        let mut best: Option<(usize, Way<'c>, bool)> = None;
        for way in ways {
            let (mut stored, mut packed, mut sampled) = (0, 0, 0);
            for (number, page) in values.chunks(page_rows).enumerate().skip(step / 2).step_by(step) {
                self.fill_page(column, page, number * page_rows, way);
                sampled += page.len();
                stored += self.page.len();
                packed += squeezed(&mut self.compressor, &self.page)?;
            }
            let whole = |bytes: usize| bytes * values.len() / sampled.max(1);
            let of_dictionary = |bytes| if way.coded.is_some() { bytes } else { 0 };
            let stored = whole(stored) + of_dictionary(dictionary.len());
            let packed = whole(packed) + of_dictionary(squeezed_dictionary);
            // What hardly shrinks is better read as it is.
            let compressed = packed + packed / 10 < stored;
            let size = if compressed { packed } else { stored };
            if best.is_none_or(|(least, ..)| size < least) {
                best = Some((size, way, compressed));
            }
        }
        Ok(best.map_or((plain, false), |(_, way, compressed)| (way, compressed)))
    }

    /// Makes a page of these values, the first of which is that of row `first`.
    fn fill_page(&mut self, column: Column, values: &[u64], first: usize, way: Way<'_>) {
        self.page.clear();
        if column.is_nullable() {
            self.codes.clear();
            self.codes.extend(values.iter().map(|&value| u32::from(value != MISSING)));
            self.page.extend_from_slice(&[0; 4]);
            put_hybrid(&self.codes, 1, &mut self.page);
            let length = u32::try_from(self.page.len() - 4).unwrap_or(u32::MAX);
            self.page[..4].copy_from_slice(&length.to_le_bytes());
        }
        if let Some(coded) = way.coded {
            self.codes.clear();
            let codes = &coded.codes[first..first + values.len()];
            self.codes.extend(codes.iter().copied().filter(|&code| code != NO_CODE));
            self.page.push(way.width);
            put_hybrid(&self.codes, way.width, &mut self.page);
            return;
        }
        let present = if column.is_nullable() {
            self.present.clear();
            self.present.extend(values.iter().copied().filter(|&value| value != MISSING));
            &self.present
        } else {
            values
        };
        let wide = column.kind().is_wide();
        match way.encoding {
            Encoding::Delta => put_delta(present, wide, &mut self.page),
            Encoding::Plain | Encoding::Dictionary if wide => put_plain::<8>(present, &mut self.page),
            Encoding::Plain | Encoding::Dictionary => put_plain::<4>(present, &mut self.page),
        }
    }

    /// Appends the page that was made, with its header.
    fn put_page(
        &mut self,
        bytes: &mut Vec<u8>,
        compressed: bool,
        summary: &mut Summary,
        header: impl FnOnce(PageHeader) -> PageHeader,
    ) -> io::Result<()> {
        let stored = match &mut self.compressor {
            Some(compressor) if compressed => {
                self.squeezed.clear();
                self.squeezed.reserve(zstd::zstd_safe::compress_bound(self.page.len()));
                compressor.compress_to_buffer(&self.page, &mut self.squeezed)?;
                &self.squeezed
            }
            _ => &self.page,
        };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let header = header(PageHeader {
            dictionary: false,
            uncompressed: length(&self.page)?,
            compressed: length(stored)?,
            crc: crc32fast::hash(stored),
            values: 0,
            encoding: Encoding::Plain,
        });
        let before = bytes.len();
        header.put(bytes);
        summary.uncompressed += (bytes.len() - before + self.page.len()) as u64;
        bytes.extend_from_slice(stored);
        Ok(())
    }
}

impl<'c> Way<'c> {
    /// The way that was found; `None` if it takes a dictionary and there is none.
    fn again(tried: Tried, coded: Option<&'c Coded>) -> Option<Self> {
        let Tried { encoding, whole_bytes, .. } = tried;
        match (encoding, coded) {
            (Encoding::Delta | Encoding::Plain, None) => Some(Self { encoding, coded: None, width: 0 }),
            (_, coded) => {
                let exact = coded?.width();
                let width = if whole_bytes { exact.next_multiple_of(8) } else { exact };
                Some(Self { encoding: Encoding::Dictionary, coded, width })
            }
        }
    }
}

impl Tried {
    /// What takes little time, and little room as far as that is known without trying.
    fn quick(column: Column) -> Self {
        let encoding = match (column, column.kind()) {
            (_, Kind::Text(_)) => Encoding::Dictionary,
            // What is in order, near each other, or has fewer bits than a plain value.
            (Column::OutsideIp, _)
            | (_, Kind::Large | Kind::Moment | Kind::Duration | Kind::Small(..=16)) => Encoding::Delta,
            (_, Kind::Signed | Kind::Small(_)) => Encoding::Plain,
        };
        Self { encoding, whole_bytes: false, compressed: false }
    }
}

/// Appends the low `N` bytes of each.
fn put_plain<const N: usize>(values: &[u64], page: &mut Vec<u8>) {
    let begin = page.len();
    page.resize(begin + values.len() * N, 0);
    for (bytes, value) in page[begin..].as_chunks_mut::<N>().0.iter_mut().zip(values) {
        bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    }
}

/// How long this becomes when it is compressed, if anything is.
fn squeezed(compressor: &mut Option<Compressor<'static>>, bytes: &[u8]) -> io::Result<usize> {
    match compressor {
        Some(compressor) => Ok(compressor.compress(bytes)?.len()),
        None => Ok(bytes.len()),
    }
}

/// The least and the most, if there are any.
fn extremes(values: impl Iterator<Item = u64>) -> Option<(u64, u64)> {
    let within = |(least, most): (u64, u64), value: u64| (value.min(least), value.max(most));
    Some(values.fold((u64::MAX, 0), within)).filter(|(least, most)| least <= most)
}

/// The bounds of each page, and whether they ascend; those of the whole go into `summary`.
fn bounds_of(
    column: Column,
    values: &[u64],
    page_rows: usize,
    summary: &mut Summary,
) -> (Vec<Extremes>, bool) {
    let kind = column.kind();
    if matches!(kind, Kind::Text(_)) {
        return (Vec::new(), false);
    }
    // Turned so that unsigned order is the order of the type.
    let turn = match kind {
        Kind::Signed => 1 << 31,
        Kind::Moment | Kind::Duration => 1 << 63,
        _ => 0,
    };
    let bounds_of = |values: &[u64]| {
        let turned = values.iter().map(|value| value ^ turn);
        if column.is_nullable() {
            extremes(turned.filter(|value| value ^ turn != MISSING))
        } else {
            extremes(turned)
        }
    };
    let written = |(least, most): (u64, u64)| {
        let width = if kind.is_wide() { 8 } else { 4 };
        let bytes = |value: u64| (value ^ turn).to_le_bytes()[..width].to_vec();
        (bytes(least), bytes(most))
    };
    let pages: Vec<_> = values.chunks(page_rows).filter_map(bounds_of).collect();
    let whole = pages.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    summary.bounds = whole.map(written);
    if !matches!(column, Column::Hour | Column::OutsideIp | Column::OutsidePort) {
        return (Vec::new(), false);
    }
    let ascending = pages.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1);
    (pages.into_iter().map(written).collect(), ascending)
}
