//! What a file is compressed with, by its first bytes: names lie, and pipes have none.

/// How many first bytes tell.
pub(super) const HEAD_BYTES: usize = 10;

/// What the first bytes say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    /// Nothing that we know: taken as it is.
    None,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames, the first of which may be skippable.
    Zstd,
    /// Something that must be unpacked by another tool first.
    Foreign {
        /// What it is called.
        name: &'static str,
        /// What unpacks it to standard output.
        tool: &'static str,
    },
}

impl Compression {
    /// By the first [`HEAD_BYTES`] bytes, or fewer of a shorter file.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Foreign { name: "xz", tool: "xz -dc" },
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => {
                Self::Foreign { name: "bzip2", tool: "bzip2 -dc" }
            }
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Foreign { name: "lz4", tool: "lz4 -dc" },
            [b'P', b'K', 3, 4, ..] => Self::Foreign { name: "zip", tool: "unzip -p" },
            _ => Self::None,
        }
    }
}

/// The wide encoding that a byte-order mark at the start of `text` announces, or that two letters of
/// ASCII there are written in.
pub(super) fn wide_encoding(text: &[u8]) -> Option<&'static str> {
    match text {
        // UTF-32 first: its little-endian mark begins like that of UTF-16.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [b' '..=b'~', 0, b' '..=b'~' | b'\r' | b'\n', 0, ..] => Some("UTF-16LE"),
        [0, b' '..=b'~', 0, b' '..=b'~' | b'\r' | b'\n', ..] => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_known_by_its_first_bytes() {
        assert_eq!(Compression::of(&[0x1f, 0x8b, 8]), Compression::Gzip);
        assert_eq!(Compression::of(&[0x28, 0xb5, 0x2f, 0xfd]), Compression::Zstd);
        assert_eq!(Compression::of(&[0x5a, 0x2a, 0x4d, 0x18, 1]), Compression::Zstd);
        assert!(matches!(Compression::of(b"BZh91AY&SY"), Compression::Foreign { name: "bzip2", .. }));
        assert_eq!(Compression::of(b"BZh9 is a word"), Compression::None);
        assert_eq!(Compression::of(b""), Compression::None);
    }

    #[test]
    fn a_byte_order_mark_tells_wide_text() {
        assert_eq!(wide_encoding(b"\xff\xfe{\0"), Some("UTF-16"));
        assert_eq!(wide_encoding(b"\xff\xfe\0\0"), Some("UTF-32"));
        assert_eq!(wide_encoding(b"{\0\"\0"), Some("UTF-16LE"));
        assert_eq!(wide_encoding(b"\0[\0{"), Some("UTF-16BE"));
        assert_eq!(wide_encoding(b"\xef\xbb\xbf{"), None);
        assert_eq!(wide_encoding(b"{\0\0\0"), None);
    }
}
