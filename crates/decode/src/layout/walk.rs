//! Finding the parts of a line, from the front to the back.

use super::{
    CANDIDATES, LINE, Layout, Part,
    division::{Division, Edge, place},
    shape::{self, Bytes, Shape, occurrences},
};
use memchr::memchr;
use std::ops::Range;

/// How to get past a part from the one place where it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A literal of one byte.
    Byte(u8),
    /// A longer one.
    Text(Box<[u8]>),
    /// A field of such bytes; what follows it begins with another.
    While(&'static Bytes),
    /// The same, and the byte that is all that follows it: two parts.
    WhileThen(&'static Bytes, u8),
    /// A field of such bytes, and the byte that is all that follows it, which the field may have too: two parts
    /// if that stands there once.
    Once(&'static Bytes, u8),
    /// Words, after which stands what no list has.
    List,
    /// A field that has anything but this byte, with which begins what follows.
    Until(u8),
    /// A field that nobody asks for, with anything in it, before another such field: whatever is behind a
    /// later one of these bytes is behind the first one too.
    Nearest(u8),
    /// Headers that may have been captured; where none were, there is nothing.
    Captures,
    /// A field that may end at several places.
    Search,
}

impl Step {
    /// How to get past the first of these parts.
    pub(super) fn of<F>(parts: &[Part<F>]) -> Self {
        const UNASKED: Shape = Shape::Free;
        let (shape, next, is_byte) = match parts {
            [Part::Text(text), ..] => {
                let text = text.as_bytes();
                return if let [byte] = text { Self::Byte(*byte) } else { Self::Text(text.into()) };
            }
            [Part::Field(None, UNASKED), Part::Text(text), Part::Field(None, UNASKED), ..]
                if text.len() == 1 =>
            {
                return Self::Nearest(text.as_bytes()[0]);
            }
            [Part::Field(_, Shape::Captures), ..] => return Self::Captures,
            [Part::Field(_, shape), Part::Text(next), ..] => (*shape, next.as_bytes()[0], next.len() == 1),
            _ => return Self::Search,
        };
        match (shape, shape.bytes()) {
            (_, Some(bytes)) => match (shape.may_hold(next), is_byte) {
                (true, true) => Self::Once(bytes, next),
                (true, false) => Self::Search,
                (false, true) => Self::WhileThen(bytes, next),
                (false, false) => Self::While(bytes),
            },
            _ if shape.may_hold(next) => Self::Search,
            (Shape::Unquoted, _) => Self::Until(b'"'),
            (Shape::List, _) => Self::List,
            _ => Self::Search,
        }
    }
}

/// How many parts beyond a place are tried where there are several: what stands there by chance is seldom
/// followed by so many.
const TRIED: usize = 8;

/// How far plain steps lead.
enum Reached {
    /// A part that is not there.
    Nothing,
    /// A part that may end at several places.
    Fork,
    /// The end of the last of the parts.
    End,
}

impl<F> Layout<F> {
    /// Finds the edges after those that `division` knows; `false` if a line was not written by this layout.
    ///
    /// Some edges may then have places that lead nowhere.
    pub(super) fn walk(&self, line: &str, division: &mut Division) -> bool {
        if line.len() > LINE {
            return false;
        }
        division.reserve(self.parts.len() + 1);
        loop {
            if let (at, Edge::At(start)) = division.last() {
                let edges = &mut division.edges[..];
                let note = |at: usize, end| edges[at + 1] = Edge::At(place(end));
                let (at, reached) = self.step(line.as_bytes(), at..self.parts.len(), start as usize, note);
                division.known = at + 1;
                if matches!(reached, Reached::Nothing) {
                    return false;
                }
            }
            let (at, edge) = division.last();
            if at == self.parts.len() {
                // The last part must end with the line.
                return division.of(at).contains(&place(line.len()));
            }
            let ends = |starts: &[u32], found: &mut Vec<u32>| self.ends(line, at, starts, found);
            let leads_on = |end| self.leads_on(line.as_bytes(), at + 1, end as usize);
            let Some(next) = division.next(edge, CANDIDATES, ends, leads_on) else { return false };
            division.push(next);
        }
    }

    /// Walks over some parts, the first of which begins at `start`, as long as each ends at one place only;
    /// tells `note` where each ends. Gives the part it got to, and why it went no further.
    #[inline(always)]
    fn step(
        &self,
        line: &[u8],
        Range { start: mut at, end }: Range<usize>,
        mut start: usize,
        mut note: impl FnMut(usize, usize),
    ) -> (usize, Reached) {
        while let Some(step) = self.steps[..end].get(at) {
            let rest = &line[start..];
            start += match step {
                Step::WhileThen(bytes, then) => {
                    let length = bytes.run(rest);
                    if rest.get(length) != Some(then) {
                        return (at, Reached::Nothing);
                    }
                    note(at, start + length);
                    at += 1;
                    length + 1
                }
                Step::Once(bytes, then) => {
                    let mut found = bytes.find(rest, *then);
                    let Some(length) = found.next() else { return (at, Reached::Nothing) };
                    if found.next().is_some() {
                        return (at, Reached::Fork);
                    }
                    note(at, start + length);
                    at += 1;
                    length + 1
                }
                Step::List => shape::list(rest),
                Step::Byte(byte) if rest.first() == Some(byte) => 1,
                Step::Text(text) if rest.starts_with(text) => text.len(),
                Step::Byte(_) | Step::Text(_) => return (at, Reached::Nothing),
                Step::While(bytes) => bytes.run(rest),
                Step::Until(byte) => memchr(*byte, rest).unwrap_or(rest.len()),
                Step::Nearest(byte) => match memchr(*byte, rest) {
                    Some(length) => length,
                    None => return (at, Reached::Nothing),
                },
                Step::Captures if rest.first() != Some(&b'{') => 0,
                Step::Captures | Step::Search => return (at, Reached::Fork),
            };
            note(at, start);
            at += 1;
        }
        (at, Reached::End)
    }

    /// Whether the parts from the `at`th on, which begins at `start`, are there: the next few of them, up to
    /// the first one that may end at several places.
    fn leads_on(&self, line: &[u8], at: usize, start: usize) -> bool {
        let parts = at..self.parts.len().min(at + TRIED);
        let mut end = start;
        match self.step(line, parts, start, |_, at| end = at) {
            (_, Reached::Nothing) => false,
            (at, Reached::End) if at == self.parts.len() => end == line.len(),
            (_, Reached::Fork | Reached::End) => true,
        }
    }

    /// Wherever a part that begins at one of `starts` may end.
    fn ends(&self, line: &str, at: usize, starts: &[u32], found: &mut Vec<u32>) {
        match &self.parts[at] {
            Part::Text(text) => {
                let stands = |start: &&u32| line.as_bytes()[**start as usize..].starts_with(text.as_bytes());
                found.extend(starts.iter().filter(stands).map(|start| start + place(text.len())));
            }
            Part::Field(_, Shape::Captures) => {
                for start in starts {
                    let (here, after) = shape::captures(line, *start as usize);
                    found.push(place(here));
                    found.extend(after.map(place));
                }
            }
            Part::Field(_, shape) => self.field_ends(line, at, *shape, starts, found),
        }
    }

    /// Wherever a field may end: where the literal after it stands, as far as its shape reaches.
    fn field_ends(&self, line: &str, at: usize, shape: Shape, starts: &[u32], found: &mut Vec<u32>) {
        let mut searched = 0;
        for start in starts {
            let start = *start as usize;
            // What an earlier start has searched need not be searched again: shapes run on alike.
            if start < searched {
                continue;
            }
            let (least, run) = (shape.least(line, start), shape.run(line, start));
            searched = run + 1;
            match self.parts.get(at + 1) {
                None => found.extend((run == line.len() && least <= run).then_some(place(run))),
                // A literal that begins with what the field cannot hold stands at its end, or nowhere.
                Some(Part::Text(text)) if least <= run && !shape.may_hold(text.as_bytes()[0]) => {
                    if line.as_bytes()[run..].starts_with(text.as_bytes()) {
                        found.push(place(run));
                    }
                }
                Some(Part::Text(text)) => {
                    found.extend(occurrences(line, least, run, text).take(CANDIDATES + 1).map(place));
                }
                Some(Part::Field(..)) => {
                    let boundaries = (least..=run).filter(|&end| line.is_char_boundary(end));
                    found.extend(boundaries.take(CANDIDATES + 1).map(place));
                }
            }
            if found.len() > CANDIDATES {
                return;
            }
        }
    }

    /// Takes away every place from which the end of the line cannot be reached.
    pub(super) fn prune(&self, line: &str, division: &mut Division) {
        if division.is_plain() {
            return;
        }
        division.retain(self.parts.len(), |end, _| end == line.len());
        for at in (0..self.parts.len()).rev() {
            let holds = |ends: &[u32], end: usize| ends.binary_search(&place(end)).is_ok();
            match &self.parts[at] {
                _ if matches!(division.edges[at], Edge::At(_)) => {}
                Part::Text(text) => division.retain(at, |start, ends| holds(ends, start + text.len())),
                Part::Field(_, Shape::Captures) => division.retain(at, |start, ends| {
                    let (here, after) = shape::captures(line, start);
                    holds(ends, here) || after.is_some_and(|end| holds(ends, end))
                }),
                Part::Field(_, shape) => {
                    let mut run = None;
                    division.retain(at, |start, ends| {
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
