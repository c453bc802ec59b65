//! The members of a flat object, in whatever order they stand.

use super::{names::Names, scan};
use crate::{
    places::Places,
    sixteen::{SIXTEEN, Sixteen},
};

/// Finds the members of an object of plain texts and whole numbers without white space between them.
///
/// Where a name ends, a colon follows its quote. So all names are found at once, without knowing where what stands
/// before each has ended; and with them the values, which are what is between. Nothing branches on what a member
/// is, for where any may come next every such branch is a wrong guess. What is wrong is noted, and asked for once
/// at the end; a text that begins with a colon is also wrong here.
#[derive(Clone, Debug)]
pub(super) struct Flat {
    /// Where the colons behind the names of a line are.
    colons: Box<[usize; MOST]>,
    /// Its members, and behind the last one nobody's, whose quote would be where the line ends.
    members: Box<[Member; MOST]>,
    /// From where to where the value of each slot stands; at last, of the names that nobody asks for.
    values: Box<[(usize, usize); BITS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// Where the quote is that opens its name.
    quote: usize,
    slot: usize,
}

/// An object with as many members is not read here.
const MOST: usize = 256;

/// So many bytes are looked at together, as bits of a number.
const BITS: usize = u64::BITS as usize;

/// As many names as seldom end in so few bytes: so many are noted without asking how many they are.
const AT_ONCE: usize = 4;

/// What a line has.
struct Counts {
    /// How many colons follow a quote.
    colons: usize,
    quotes: usize,
}

impl Default for Flat {
    fn default() -> Self {
        Self {
            colons: Box::new([0; MOST]),
            members: Box::new([Member::default(); MOST]),
            values: Box::new([(0, 0); BITS]),
        }
    }
}

impl Flat {
    /// Finds where the values of a line stand, out of places that are nowhere; `false` says nothing. The bytes
    /// need not be UTF-8: what is found in some, is.
    pub(super) fn find<const N: usize>(
        &mut self,
        line: &[u8],
        names: &Names,
        places: &mut Places<N>,
    ) -> bool {
        let line = &line[..scan::space_start(line, line.len())];
        let counts = self.note_colons(line);
        let found = counts.and_then(|counts| self.note_values(line, names, &counts));
        let Some(found) = found else { return false };
        for (slot, (start, end)) in self.values.iter().enumerate().take(N) {
            if found >> slot & 1 == 1 {
                places.set(slot, *start, *end);
            }
        }
        true
    }

    /// Notes where colons follow a quote; `None` of a line that is short, has many of them, or has anything but
    /// plain ASCII.
    #[inline(never)]
    fn note_colons(&mut self, line: &[u8]) -> Option<Counts> {
        let mut counts = Counts { colons: 0, quotes: 0 };
        let (mut was_quote, mut odd) = (0, 0);
        let last = line.len().checked_sub(BITS)?;
        for at in (0..line.len()).step_by(BITS) {
            // The last ones are looked at together with some before them, which are not new.
            let from = at.min(last);
            let new = u64::MAX << (at - from);
            let marks = Marks::of(line.get(from..)?.first_chunk()?);
            odd |= marks.odd;
            counts.quotes += (marks.quotes & new).count_ones() as usize;
            let mut colons = marks.colons & (marks.quotes << 1 | was_quote) & new;
            was_quote = marks.quotes >> (BITS - 1);
            while colons != 0 {
                let room: &mut [usize; AT_ONCE] = self.colons.get_mut(counts.colons..)?.first_chunk_mut()?;
                for place in room {
                    *place = from + colons.trailing_zeros() as usize;
                    counts.colons += usize::from(colons != 0);
                    colons &= colons.wrapping_sub(1);
                }
            }
        }
        (odd == 0).then_some(counts)
    }

    /// Notes where the values are; which slots have one, as bits. `None` if it is no such object, or a name that is
    /// asked for comes twice.
    #[inline(never)]
    fn note_values(&mut self, line: &[u8], names: &Names, counts: &Counts) -> Option<u64> {
        let [b'{', b'"', .., b'}'] = line else { return None };
        let colons = self.colons.get(..counts.colons)?;
        for (member, colon) in self.members.iter_mut().zip(colons) {
            let (slot, quote) = names.before(line, colon.wrapping_sub(1));
            *member = Member { quote, slot };
        }
        self.members.get_mut(counts.colons)?.quote = line.len();
        let mut is_right = self.members[0].quote == 1;
        let (mut found, mut asked, mut texts, mut commas) = (0, 0, 0, 0);
        let following = self.members.iter().skip(1);
        for ((member, next), colon) in self.members.iter().zip(following).zip(colons) {
            let (start, end) = (colon + 1, next.quote.wrapping_sub(1));
            let value = Value::at(line, start, end);
            is_right &= value.is_right;
            texts += usize::from(value.is_text);
            commas += usize::from(value.is_followed);
            let slot = member.slot % BITS;
            self.values[slot] = (start, end);
            found |= 1 << slot;
            asked += u32::from(slot < names.len());
        }
        found &= (1 << names.len()) - 1;
        // Every quote is one of a name's or a text's two, so that there is none within; and none came twice.
        let is_all = counts.quotes == 2 * (counts.colons + texts) && commas + 1 == counts.colons;
        (is_right && is_all && asked == u64::count_ones(found)).then_some(found)
    }
}

/// What is where among the bytes that are looked at together.
struct Marks {
    quotes: u64,
    colons: u64,
    /// Not nought if there is an escape, a control character, or what is not ASCII.
    odd: u32,
}

impl Marks {
    #[inline(always)]
    fn of(bytes: &[u8; BITS]) -> Self {
        let mut marks = Self { quotes: 0, colons: 0, odd: 0 };
        let (blocks, _) = bytes.as_chunks();
        for (at, block) in (0..).step_by(SIXTEEN).zip(blocks) {
            let block = Sixteen::new(*block);
            let quotes = block.equal(b'"');
            marks.quotes |= u64::from(quotes) << at;
            marks.colons |= u64::from(block.equal(b':')) << at;
            marks.odd |= block.end_ascii_json_text() ^ quotes;
        }
        marks
    }
}

/// What stands where a value should.
struct Value {
    /// Whether it is a text without quotes in it, if there are none, or a number of few digits.
    is_right: bool,
    /// Whether it begins like a text.
    is_text: bool,
    /// Whether a comma follows.
    is_followed: bool,
}

impl Value {
    /// What stands from `start` to `end`, which may be before that or beyond the line.
    #[inline(always)]
    fn at(line: &[u8], start: usize, end: usize) -> Self {
        /// What follows the value is the last of the bytes that are looked at, and its own end is before that.
        const LAST: usize = SIXTEEN - 1;
        /// How many bits of a number are not theirs.
        const ABOVE: usize = u32::BITS as usize - LAST;
        let block = line.get(end.wrapping_sub(SIXTEEN - 1)..=end).and_then(<[u8]>::first_chunk);
        let Some(block) = block else { return Self::early(line, start, end) };
        let block = Sixteen::new(*block);
        let (length, first) = (end.wrapping_sub(start), line.get(start).copied().unwrap_or_default());
        let is_text = first == b'"';
        let is_closed = (start + 1 < end) & (block.equal(b'"') >> (LAST - 1) & 1 == 1);
        // How many digits stand before the end, at most as many as are looked at.
        let digits = (block.no_digits() << ABOVE | 1 << (ABOVE - 1)).leading_zeros();
        let is_number = length.wrapping_sub(1) < digits as usize;
        Self {
            is_right: (is_text & is_closed) | (is_number & ((first != b'0') | (length == 1))),
            is_text,
            is_followed: block.equal(b',') >> LAST == 1,
        }
    }

    /// The same among the first bytes of a line.
    #[cold]
    fn early(line: &[u8], start: usize, end: usize) -> Self {
        Self {
            is_right: scan::plain_part_end(line, start) == Some(end),
            is_text: line.get(start) == Some(&b'"'),
            is_followed: line.get(end) == Some(&b','),
        }
    }
}
