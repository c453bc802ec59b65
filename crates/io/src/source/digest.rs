//! What an input is, whatever it is called: how long, and what its bytes come to.

use super::Input;
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, Read},
    sync::{Arc, Mutex, PoisonError},
};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

/// Bytes, by how many they are and by their hash: two that are alike in both are the same.
///
/// The hash is XXH3 of 128 bits, which tells files apart that differ by chance; whoever can choose what a log
/// says needs no second file to deceive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Content {
    /// How many, before compression.
    pub bytes: u64,
    /// Their hash; as 32 hexadecimal digits where it is written down.
    #[serde(with = "hexadecimal")]
    pub hash: u128,
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let digits = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map_err(D::Error::custom)
    }
}

impl Content {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, hash: xxh3_128(bytes) }
    }

    /// Of the first bytes of an input, at most so many; and whether it ends with them.
    ///
    /// # Errors
    /// When it breaks off before.
    pub fn of_first(input: &mut Input, bytes: u64) -> io::Result<(Self, bool)> {
        let digest = Digest::default();
        let mut first = input.by_ref().take(bytes);
        loop {
            let ready = first.fill_buf()?;
            let length = ready.len();
            if length == 0 {
                break;
            }
            digest.add(ready);
            first.consume(length);
        }
        let is_all = input.fill_buf()?.is_empty();
        Ok((digest.content(), is_all))
    }
}

/// What has been read of an [`Input`] so far. Clones share it.
#[derive(Clone, Default)]
pub struct Digest(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bytes: u64,
    hash: Xxh3Default,
}

impl Digest {
    pub(super) fn add(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += bytes.len() as u64;
        state.hash.update(bytes);
    }

    /// What that comes to.
    #[must_use]
    pub fn content(&self) -> Content {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Content { bytes: state.bytes, hash: state.hash.digest128() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Meter;

    fn input(bytes: Vec<u8>) -> Input {
        Input::from_reader("test".into(), io::Cursor::new(bytes), &Meter::default()).unwrap()
    }

    #[test]
    fn what_is_read_is_what_is_there_before_compression() {
        let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        for packed in [bytes.clone(), zstd::encode_all(&bytes[..], 0).unwrap()] {
            let digest = Digest::default();
            let mut input = input(packed).digested(&digest);
            input.sample(100);
            let mut part = vec![0; 70_000];
            while input.read_once(&mut part).unwrap() > 0 {}
            assert_eq!(digest.content(), Content::of(&bytes));
        }
        let digest = Digest::default();
        let mut buffered = input(bytes.clone()).digested(&digest);
        buffered.sample(100);
        io::copy(&mut buffered, &mut io::sink()).unwrap();
        assert_eq!(digest.content(), Content::of(&bytes));
    }

    #[test]
    fn the_first_bytes_are_compared_with_what_was_there() {
        let bytes = b"one\ntwo\n".repeat(1000);
        let first = |length| Content::of_first(&mut input(bytes.clone()), length).unwrap();
        assert_eq!(first(8), (Content::of(b"one\ntwo\n"), false));
        assert_eq!(first(8000), (Content::of(&bytes), true));
        assert_eq!(first(9000), (Content::of(&bytes), true));
    }
}
