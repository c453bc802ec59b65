//! What a field of each kind looks like.

use memchr::memchr;

/// Which bytes a field may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Digits with sign, point, and the dash that stands for none.
    Number,
    /// Anything without a blank, after as many blanks as fill its width.
    Padded,
    /// An address or a name: nothing but letters, digits and `.:-_%~[]/<>`.
    Word,
    /// A date with its time of day.
    Clock,
    /// Words parted by `, ` and ` : `, as nginx writes the backends that it tried.
    List,
    /// Anything without a double quote, which the writer escapes.
    Unquoted,
    /// Anything without a double quote that no backslash stands before.
    Escaped,
    /// Anything at all.
    Free,
    /// HAProxy's captured headers in braces with the blank after them; or nothing.
    Captures,
}

impl Shape {
    /// How far a field that starts at `start` could reach.
    pub(super) fn run(self, line: &str, start: usize) -> usize {
        let rest = &line.as_bytes()[start..];
        match self {
            Self::Number => start + NUMBER.run(rest),
            Self::Padded => {
                let value = start + blanks(rest);
                memchr(b' ', &line.as_bytes()[value..]).map_or(line.len(), |length| value + length)
            }
            Self::Word => start + WORD.run(rest),
            Self::Clock => start + CLOCK.run(rest),
            Self::List => start + list(rest),
            Self::Unquoted => memchr(b'"', rest).map_or(line.len(), |length| start + length),
            Self::Escaped => start + escaped(rest),
            Self::Free | Self::Captures => line.len(),
        }
    }

    /// Whether a field may hold this byte somewhere; `true` where that is not told at a glance.
    pub(super) fn may_hold(self, byte: u8) -> bool {
        match self {
            Self::Number => NUMBER.hold(byte),
            Self::Word => WORD.hold(byte),
            Self::Clock => CLOCK.hold(byte),
            Self::Unquoted => byte != b'"',
            Self::List => !matches!(byte, b'"' | b'|' | b';'),
            Self::Padded | Self::Escaped | Self::Free | Self::Captures => true,
        }
    }

    /// The bytes that a field may have, if it may have them in any order.
    pub(super) fn bytes(self) -> Option<&'static Bytes> {
        match self {
            Self::Number => Some(&NUMBER),
            Self::Word => Some(&WORD),
            Self::Clock => Some(&CLOCK),
            _ => None,
        }
    }

    /// The first place where a field that starts at `start` may end.
    pub(super) fn least(self, line: &str, start: usize) -> usize {
        match self {
            Self::Padded => start + blanks(&line.as_bytes()[start..]) + 1,
            _ => start,
        }
    }

    /// The value without what only fills its place.
    pub(super) fn trim(self, text: &str) -> &str {
        match self {
            Self::Padded | Self::Captures => text.trim_matches(' '),
            _ => text,
        }
    }
}

/// The bytes that a field of one kind may have.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    /// Digits, letters if it has those too, and some others.
    const fn new(letters: bool, others: &[u8]) -> Self {
        let mut fits = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            fits[byte as usize] = byte.is_ascii_digit() || (letters && byte.is_ascii_alphabetic());
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            fits[others[at] as usize] = true;
            at += 1;
        }
        Self(fits)
    }

    fn hold(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Where one of them stands among those at the front of a text.
    #[inline]
    pub(super) fn find<'a>(&'a self, text: &'a [u8], byte: u8) -> impl Iterator<Item = usize> + 'a {
        let run = text.iter().take_while(|&&byte| self.hold(byte));
        run.enumerate().filter(move |(_, other)| **other == byte).map(|(at, _)| at)
    }

    /// How many of them stand at the front of a text.
    #[inline]
    pub(super) fn run(&self, text: &[u8]) -> usize {
        text.iter().position(|&byte| !self.hold(byte)).unwrap_or(text.len())
    }
}

static NUMBER: Bytes = Bytes::new(false, b"+-.");
static WORD: Bytes = Bytes::new(true, b".:-_%~[]/<>");
static CLOCK: Bytes = Bytes::new(true, b"/:.,+- ");

fn blanks(rest: &[u8]) -> usize {
    rest.iter().take_while(|&&byte| byte == b' ').count()
}

/// How long a list is: to the first blank that parts no two of its words.
pub(super) fn list(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'"' | b'|' | b';' => break,
            b' ' if rest[..at].ends_with(b",") => at += 1,
            b' ' if rest[at..].starts_with(b" : ") => at += 3,
            b' ' => break,
            _ => at += 1,
        }
    }
    at
}

/// How long an escaped text is: to the first quote that no backslash stands before.
fn escaped(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Where captured headers that start at `start` end: there and then if none were captured, or after the
/// brace that closes them and the blank that follows it. HAProxy escapes braces within.
pub(super) fn captures(line: &str, start: usize) -> (usize, Option<usize>) {
    let rest = &line[start..];
    let length = rest.strip_prefix('{').and_then(|rest| rest.find('}')).map(|at| at + 2);
    let end = length.map(|length| start + length + usize::from(rest[length..].starts_with(' ')));
    (start, end)
}

/// Where `text` stands in `line`, from `start` on and beginning no later than `last`.
pub(super) fn occurrences<'a>(
    line: &'a str,
    start: usize,
    last: usize,
    text: &'a str,
) -> impl Iterator<Item = usize> + 'a {
    let end = line.len().min(last + text.len());
    let within = line.as_bytes().get(start..end).unwrap_or_default();
    // A layout's literals are not empty.
    let first = text.as_bytes().first().copied().unwrap_or_default();
    let mut from = 0;
    // They are near: to set out for each with the library takes longer than to look at what is between.
    std::iter::from_fn(move || {
        let found = from + within.get(from..)?.iter().position(|&byte| byte == first)?;
        from = found + 1;
        Some(found)
    })
    .filter(|&at| within[at..].starts_with(text.as_bytes()))
    .map(move |at| start + at)
}
