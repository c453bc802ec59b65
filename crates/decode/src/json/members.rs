//! The members that a format asks for, out of one line after another.
//!
//! Exporters write every line alike: the same names in the same order. [`Members`] remembers how the last
//! line was put together, and of a line of the same shape looks only at the values. Where no two lines are
//! alike, the members of a [flat](super::flat) object are found in whatever order they stand. Any other line is
//! passed over once, from front to back. Whatever is unusual (a name with an escape, a nest
//! deeper than anybody writes) and whatever may be no JSON at all is left to [`Object`], which is slow
//! and decides; the fast ways only ever give what it would give.

use super::{Object, flat::Flat, names::Names, scan, str_of};
use crate::{
    places::{Found, Places},
    sixteen::{Pattern, SIXTEEN, Sixteen},
};

/// Finds the members of `N` names.
#[derive(Clone, Debug)]
pub(crate) struct Members<const N: usize> {
    names: Names,
    flat: Flat,
    shape: Shape,
    patience: Patience,
}

impl<const N: usize> Members<N> {
    /// For these names, none of which may come twice.
    pub(crate) fn new(names: [&str; N]) -> Self {
        Self {
            names: Names::new(names.map(Box::from).into()),
            flat: Flat::default(),
            shape: Shape::default(),
            patience: Patience::default(),
        }
    }

    /// The values in a text that is one object and nothing else, as [`Object::parse`] has it; `None` if
    /// it is none. Of a name that is written twice the value is empty, which is none: other readers would
    /// take one or the other.
    #[inline]
    pub(crate) fn read<'a>(&mut self, text: &'a str) -> Option<Found<'a, N>> {
        let mut places = Places::nowhere();
        self.find(text, &mut places).then(|| places.of(text))
    }

    /// Finds where they stand, out of places that are nowhere; `false` if it is no object, and then they may
    /// be anywhere.
    #[inline]
    pub(crate) fn find(&mut self, text: &str, places: &mut Places<N>) -> bool {
        self.has_shape(text, places)
            || self.is_flat(text.as_bytes(), places)
            || self.scan_or_parse(text, places)
    }

    /// The same of a line that may be no text: what is found in nothing but ASCII is one.
    #[inline]
    pub(crate) fn find_in_bytes(&mut self, line: &[u8], places: &mut Places<N>) -> bool {
        if self.shape.plain_values(line, places) {
            self.patience.hit();
            return true;
        }
        self.is_flat(line, places)
            || str_of(line)
                .is_some_and(|text| self.has_shape(text, places) || self.scan_or_parse(text, places))
    }

    #[inline(always)]
    fn has_shape(&mut self, text: &str, places: &mut Places<N>) -> bool {
        let has_shape = self.shape.read(text, places, &mut |_, _| None);
        if has_shape {
            self.patience.hit();
        } else {
            *places = Places::nowhere();
        }
        has_shape
    }

    /// While no shape is worth learning.
    #[inline(never)]
    fn is_flat(&mut self, line: &[u8], places: &mut Places<N>) -> bool {
        *places = Places::nowhere();
        self.patience.waits() && self.flat.find(line, &self.names, places)
    }

    #[inline(never)]
    fn scan_or_parse(&mut self, text: &str, places: &mut Places<N>) -> bool {
        let found = self.scan(text, &mut |_, _| None).or_else(|| self.surely(text));
        found.map(|found| *places = found).is_some()
    }

    /// The same of a line that is not unusual. An object that is wanted is offered to `nested`, with its
    /// slot and the text that begins with it: who [reads it at once](Self::read_front) says how long it
    /// is, and spares a second look at it.
    #[inline]
    pub(crate) fn read_nested<'a>(
        &mut self,
        text: &'a str,
        nested: &mut impl FnMut(usize, &'a str) -> Option<usize>,
    ) -> Option<Found<'a, N>> {
        let mut places = Places::nowhere();
        if self.shape.read(text, &mut places, nested) {
            self.patience.hit();
            return Some(places.of(text));
        }
        self.scan(text, nested).map(|places| places.of(text))
    }

    /// The values of the object that `text` begins with, and its length, if it has the known shape.
    #[inline]
    pub(crate) fn read_front<'a>(&self, text: &'a str) -> Option<(Found<'a, N>, usize)> {
        let mut places = Places::nowhere();
        let end = self.shape.end_of_values(text, &mut places, &mut |_, _| None)?;
        let end = scan::space_end(text.as_bytes(), end);
        let is_whole = self.shape.known && text.as_bytes().get(end) == Some(&b'}');
        is_whole.then(|| (places.of(text), end + 1))
    }

    /// The same, slow and without doubt.
    #[cold]
    fn surely(&self, text: &str) -> Option<Places<N>> {
        let object = Object::parse(text)?;
        let mut places = Places::nowhere();
        for member in object.members() {
            let value = member.value_range(text);
            places.add(self.names.slot(member.name.as_bytes()), value.start, value.end);
        }
        Some(places)
    }

    /// Passes over a line whatever its shape, and learns that.
    fn scan<'a>(
        &mut self,
        text: &'a str,
        nested: &mut impl FnMut(usize, &'a str) -> Option<usize>,
    ) -> Option<Places<N>> {
        let bytes = text.as_bytes();
        let mut learns = !self.patience.waits();
        if learns {
            self.patience.again();
            self.shape.clear();
        }
        let mut places = Places::nowhere();
        let mut twice = false;
        // Where the value before ended: from there to the next value is what a shape is made of.
        let mut ended = 0;
        let mut at = scan::space_end(bytes, mark_length(bytes));
        if *bytes.get(at)? != b'{' {
            return None;
        }
        at = scan::space_end(bytes, at + 1);
        if bytes.get(at) != Some(&b'}') {
            loop {
                if *bytes.get(at)? != b'"' {
                    return None;
                }
                let quote = scan::plain_quote(bytes, at + 1)?;
                let slot = self.names.before(bytes, quote).0;
                let start = scan::colon_end(bytes, quote + 1)?;
                let end = value_end(text, start, slot < N, |rest| nested(slot, rest))?;
                twice |= !places.add(slot, start, end);
                if learns {
                    learns = self.shape.push(&bytes[ended..start], slot);
                }
                ended = end;
                at = scan::space_end(bytes, end);
                match *bytes.get(at)? {
                    b',' => at = scan::space_end(bytes, at + 1),
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        if scan::space_end(bytes, at + 1) != bytes.len() {
            return None;
        }
        // Of names that come twice a shape could not tell which is which.
        if learns && !twice {
            self.shape.known = !self.shape.parts.is_empty();
        }
        Some(places)
    }
}

/// How long a byte order mark at the front is.
fn mark_length(bytes: &[u8]) -> usize {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if bytes.starts_with(MARK) { MARK.len() } else { 0 }
}

/// How one line was put together: what stood before each value, and whose value it is.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// Whether a whole line was learned.
    known: bool,
    parts: Vec<Part>,
    /// What stood before the values, one after the other.
    between: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Part {
    /// Where in `between` that stands which stands before the value, and how much it is.
    from: usize,
    length: usize,
    /// Where the value belongs; beyond the last slot if nobody asks for it.
    slot: usize,
    /// The last bytes of that, to be compared at one go. The last and not the first, for at the end of a line
    /// there is more before a value than after it.
    end: [Pattern; 2],
}

/// A line with more members, or more between its values, is not remembered.
const PARTS: usize = 256;
const BETWEEN: usize = 8 * 1024;

/// As much as nearly always stands between two values.
const AT_ONCE: usize = 2 * SIXTEEN;

impl Shape {
    fn clear(&mut self) {
        self.known = false;
        self.parts.clear();
        self.between.clear();
    }

    /// Adds the next value; `false` if there are too many of them.
    fn push(&mut self, between: &[u8], slot: usize) -> bool {
        let fits = self.parts.len() < PARTS && self.between.len() + between.len() <= BETWEEN;
        if fits {
            self.parts.push(Part::new(self.between.len(), between, slot));
            self.between.extend_from_slice(between);
        }
        fits
    }

    /// Finds the values of a line of this shape; `false` for any other, of which it finds anything.
    #[inline(always)]
    fn read<'a, const N: usize>(
        &self,
        text: &'a str,
        places: &mut Places<N>,
        nested: &mut impl FnMut(usize, &'a str) -> Option<usize>,
    ) -> bool {
        let end = if self.known { self.end_of_values(text, places, nested) } else { None };
        end.is_some_and(|end| is_end(text.as_bytes(), end))
    }

    /// Finds the values of a line of this shape, all of which are plain.
    ///
    /// What stands between is compared with what was text, so that a line of plain values is text too, and a
    /// number that goes on is found out.
    ///
    /// Where a value is, is known once the one before it has ended. So this goes from both ends of the line to
    /// its middle, and while the one side waits the other does not.
    #[inline]
    fn plain_values<const N: usize>(&self, line: &[u8], places: &mut Places<N>) -> bool {
        let Some(mut until) = last_value_end(line).filter(|_| self.known) else { return false };
        let mut at = 0;
        let (front, back) = self.parts.split_at(self.parts.len() / 2);
        let mut front = front.iter();
        for part in back.iter().rev() {
            let Some(start) = scan::plain_part_start(line, until) else { return false };
            if !self.stands(part, line, start) {
                return false;
            }
            places.set(part.slot, start, until);
            until = start - part.length;
            let Some(part) = front.next() else { continue };
            let start = at + part.length;
            if !self.stands(part, line, start) {
                return false;
            }
            let Some(end) = scan::plain_part_end(line, start) else { return false };
            places.set(part.slot, start, end);
            at = end;
        }
        at == until
    }

    /// Whether before `start` stands what stood before this value.
    #[inline(always)]
    fn stands(&self, part: &Part, line: &[u8], start: usize) -> bool {
        let Some(before) = line.get(..start) else { return false };
        match before.last_chunk() {
            Some(here) if part.length <= AT_ONCE => part.is_at(here),
            _ => before.ends_with(&self.between[part.from..][..part.length]),
        }
    }

    #[inline(always)]
    fn end_of_values<'a, const N: usize>(
        &self,
        text: &'a str,
        places: &mut Places<N>,
        nested: &mut impl FnMut(usize, &'a str) -> Option<usize>,
    ) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut at = 0;
        for part in &self.parts {
            let start = at + part.length;
            if !self.stands(part, bytes, start) {
                return None;
            }
            let end = value_end(text, start, part.slot < N, |rest| nested(part.slot, rest))?;
            places.set(part.slot, start, end);
            at = end;
        }
        Some(at)
    }
}

/// The position after the value that begins at `at`; an object that is wanted may be read by `nested`.
#[inline(always)]
fn value_end<'a>(
    text: &'a str,
    at: usize,
    is_wanted: bool,
    nested: impl FnOnce(&'a str) -> Option<usize>,
) -> Option<usize> {
    let bytes = text.as_bytes();
    if let Some(end) = scan::plain_end(bytes, at) {
        return Some(end);
    }
    if is_wanted
        && bytes.get(at) == Some(&b'{')
        && let Some(length) = nested(&text[at..])
    {
        return Some(at + length);
    }
    scan::any_value_end(bytes, at)
}

/// Whether nothing follows but the brace that closes the object.
#[inline]
fn is_end(bytes: &[u8], at: usize) -> bool {
    let at = scan::space_end(bytes, at);
    bytes.get(at) == Some(&b'}') && scan::space_end(bytes, at + 1) == bytes.len()
}

/// The position after the last value, which only the brace that closes the object and white space follow.
#[inline]
fn last_value_end(bytes: &[u8]) -> Option<usize> {
    let brace = scan::space_start(bytes, bytes.len()).checked_sub(1)?;
    (bytes[brace] == b'}').then(|| scan::space_start(bytes, brace))
}

impl Part {
    fn new(from: usize, between: &[u8], slot: usize) -> Self {
        let mut end = [None; AT_ONCE];
        for (place, byte) in end.iter_mut().rev().zip(between.iter().rev()) {
            *place = Some(*byte);
        }
        let (halves, _) = end.as_chunks();
        Self { from, length: between.len(), slot, end: [Pattern::new(&halves[0]), Pattern::new(&halves[1])] }
    }

    /// Whether these are the bytes before the value.
    #[inline(always)]
    fn is_at(&self, here: &[u8; AT_ONCE]) -> bool {
        let (halves, _) = here.as_chunks();
        self.end[0].is(Sixteen::new(halves[0])) & self.end[1].is(Sixteen::new(halves[1]))
    }
}

/// When to learn a new shape: at once where lines are alike, ever more seldom where no two are.
#[derive(Clone, Debug, Default)]
struct Patience {
    /// How many lines pass before the next one is learned.
    wait: u32,
    passed: u32,
}

impl Patience {
    const MOST: u32 = 255;

    #[inline]
    const fn hit(&mut self) {
        self.wait = 0;
    }

    /// Whether this line is passed.
    const fn waits(&mut self) -> bool {
        if self.passed < self.wait {
            self.passed += 1;
            return true;
        }
        false
    }

    /// After one was learned.
    fn again(&mut self) {
        self.passed = 0;
        self.wait = (2 * self.wait + 1).min(Self::MOST);
    }
}

/// A small number out of a text's length and its first and last bytes: enough to tell names apart.
#[inline(always)]
pub(crate) fn digest(text: &[u8]) -> u8 {
    let some = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23),
        _ => match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            _ => text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
        },
    };
    (some ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]
}

#[cfg(test)]
mod tests;
