//! Where everything in a file is: what is held in memory of it.

use crate::{
    column::{COLUMNS, Column},
    damaged::{Broken, Damaged},
    format::{Chunk, Footer, GroupFooter, MAGIC, PAGE_ROWS_MAX, read_column_index, read_offset_index},
    names::Names,
    plain::Plain,
    seal::{self, Opened},
    source::Source,
};
use bytes::Bytes;

/// How much of a file's end is read at first: directory and all, unless the file is large.
const TAIL: u64 = 64 << 10;

/// Where a row stands in the order of files, as far as pages are told apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The hour under which it is filed.
    pub hour: i32,
    /// Our address as the world sees it.
    pub outside_ip: u32,
    /// Our port as the world sees it.
    pub outside_port: u16,
}

impl Key {
    pub(crate) fn of(row: &Plain) -> Self {
        Self { hour: row.hour, outside_ip: row.outside_ip, outside_port: row.outside_port }
    }
}

/// No row of a page is before the first of these or behind the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) first: Key,
    pub(crate) last: Key,
}

/// A row group.
pub(crate) struct Group {
    pub(crate) rows: u32,
    /// How many rows each page has; the last one may have fewer.
    pub(crate) page_rows: u32,
    /// How many rows and pages are before it.
    pub(crate) first_row: u64,
    pub(crate) first_page: usize,
    pub(crate) chunks: Box<[Chunk]>,
}

impl Group {
    /// The rows of one of its pages.
    pub(crate) fn rows_of(&self, page: usize) -> u32 {
        let before = u32::try_from(page).unwrap_or(u32::MAX).saturating_mul(self.page_rows);
        self.rows.saturating_sub(before).min(self.page_rows)
    }
}

/// Where everything in a file is, and what its names are.
pub(crate) struct Directory {
    pub(crate) rows: u64,
    pub(crate) groups: Vec<Group>,
    /// Of all pages of all groups.
    pub(crate) pages: Vec<Bounds>,
    pub(crate) names: Names,
    pub(crate) facts: Vec<(String, String)>,
}

impl Directory {
    pub(crate) fn open(source: &impl Source) -> Result<Self, Damaged> {
        let length = source.len()?;
        let shortest = (MAGIC.len() + seal::ENDING) as u64;
        if length < shortest {
            return Err(Damaged::Directory("the file is too short"));
        }
        let tail = source.read(length.saturating_sub(TAIL)..length)?;
        let (rest, ending) = tail.split_at(tail.len() - seal::ENDING);
        let footer_length = match ending.split_first_chunk() {
            Some((length, magic)) if magic == MAGIC => u64::from(u32::from_le_bytes(*length)),
            _ => return Err(Damaged::Directory("the file is cut, or is no Parquet file")),
        };
        if footer_length > length - shortest {
            return Err(Damaged::Directory("the footer is longer than the file"));
        }
        let footer_begin = length - seal::ENDING as u64 - footer_length;
        let footer_bytes = match usize::try_from(footer_length) {
            Ok(length) if length <= rest.len() => tail.slice(rest.len() - length..rest.len()),
            _ => source.read(footer_begin..length - seal::ENDING as u64)?,
        };
        let footer = Footer::read(&footer_bytes).map_err(Damaged::Directory)?;
        // Pages end where indexes begin; both are checked below to lie in one piece.
        let begin = end_of_pages(&footer.groups).map_err(Damaged::Directory)?;
        if begin > footer_begin {
            return Err(Damaged::Directory("pages lie behind the footer"));
        }
        let tail_begin = length - tail.len() as u64;
        let tail = match begin.checked_sub(tail_begin).and_then(|skip| usize::try_from(skip).ok()) {
            Some(skip) => tail.slice(skip..),
            None => source.read(begin..length)?,
        };
        let indexes = usize::try_from(footer_begin - begin).unwrap_or(usize::MAX);
        seal::check(&tail, indexes).map_err(Damaged::Directory)?;
        Self::read(footer, &tail, begin).map_err(Damaged::Directory)
    }

    /// Reads the indexes in `tail`, which begins at `begin`.
    fn read(footer: Footer, tail: &Bytes, begin: u64) -> Result<Self, Broken> {
        let Opened { names, facts } = seal::open(footer.facts)?;
        let mut directory = Self { rows: 0, groups: Vec::new(), pages: Vec::new(), names, facts };
        for group in footer.groups {
            let rows = group.rows;
            let mut page_rows = None;
            let mut bounds: [Vec<(u32, u32)>; 3] = Default::default();
            let mut chunks = Vec::with_capacity(COLUMNS);
            for (column, footer) in Column::ALL.into_iter().zip(group.chunks) {
                let index = part(tail, begin, footer.offset_index)?;
                let (ends, rows_of_page) = read_offset_index(index, &footer.chunk)?;
                let rows_of_page = rows_of_page.min(rows.into());
                if *page_rows.get_or_insert(rows_of_page) != rows_of_page
                    || u64::from(rows).div_ceil(rows_of_page.max(1)) != ends.len() as u64
                {
                    return Err("the pages of two columns have other rows");
                }
                let chunk = Chunk { ends, ..footer.chunk };
                if u64::from(chunk.length()) != footer.length {
                    return Err("a column's pages are not all of it");
                }
                if let Some(bounds) = bounds.get_mut(column.index()) {
                    *bounds = read_column_index(part(tail, begin, footer.column_index)?)?;
                    if bounds.len() != chunk.ends.len() {
                        return Err("there are bounds of other pages");
                    }
                }
                chunks.push(chunk);
            }
            let page_rows = page_rows.and_then(|rows| u32::try_from(rows).ok());
            let page_rows = page_rows.filter(|rows| (1..=PAGE_ROWS_MAX).contains(rows));
            let page_rows = page_rows.ok_or("a page has no rows, or more than it may")?;
            let first_page = directory.pages.len();
            directory.pages.extend(keys(&bounds));
            let first_row = directory.rows;
            directory.rows += u64::from(rows);
            directory.groups.push(Group { rows, page_rows, first_row, first_page, chunks: chunks.into() });
        }
        if directory.rows != footer.rows {
            return Err("the row groups have more or fewer rows than the file");
        }
        narrow(&mut directory.pages);
        if !directory.pages.is_sorted_by(|a, b| a.first <= b.first && a.last <= b.last) {
            return Err("the pages are not in order");
        }
        directory.pages.shrink_to_fit();
        directory.groups.shrink_to_fit();
        Ok(directory)
    }

    /// The group that a page is in, and which of its pages it is.
    pub(crate) fn page(&self, page: usize) -> Option<(usize, usize)> {
        let group = self.groups.partition_point(|group| group.first_page <= page).checked_sub(1)?;
        Some((group, page - self.groups.get(group)?.first_page))
    }

    /// How many bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let chunks = self.groups.iter().flat_map(|group| &group.chunks);
        let ends: usize = chunks.map(|chunk| size_of::<Chunk>() + size_of_val::<[u32]>(&chunk.ends)).sum();
        size_of::<Self>()
            + size_of_val::<[Group]>(&self.groups)
            + size_of_val::<[Bounds]>(&self.pages)
            + ends
            + self.names.memory()
    }
}

/// Where the last page ends. Every page is where the one before it ends.
fn end_of_pages(groups: &[GroupFooter]) -> Result<u64, Broken> {
    let mut at = MAGIC.len() as u64;
    for footer in groups.iter().flat_map(|group| &group.chunks) {
        if footer.chunk.offset != at {
            return Err("a column is not where the one before it ends");
        }
        at = at.checked_add(footer.length).ok_or("a column is too long")?;
    }
    Ok(at)
}

/// A part of what begins at `begin`.
fn part(bytes: &[u8], begin: u64, place: crate::format::Place) -> Result<&[u8], Broken> {
    let from = place.offset.checked_sub(begin).and_then(|at| usize::try_from(at).ok());
    let length = usize::try_from(place.length).ok();
    let part = from.zip(length).and_then(|(from, length)| bytes.get(from..)?.get(..length));
    part.ok_or("an index is outside of the file")
}

/// The bounds of pages by those of their columns: a page of one address has ports in order.
fn keys([hours, ips, ports]: &[Vec<(u32, u32)>; 3]) -> impl Iterator<Item = Bounds> {
    hours.iter().zip(ips).zip(ports).map(|((hours, ips), ports)| {
        let (one_hour, one_ip) = (hours.0 == hours.1, ips.0 == ips.1);
        let ips = if one_hour { *ips } else { (0, u32::MAX) };
        let ports = if one_hour && one_ip { *ports } else { (0, u16::MAX.into()) };
        let key = |hour: u32, outside_ip, port| Key {
            hour: hour.cast_signed(),
            outside_ip,
            outside_port: u16::try_from(port).unwrap_or(u16::MAX),
        };
        Bounds { first: key(hours.0, ips.0, ports.0), last: key(hours.1, ips.1, ports.1) }
    })
}

/// Where a page has several hours or addresses its bounds are wide: the rows of its neighbours tell more.
fn narrow(pages: &mut [Bounds]) {
    let of_one_ip =
        |page: &Bounds| (page.first.hour, page.first.outside_ip) == (page.last.hour, page.last.outside_ip);
    for i in 1..pages.len() {
        let before = pages[i - 1];
        let least = if of_one_ip(&before) { before.last } else { before.first };
        pages[i].first = pages[i].first.max(least);
    }
    for i in (1..pages.len()).rev() {
        let after = pages[i];
        let most = if of_one_ip(&after) { after.first } else { after.last };
        pages[i - 1].last = pages[i - 1].last.min(most);
    }
}
