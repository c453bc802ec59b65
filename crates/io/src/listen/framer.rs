//! Messages out of a stream of bytes (RFC 6587, RFC 5425).
//!
//! Each frame says for itself how it ends. `17 <14>1 - - - - - -`: a count of bytes, if a priority follows it.
//! Anything else ends with a line feed or a NUL, as most senders do it; so a line that merely begins with a number
//! is a line.

/// No message is longer; what is, is passed over to its end.
pub const MESSAGE_LIMIT: usize = 256 * 1024;

/// Counts have so many digits at most; more are no count. So a false one costs a peer less than 100 MB of its own.
const COUNT_DIGITS: usize = 8;

/// What a stream holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framed<'a> {
    /// A message, without what ends it; never empty.
    Message(&'a [u8]),
    /// One that is too long, of which nothing is kept.
    TooLong,
}

/// Cuts what one peer sends into messages, however it is split on the way. It holds less than two messages.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// What belongs to no message yet.
    held: Vec<u8>,
    /// No line ends in so many of its bytes.
    searched: usize,
    passing: Passing,
}

/// What is passed over.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Passing {
    #[default]
    Nothing,
    /// So many bytes more.
    Counted(usize),
    /// Up to the end of the line.
    Line,
}

/// What stands at the front of some bytes.
enum Front {
    /// It cannot be told yet.
    Unknown,
    /// A message of so many bytes, after so many of its count.
    Counted(usize, usize),
    Line,
}

impl Framer {
    /// Takes up what came, and hands out what is whole by now, in order.
    pub(crate) fn take(&mut self, bytes: &[u8], mut each: impl FnMut(Framed<'_>)) {
        self.held.extend_from_slice(bytes);
        let mut held = std::mem::take(&mut self.held);
        let mut at = 0;
        while let Some(used) = self.step(&held[at..], &mut each) {
            at += used;
        }
        held.drain(..at);
        self.held = held;
    }

    /// Whether a message has begun that has not ended.
    pub(crate) fn is_within(&self) -> bool {
        !self.held.is_empty()
    }

    /// How many bytes at the front are done with; `None` if more must come first.
    fn step(&mut self, rest: &[u8], each: &mut impl FnMut(Framed<'_>)) -> Option<usize> {
        if rest.is_empty() {
            return None;
        }
        match self.passing {
            Passing::Nothing => {}
            Passing::Counted(left) => {
                let used = left.min(rest.len());
                let left = left - used;
                self.passing = if left == 0 { Passing::Nothing } else { Passing::Counted(left) };
                return Some(used);
            }
            Passing::Line => {
                let end = line_end(rest);
                if end.is_some() {
                    self.passing = Passing::Nothing;
                }
                return Some(end.map_or(rest.len(), |end| end + 1));
            }
        }
        match front(rest) {
            Front::Unknown => None,
            Front::Counted(before, length) if length > MESSAGE_LIMIT => {
                each(Framed::TooLong);
                self.passing = Passing::Counted(length);
                Some(before)
            }
            Front::Counted(before, length) => {
                let message = rest.get(before..before + length)?;
                hand_out(message, each);
                Some(before + length)
            }
            Front::Line => self.line(rest, each),
        }
    }

    fn line(&mut self, rest: &[u8], each: &mut impl FnMut(Framed<'_>)) -> Option<usize> {
        let searched = std::mem::take(&mut self.searched).min(rest.len());
        match line_end(&rest[searched..]).map(|end| searched + end) {
            Some(end) if end > MESSAGE_LIMIT => {
                each(Framed::TooLong);
                Some(end + 1)
            }
            Some(end) => {
                hand_out(&rest[..end], each);
                Some(end + 1)
            }
            None if rest.len() > MESSAGE_LIMIT => {
                each(Framed::TooLong);
                self.passing = Passing::Line;
                Some(rest.len())
            }
            None => {
                self.searched = rest.len();
                None
            }
        }
    }
}

fn hand_out(message: &[u8], each: &mut impl FnMut(Framed<'_>)) {
    let message = trimmed(message);
    if !message.is_empty() {
        each(Framed::Message(message));
    }
}

/// A message without the line ends and NULs that senders put behind it.
pub(crate) fn trimmed(message: &[u8]) -> &[u8] {
    let end = message.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0)).map_or(0, |at| at + 1);
    &message[..end]
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', 0, bytes)
}

/// Tells how what begins here ends.
fn front(bytes: &[u8]) -> Front {
    if !matches!(bytes.first(), Some(b'1'..=b'9')) {
        return Front::Line;
    }
    let digits = bytes.iter().take(COUNT_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    match (bytes.get(digits), bytes.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => Front::Unknown,
        (Some(b' '), Some(b'<')) => {
            let digit = |length, byte: &u8| length * 10 + usize::from(byte - b'0');
            Front::Counted(digits + 1, bytes[..digits].iter().fold(0, digit))
        }
        _ => Front::Line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, PartialEq, Eq, Debug)]
    enum Owned {
        Message(Vec<u8>),
        TooLong,
    }

    fn framed(pieces: &[&[u8]]) -> (Vec<Owned>, bool) {
        let (mut framer, mut all) = (Framer::default(), Vec::new());
        for piece in pieces {
            framer.take(piece, |framed| {
                all.push(match framed {
                    Framed::Message(message) => Owned::Message(message.to_vec()),
                    Framed::TooLong => Owned::TooLong,
                });
            });
            assert!(framer.held.len() <= MESSAGE_LIMIT + COUNT_DIGITS + 1);
        }
        (all, framer.is_within())
    }

    /// The same, slowly and with everything at hand.
    fn obvious(all: &[u8]) -> Vec<Owned> {
        let text: Vec<char> = all.iter().map(|byte| char::from(*byte)).collect();
        let (mut messages, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let rest = &text[at..];
            let word: String = rest.iter().take_while(|c| c.is_ascii_digit()).collect();
            let is_count = (1..=8).contains(&word.len())
                && !word.starts_with('0')
                && rest.get(word.len()) == Some(&' ')
                && rest.get(word.len() + 1) == Some(&'<');
            let (from, to, next) = if is_count {
                let from = at + word.len() + 1;
                let to = from + word.parse::<usize>().unwrap();
                (from, to, to)
            } else {
                let end = rest.iter().position(|c| ['\n', '\0'].contains(c)).unwrap_or(rest.len() + 1);
                (at, at + end, at + end + 1)
            };
            if to - from > MESSAGE_LIMIT {
                messages.push(Owned::TooLong);
            } else if to <= text.len() {
                let message: String = text[from..to].iter().collect();
                let message = message.trim_end_matches(['\r', '\n', '\0']);
                if !message.is_empty() {
                    messages.push(Owned::Message(message.chars().map(|c| c as u8).collect()));
                }
            }
            at = next;
        }
        messages
    }

    fn message(text: &str) -> Owned {
        Owned::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn each_frame_says_how_it_ends() {
        let stream = b"7 <14>one<14>two\r\n\n8 <14>t\nee\n192.0.2.1 - x\n2 1234 eni\n7 <14>4\n5\0last";
        let (messages, is_within) = framed(&[stream]);
        let expected = ["<14>one", "<14>two", "<14>t\nee", "192.0.2.1 - x", "2 1234 eni", "<14>4\n5", "last"];
        assert_eq!(messages, expected[..6].iter().copied().map(message).collect::<Vec<_>>());
        assert!(is_within, "nobody knows whether `last` is all of it");
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_the_rest_goes_on() {
        let endless = b"x".repeat(MESSAGE_LIMIT);
        let (messages, _) = framed(&[&endless, &endless, &endless, b"y\n<1>a\n"]);
        assert_eq!(messages, [Owned::TooLong, message("<1>a")]);
        let (messages, _) = framed(&[
            b"600000 <1>",
            &endless,
            &endless,
            &b"x".repeat(600_000 - 3 - 2 * MESSAGE_LIMIT),
            b"<1>a\n",
        ]);
        assert_eq!(messages, [Owned::TooLong, message("<1>a")]);
        // No count has so many digits: it is a line, whose end puts both in step again.
        let (messages, _) = framed(&[b"99999999999999999999999 <1>a\n<1>b\n"]);
        assert_eq!(messages, [message("99999999999999999999999 <1>a"), message("<1>b")]);
        let (messages, is_within) = framed(&[&b"x".repeat(MESSAGE_LIMIT), b"\n"]);
        assert_eq!((messages.len(), is_within), (1, false), "one of just that length is not too long");
    }

    /// Pieces of which streams that mean something are made, and some that do not.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let counted =
            "<[0-9]{1,3}>[a-z \n\0]{0,9}".prop_map(|text| format!("{} {text}", text.len()).into_bytes());
        let line = "<[0-9]{1,3}>[a-z 0-9]{0,9}(\n|\r\n|\0)".prop_map(String::into_bytes);
        let odd = "[0-9 <>\n\0a]{0,12}".prop_map(String::into_bytes);
        let bytes = proptest::collection::vec(any::<u8>(), 0..12);
        let long =
            (300_000usize..300_010).prop_map(|length| [b"<1>".repeat(length / 3), b"\n".to_vec()].concat());
        let piece = prop_oneof![8 => counted, 8 => line, 4 => odd, 2 => bytes, 1 => long];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn however_it_is_split_the_messages_are_the_same(
            stream in stream(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let (messages, _) = framed(&pieces);
            prop_assert_eq!(&messages, &obvious(&stream));
            if stream.len() < 500 {
                let bytes: Vec<&[u8]> = stream.chunks(1).collect();
                prop_assert_eq!(framed(&bytes).0, messages);
            }
        }
    }
}
