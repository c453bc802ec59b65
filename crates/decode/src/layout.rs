//! Lines written by a format string: nginx's `log_format`, HAProxy's `log-format`, Squid's `logformat`.
//!
//! Each product's own syntax is compiled by its format's file into a [`Layout`]: literals and fields in
//! turn. Reading a line asks in how many ways it can be divided so that every literal stands where it
//! must and every field has the shape of its kind. A client writes parts of these lines, so a field that
//! could begin or end at two places is not read but refused: which of the two is meant would be the
//! client's choice.
//!
//! Bounds: time and memory grow with the line's length times the layout's, never faster; a line or a
//! layout beyond [`LINE`] and [`PARTS`] is not read at all.

mod shape;

use crate::{BadLayout, Unreadable};
pub(crate) use shape::Shape;
use shape::occurrences;
use smallvec::SmallVec;
use std::ops::Range;

/// A longer line is not read. HAProxy cuts at 64 KiB by default at most; requests are far shorter.
const LINE: usize = 64 * 1024;

/// More literals and fields than any log has.
const PARTS: usize = 512;

/// How many places may be in question at once before a line counts as undecidable.
const CANDIDATES: usize = 256;

/// The name of a field: one of an enumeration.
pub(crate) trait Name: Copy {
    /// Which one it is, from 0.
    fn number(self) -> usize;
}

/// A compiled format string; `F` names its fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout<F> {
    parts: Vec<Part<F>>,
    /// By a field's number, where in `parts` it stands first.
    fields: Vec<Option<usize>>,
}

/// One part of a layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part<F> {
    /// Stands there as it is.
    Text(String),
    /// A value; `None` if nobody asks for it.
    Field(Option<F>, Shape),
}

/// Where the parts of one line are.
pub(crate) struct Cells<'p, 'l, F> {
    layout: &'p Layout<F>,
    line: &'l str,
    edges: Edges,
}

/// For each edge between parts, and the two outer ones, the places where it may be, in order: nearly
/// always one.
#[derive(Default)]
struct Edges {
    places: SmallVec<[u32; 128]>,
    /// Where in `places` those of each edge are.
    ranges: SmallVec<[Range<u32>; 64]>,
}

impl Edges {
    /// Begins an edge; the places that are added after this are its own.
    fn begin(&mut self) {
        let here = place(self.places.len());
        self.ranges.push(here..here);
    }

    fn add(&mut self, at: usize) {
        self.places.push(place(at));
        if let Some(last) = self.ranges.last_mut() {
            last.end += 1;
        }
    }

    fn of(&self, edge: usize) -> &[u32] {
        let Range { start, end } = self.ranges[edge];
        &self.places[start as usize..end as usize]
    }

    /// How many places the edge has that was begun last.
    fn count(&self) -> usize {
        self.ranges.last().map_or(0, Range::len)
    }

    /// Puts the places of the edge that was begun last in order, each once.
    fn sort(&mut self) {
        let Some(last) = self.ranges.last_mut() else { return };
        let places = &mut self.places[last.start as usize..];
        places.sort_unstable();
        let mut kept = 1;
        for at in 1..places.len() {
            if places[at] != places[kept - 1] {
                places[kept] = places[at];
                kept += 1;
            }
        }
        self.places.truncate(last.start as usize + kept);
        last.end = place(self.places.len());
    }

    /// Keeps of an edge's places those that `keep` wants, given those of the edge after it.
    fn retain(&mut self, edge: usize, mut keep: impl FnMut(usize, &[u32]) -> bool) {
        let Range { start, end } = self.ranges[edge];
        let (before, after) = self.places.split_at_mut(end as usize);
        let next = self.ranges.get(edge + 1).map_or(0..0, |next| next.start - end..next.end - end);
        let next = &after[next.start as usize..next.end as usize];
        let mut kept = start;
        for at in start..end {
            let candidate = before[at as usize];
            if keep(candidate as usize, next) {
                before[kept as usize] = candidate;
                kept += 1;
            }
        }
        self.ranges[edge].end = kept;
    }
}

/// A place in a line, which is no longer than [`LINE`].
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A field that could begin or end at two places.
const UNDECIDED: Unreadable = Unreadable::because("it can be divided into its fields in more than one way");

impl<F: Name> Layout<F> {
    /// Literals that follow each other become one.
    ///
    /// # Errors
    /// When it has more parts than any log has, or no field at all.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part<F>>) -> Result<Self, BadLayout> {
        let mut joined: Vec<Part<F>> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
            if joined.len() > PARTS {
                return Err(BadLayout(format!("it has more than {PARTS} parts")));
            }
        }
        if !joined.iter().any(|part| matches!(part, Part::Field(..))) {
            return Err(BadLayout("it has no field".to_owned()));
        }
        let mut fields = Vec::new();
        for (at, part) in joined.iter().enumerate() {
            let Part::Field(Some(field), _) = part else { continue };
            fields.resize(fields.len().max(field.number() + 1), None);
            fields[field.number()].get_or_insert(at);
        }
        Ok(Self { parts: joined, fields })
    }

    /// Whether it has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.place(field).is_some()
    }

    fn place(&self, field: F) -> Option<usize> {
        *self.fields.get(field.number())?
    }

    /// Divides a line; `None` if it was not written by this layout.
    pub(crate) fn read<'l>(&self, line: &'l str) -> Option<Cells<'_, 'l, F>> {
        if line.len() > LINE {
            return None;
        }
        let mut edges = Edges::default();
        edges.begin();
        edges.add(0);
        for (at, part) in self.parts.iter().enumerate() {
            edges.begin();
            match part {
                Part::Text(text) => {
                    for start in edges.ranges[at].clone() {
                        let start = edges.places[start as usize] as usize;
                        if line.as_bytes()[start..].starts_with(text.as_bytes()) {
                            edges.add(start + text.len());
                        }
                    }
                }
                Part::Field(_, shape) => self.ends(*shape, at, line, &mut edges),
            }
            if edges.count() == 0 || edges.count() > CANDIDATES {
                return None;
            }
        }
        // The last part must end with the line.
        edges.retain(self.parts.len(), |end, _| end == line.len());
        if edges.count() == 0 {
            return None;
        }
        self.prune(line, &mut edges);
        Some(Cells { layout: self, line, edges })
    }

    /// Adds where a field may end: where the literal after it stands, as far as its shape reaches.
    fn ends(&self, shape: Shape, at: usize, line: &str, edges: &mut Edges) {
        let starts = edges.ranges[at].clone();
        let mut searched = 0;
        for start in starts.clone() {
            let start = edges.places[start as usize] as usize;
            if shape == Shape::Captures {
                let (here, after) = shape::captures(line, start);
                edges.add(here);
                after.into_iter().for_each(|end| edges.add(end));
                continue;
            }
            // What an earlier start has searched need not be searched again: shapes run on alike.
            if start < searched {
                continue;
            }
            let (least, run) = (shape.least(line, start), shape.run(line, start));
            searched = run + 1;
            match self.parts.get(at + 1) {
                None => {
                    if run == line.len() && least <= run {
                        edges.add(run);
                    }
                }
                // A literal that begins with what the field cannot hold stands at its end, or nowhere.
                Some(Part::Text(text)) if least <= run && !shape.may_hold(text.as_bytes()[0]) => {
                    if line.as_bytes()[run..].starts_with(text.as_bytes()) {
                        edges.add(run);
                    }
                }
                Some(Part::Text(text)) => {
                    let found = occurrences(line, least, run, text).take(CANDIDATES + 1);
                    found.for_each(|end| edges.add(end));
                }
                Some(Part::Field(..)) => {
                    let boundaries = (least..=run).filter(|&end| line.is_char_boundary(end));
                    boundaries.take(CANDIDATES + 1).for_each(|end| edges.add(end));
                }
            }
            if edges.count() > CANDIDATES {
                break;
            }
        }
        if starts.len() > 1 && edges.count() > 1 {
            edges.sort();
        }
    }

    /// Takes away every place from which the end of the line cannot be reached.
    fn prune(&self, line: &str, edges: &mut Edges) {
        for at in (0..self.parts.len()).rev() {
            if edges.of(at).len() == 1 {
                continue;
            }
            let holds = |ends: &[u32], end: usize| ends.binary_search(&place(end)).is_ok();
            match &self.parts[at] {
                Part::Text(text) => edges.retain(at, |start, ends| holds(ends, start + text.len())),
                Part::Field(_, Shape::Captures) => edges.retain(at, |start, ends| {
                    let (here, after) = shape::captures(line, start);
                    holds(ends, here) || after.is_some_and(|end| holds(ends, end))
                }),
                Part::Field(_, shape) => {
                    let mut run = None;
                    edges.retain(at, |start, ends| {
                        let reach = run.filter(|&run| start <= run).unwrap_or_else(|| shape.run(line, start));
                        run = Some(reach);
                        let least = shape.least(line, start);
                        let next = ends.partition_point(|&end| (end as usize) < least);
                        ends.get(next).is_some_and(|&end| end as usize <= reach)
                    });
                }
            }
        }
    }
}

impl<'l, F: Name> Cells<'_, 'l, F> {
    /// Whether the layout has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.layout.has(field)
    }

    /// The field's text, trimmed of padding where its shape has any; `None` if the layout has no such
    /// field. If it has the field twice, the first.
    ///
    /// # Errors
    /// When the field could begin or end at two places.
    pub(crate) fn get(&self, field: F) -> Result<Option<&'l str>, Unreadable> {
        let Some(at) = self.layout.place(field) else { return Ok(None) };
        let Part::Field(_, shape) = &self.layout.parts[at] else { return Ok(None) };
        match (self.edges.of(at), self.edges.of(at + 1)) {
            (&[start], &[end]) => Ok(Some(shape.trim(&self.line[start as usize..end as usize]))),
            _ => Err(UNDECIDED),
        }
    }
}

#[cfg(test)]
mod tests;
