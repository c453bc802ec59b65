//! How a log is cut into the frames that a decoder reads.

/// What a frame of a log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Lines of text.
    Lines,
    /// Messages of IPFIX (RFC 7011; RFC 5655 files are nothing else) or NetFlow v9 (RFC 3954), one
    /// after the other.
    FlowMessages,
}

impl Framing {
    /// The frames of a file at hand, each with its position: the number of the line, from 1, or the
    /// offset of the message. Lines come without their ends; what is no message is left out.
    pub fn frames(self, file: &[u8]) -> Box<dyn Iterator<Item = (u64, &[u8])> + '_> {
        match self {
            Self::Lines => {
                let line = |line: &'_ [u8]| line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
                Box::new(
                    (1..)
                        .zip(file.split(|&byte| byte == b'\n'))
                        .map(move |(n, text)| (n, &text[..line(text)])),
                )
            }
            Self::FlowMessages => Box::new(
                messages(file)
                    .filter(|(_, cut, _)| matches!(cut, Cut::Message(_)))
                    .map(|(at, _, message)| (at as u64, message)),
            ),
        }
    }
}

/// What stands at the start of some bytes, as [`cut`] sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// A message of so many bytes.
    Message(usize),
    /// So many bytes, at least one, that are no message.
    Noise(usize),
    /// The last so many bytes: a message that breaks off.
    Torn(usize),
    /// The bytes end before it can be told: give more.
    More,
}

/// Nothing longer is taken for a message: a datagram has no more.
pub const MESSAGE_LIMIT: usize = 65_535;

/// With this many bytes at hand [`cut`] never asks for more.
pub const MESSAGE_WINDOW: usize = MESSAGE_LIMIT + 64;

/// Sets whose lengths fit together, before noise is believed to have ended.
const SETS_CHECKED: usize = 8;

/// What stands at the start of `bytes`, which are not empty; `last` if nothing comes after them.
///
/// IPFIX says how long a message is. NetFlow v9 only says how many records it has, which helps nobody
/// who lacks a template (and exporters miscount): its message ends where the next one's version
/// stands, which no flowset's id can be.
#[must_use]
pub fn cut(bytes: &[u8], last: bool) -> Cut {
    match message(bytes, last) {
        Length::Known(length) => Cut::Message(length),
        Length::Unknown if !last => Cut::More,
        // Its length may be a lie, so look for another in what is there.
        Length::Unknown => match next_message(bytes) {
            at if at == bytes.len() => Cut::Torn(at),
            at => Cut::Noise(at),
        },
        Length::NoMessage => match next_message(bytes) {
            at if at == bytes.len() && !last => Cut::Noise(at.saturating_sub(HEAD - 1).max(1)),
            at => Cut::Noise(at),
        },
    }
}

/// The frames of messages in a file at hand: where each begins, and its bytes. Noise and what is torn
/// come as well, so that they can be reported; nothing reads them.
pub fn messages(file: &[u8]) -> impl Iterator<Item = (usize, Cut, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = file.get(at..).filter(|rest| !rest.is_empty())?;
        let what = cut(rest, true);
        let (Cut::Message(length) | Cut::Noise(length) | Cut::Torn(length)) = what else { return None };
        let frame = (at, what, &rest[..length]);
        at += length;
        Some(frame)
    })
}

/// A message's length, as far as the bytes tell.
#[derive(PartialEq, Eq)]
enum Length {
    Known(usize),
    /// They end too soon.
    Unknown,
    NoMessage,
}

/// The longest header with the head of a first set.
const HEAD: usize = 24;

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

/// How long the message is that begins here.
fn message(bytes: &[u8], last: bool) -> Length {
    match number(bytes, 0) {
        Some(9) => netflow9(bytes, last),
        Some(10) => ipfix(bytes),
        None if matches!(bytes, [0]) => Length::Unknown,
        _ => Length::NoMessage,
    }
}

fn ipfix(bytes: &[u8]) -> Length {
    let Some(length) = number(bytes, 2) else { return Length::Unknown };
    // IPFIX has no sets 0 and 1, and none reaches beyond its message.
    let fits = |(id, first): &(usize, usize)| *id >= 2 && 16 + first <= length;
    match length {
        0..16 => Length::NoMessage,
        16 if bytes.len() >= 16 => Length::Known(length),
        _ if bytes.len() < 20 => Length::Unknown,
        _ if set(bytes, 16).filter(fits).is_none() => Length::NoMessage,
        _ if bytes.len() < length => Length::Unknown,
        _ => Length::Known(length),
    }
}

fn netflow9(bytes: &[u8], last: bool) -> Length {
    let mut at = 20;
    loop {
        let Some(rest) = bytes.get(at..) else { return Length::Unknown };
        match (set(bytes, at), rest) {
            (_, [0, 9 | 10, ..]) => return ended(at),
            // IPFIX's ids of template sets are not NetFlow's.
            (Some((2 | 3, _)), _) => return ended(at),
            (Some((_, length)), _) if at + length > MESSAGE_LIMIT => return ended(at),
            (Some((_, length)), _) if length > rest.len() => return Length::Unknown,
            (Some((_, length)), _) => at += length,
            (None, _) if rest.len() < 4 && !last => return Length::Unknown,
            (None, _) => return padded(rest, at, last),
        }
    }
}

/// A message whose flowsets end at `at`; some exporters fill it up with zeros.
fn padded(rest: &[u8], at: usize, last: bool) -> Length {
    let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
    match rest.get(zeros) {
        _ if at + zeros > MESSAGE_LIMIT => ended(at),
        None if last => ended(at + zeros),
        None => Length::Unknown,
        // The last zero belongs to the next version.
        Some(9 | 10) if zeros > 4 => ended(at + zeros - 1),
        Some(_) => ended(at),
    }
}

/// A message that ends at `at`, if it has any flowset at all.
fn ended(at: usize) -> Length {
    if at > 20 { Length::Known(at) } else { Length::NoMessage }
}

/// The id and length of the set at `at`, if they are possible; `None` also if the bytes end.
fn set(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (id, length) = (number(bytes, at)?, number(bytes, at + 2)?);
    (matches!(id, 0..=3 | 256..) && length >= 4).then_some((id, length))
}

/// Where after the first byte something begins that is surely a message; the end if nowhere.
fn next_message(bytes: &[u8]) -> usize {
    let mut heads = (1..bytes.len()).filter(|&at| matches!(bytes[at..], [0, 9 | 10, ..]));
    heads.find(|&at| is_message(&bytes[at..])).unwrap_or(bytes.len())
}

/// Whether the sets of what may be a message fit together, as far as the bytes go.
fn is_message(bytes: &[u8]) -> bool {
    let (head, end) = match (number(bytes, 0), number(bytes, 2)) {
        (Some(9), Some(1..)) => (20, None),
        (Some(10), Some(length @ 20..)) => (16, Some(length)),
        _ => return false,
    };
    let mut at = head;
    for _ in 0..SETS_CHECKED {
        match set(bytes, at) {
            Some((0 | 1, _)) if end.is_some() => return false,
            Some((2 | 3, _)) if end.is_none() => return false,
            Some((_, length)) => at += length,
            None => return at > head && end.is_none() && matches!(bytes.get(at..), Some([0, ..])),
        }
        match end {
            Some(end) if at == end => return true,
            Some(end) if at > end => return false,
            // What is cut here is looked at again when there is more.
            _ if at >= bytes.len() => return at == bytes.len() || end.is_some_and(|end| end > bytes.len()),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPFIX message of one data set with `body`.
    fn ipfix(body: &[u8]) -> Vec<u8> {
        let length = |more: usize| u16::try_from(body.len() + more).unwrap().to_be_bytes();
        [&[0, 10][..], &length(20), &[0; 12], &[1, 0], &length(4), body].concat()
    }

    /// A NetFlow v9 message of `sets` data sets with `body` each.
    fn netflow9(sets: usize, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
        let set = [&[1, 0][..], &length, body].concat();
        [&[0, 9, 0, 1][..], &[0; 16], &set.repeat(sets)].concat()
    }

    fn cuts(file: &[u8]) -> Vec<Cut> {
        let frames: Vec<_> = messages(file).collect();
        let whole: Vec<u8> = frames.iter().flat_map(|(_, _, bytes)| bytes.iter().copied()).collect();
        assert_eq!(whole, file, "every byte is in one frame");
        frames.into_iter().map(|(_, cut, _)| cut).collect()
    }

    #[test]
    fn messages_of_both_kinds_follow_each_other() {
        let file =
            [netflow9(2, &[7; 8]), ipfix(&[7; 3]), netflow9(1, &[0; 8]), netflow9(1, &[1; 4])].concat();
        assert_eq!(cuts(&file), [44, 23, 32, 28].map(Cut::Message));
    }

    #[test]
    fn zeros_after_the_last_flowset_belong_to_it() {
        let padded = [netflow9(1, &[7; 8]), vec![0; 9]].concat();
        assert_eq!(cuts(&padded), [Cut::Message(41)]);
        assert_eq!(cuts(&[&padded[..], &ipfix(&[7; 3])].concat()), [41, 23].map(Cut::Message));
    }

    #[test]
    fn noise_ends_where_a_message_begins() {
        let one = ipfix(&[7; 3]);
        let file = [b"\0\x0a junk \0\x09\0\0\0", &one[..], b"more junk", &one[..], &one[..9]].concat();
        let noise = Cut::Noise;
        assert_eq!(cuts(&file), [noise(13), Cut::Message(23), noise(9), Cut::Message(23), Cut::Torn(9)]);
        assert_eq!(cuts(b"just text\n"), [noise(10)]);
        assert_eq!(cuts(b""), []);
    }

    #[test]
    fn a_length_that_lies_costs_one_message() {
        let mut liar = ipfix(&[7; 3]);
        liar[2] = 0xff;
        let file = [&liar[..], &ipfix(&[7; 3]), &netflow9(1, &[3; 4])].concat();
        assert_eq!(cuts(&file), [Cut::Noise(23), Cut::Message(23), Cut::Message(28)]);
    }

    #[test]
    fn a_window_is_always_enough() {
        for start in [&netflow9(1, &[7; 8])[..], &netflow9(0, &[]), &ipfix(&[7; 8])[..20], b"x"] {
            for filling in [&[0][..], &[1], &[1, 0, 0, 4], &[0, 9], &[0, 10], &[255]] {
                let mut bytes = start.to_vec();
                while bytes.len() < MESSAGE_WINDOW {
                    bytes.extend(filling);
                }
                match cut(&bytes, false) {
                    Cut::More => panic!("{start:?} {filling:?}"),
                    Cut::Message(length) => assert!(length <= MESSAGE_LIMIT),
                    Cut::Noise(length) | Cut::Torn(length) => assert!(length > 0),
                }
            }
        }
    }
}
