//! Look-ups: the rows behind an outside endpoint.

use crate::{
    column::Column,
    damaged::Damaged,
    directory::{Bounds, Key},
    pages::{Pages, Values},
    plain::Plain,
    segment::Segment,
    source::Source,
};
use std::{cell::Cell, mem, ops::Range};

/// What is asked of the rows that are filed under one hour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Asked {
    /// The hour.
    pub hour: i32,
    /// Our address as the world sees it.
    pub outside_ip: u32,
    /// Our port as the world sees it; `None` asks for every port.
    pub outside_port: Option<u16>,
    /// The peer; `None` asks for every one, and so does a port that is `None`. A row that does not know its
    /// peer's port answers for every port.
    pub remote: Option<(u32, Option<u16>)>,
    /// When, in microseconds since the Unix epoch, both edges included: a row answers if one of its packets
    /// may have passed then.
    pub during: (i64, i64),
}

impl Asked {
    /// The first and the last key that answer.
    fn keys(&self) -> (Key, Key) {
        let key = |port: u16| Key {
            hour: self.hour,
            outside_ip: self.outside_ip,
            outside_port: self.outside_port.unwrap_or(port),
        };
        (key(0), key(u16::MAX))
    }

    /// Whether a row is among those that are asked for.
    #[must_use]
    pub fn is_answered_by(&self, row: &Plain) -> bool {
        let (first, last) = self.keys();
        let key = Key::of(row);
        let port = row.remote_port().map(u64::from);
        first <= key && key <= last && self.fits_remote(|| (row.remote_ip.into(), port)) && {
            let (from, to) = self.during;
            row.start <= to && from <= row.end
        }
    }

    fn fits_remote(&self, remote: impl FnOnce() -> (u64, Option<u64>)) -> bool {
        self.remote.is_none_or(|(ip, port)| {
            let (found_ip, found_port) = remote();
            let same = |port: u16| found_port.is_none_or(|found| found == u64::from(port));
            found_ip == u64::from(ip) && port.is_none_or(same)
        })
    }
}

impl<S: Source> Segment<S> {
    /// Appends the rows that `asked` is answered by, in order.
    ///
    /// # Errors
    /// If a page that may have such rows is damaged. Then `found` has what was found before it.
    pub fn find(&self, asked: &Asked, found: &mut Vec<Plain>) -> Result<(), Damaged> {
        self.find_many(std::slice::from_ref(asked), |_, row| found.push(*row))
    }

    /// Answers many questions, reading no page twice. `found` is given which question, from 0, and a row that
    /// answers it: the rows of one question in order.
    ///
    /// # Errors
    /// If a page that may have such rows is damaged.
    pub fn find_many(&self, asked: &[Asked], mut found: impl FnMut(usize, &Plain)) -> Result<(), Damaged> {
        let directory = self.directory();
        let mut waiting: Vec<(Range<usize>, usize)> = asked
            .iter()
            .enumerate()
            .map(|(number, asked)| {
                let (first, last) = asked.keys();
                let begin = directory.pages.partition_point(|page| page.last < first);
                let end = directory.pages.partition_point(|page| page.first <= last);
                (begin..end, number)
            })
            .filter(|(pages, _)| !pages.is_empty())
            .collect();
        waiting.sort_unstable_by_key(|(pages, number)| (pages.start, *number));
        let mut waiting = waiting.into_iter().peekable();
        // Those whose rows may be in the page at hand.
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut at = Page::new(self);
        let mut page = 0;
        loop {
            open.retain(|&(end, _)| end > page);
            if open.is_empty() {
                match waiting.peek() {
                    Some((pages, _)) => page = pages.start,
                    None => return Ok(()),
                }
            }
            while let Some((pages, number)) = waiting.next_if(|(pages, _)| pages.start == page) {
                open.push((pages.end, number));
            }
            at.turn_to(page)?;
            for &(_, number) in &open {
                if let Some(asked) = asked.get(number) {
                    at.find(asked, |row| found(number, row))?;
                }
            }
            page += 1;
        }
    }
}

/// A page of all columns, each read when it is needed.
struct Page<'s, S> {
    pages: Pages<'s, S>,
    segment: &'s Segment<S>,
    group: usize,
    page: usize,
    bounds: Option<Bounds>,
    rows: usize,
    columns: Box<Read>,
}

/// What was read of each column, and whether it is of this page.
type Read = [(bool, Values); Column::ALL.len()];

thread_local! {
    /// The last look-up's memory: to get it anew takes as long as to read a page.
    static SPARE: Cell<Option<Box<Read>>> = const { Cell::new(None) };
}

impl<S> Drop for Page<'_, S> {
    fn drop(&mut self) {
        let mut columns = mem::take(&mut self.columns);
        columns.iter_mut().for_each(|(_, values)| values.clear());
        SPARE.set(Some(columns));
    }
}

impl<'s, S: Source> Page<'s, S> {
    fn new(segment: &'s Segment<S>) -> Self {
        Self {
            pages: segment.pages(),
            segment,
            group: 0,
            page: 0,
            bounds: None,
            rows: 0,
            columns: SPARE.take().unwrap_or_default(),
        }
    }

    fn turn_to(&mut self, page: usize) -> Result<(), Damaged> {
        let directory = self.segment.directory();
        let place = directory.page(page).zip(directory.pages.get(page));
        let ((group, within), bounds) = place.ok_or(Damaged::Directory("a page is of no row group"))?;
        (self.group, self.page, self.bounds) = (group, within, Some(*bounds));
        self.rows = directory.groups.get(group).map_or(0, |group| group.rows_of(within)) as usize;
        self.columns.iter_mut().for_each(|(read, _)| *read = false);
        Ok(())
    }

    fn column(&mut self, column: Column) -> Result<&Values, Damaged> {
        let (read, values) = &mut self.columns[column.index()];
        if !*read {
            self.pages.read(self.group, self.page, column, values)?;
            *read = true;
        }
        Ok(values)
    }

    /// The rows from the first to the last that have this value among `rows`, in which they are in order.
    fn having(
        &mut self,
        column: Column,
        rows: Range<usize>,
        value: u64,
        turn: u64,
    ) -> Result<Range<usize>, Damaged> {
        let values = self.column(column)?;
        let begin = point(rows.clone(), |row| values.get(row) ^ turn < value ^ turn);
        let end = point(begin..rows.end, |row| values.get(row) ^ turn <= value ^ turn);
        Ok(begin..end)
    }

    fn find(&mut self, asked: &Asked, mut found: impl FnMut(&Plain)) -> Result<(), Damaged> {
        let mut rows = 0..self.rows;
        let Some(Bounds { first, last }) = self.bounds else { return Ok(()) };
        if first.hour != last.hour {
            // Signed: turned so that the order is that of unsigned numbers.
            rows = self.having(Column::Hour, rows, asked.hour.cast_unsigned().into(), 1 << 31)?;
        }
        if first.hour != last.hour || first.outside_ip != last.outside_ip {
            rows = self.having(Column::OutsideIp, rows, asked.outside_ip.into(), 0)?;
        }
        if let Some(port) = asked.outside_port {
            rows = self.having(Column::OutsidePort, rows, port.into(), 0)?;
        }
        if let Some((ip, _)) = asked.remote
            && asked.outside_port.is_some()
            && !rows.is_empty()
        {
            rows = self.having(Column::RemoteIp, rows, ip.into(), 0)?;
        }
        for row in rows {
            if self.answers(asked, row)? {
                let mut whole = Plain::default();
                for column in Column::ALL {
                    let value = self.column(column)?.get(row);
                    column.spread(std::iter::once(value), std::slice::from_mut(&mut whole));
                }
                found(&whole);
            }
        }
        Ok(())
    }

    /// Whether a row that has the outside answers in all else.
    fn answers(&mut self, asked: &Asked, row: usize) -> Result<bool, Damaged> {
        if let Some((_, port)) = asked.remote {
            let ip = self.column(Column::RemoteIp)?.get(row);
            if !asked.fits_remote(|| (ip, None)) {
                return Ok(false);
            }
            if port.is_some() {
                let port = self.column(Column::RemotePort)?.get(row);
                if !asked.fits_remote(|| (ip, Some(port).filter(|&port| port != crate::column::MISSING))) {
                    return Ok(false);
                }
            }
        }
        let (from, to) = asked.during;
        let start = self.column(Column::Start)?.get(row).cast_signed();
        if start > to {
            return Ok(false);
        }
        let lasted = self.column(Column::Lasted)?.get(row).cast_signed();
        Ok(from <= start.wrapping_add(lasted))
    }
}

/// The first of these rows that is not `before`.
fn point(rows: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut begin, mut end) = (rows.start, rows.end);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        if before(middle) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    begin
}
