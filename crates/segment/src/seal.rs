//! The end of a file: indexes and footer, under a checksum of their own.
//!
//! A page has its checksum in its header, as Parquet means it. What says where the pages are has none in
//! Parquet; here the last of the file's facts is the CRC-32 of everything behind the last page, with zeros in
//! its own place.

use crate::{
    damaged::{Broken, Unwritten},
    format::{Footer, MAGIC},
    names::Names,
};

/// Which version of the columns and of their meaning a file has.
const VERSION: (&str, &str) = ("unmasq.segment", "1");
const NAMES: &str = "unmasq.names";
const CHECKSUM: &str = "unmasq.checksum";
const ZEROS: &str = "00000000";
/// The footer's length and the magic number.
pub(crate) const ENDING: usize = 8;

/// Appends the footer to the indexes, which are all of `tail`, and seals both.
pub(crate) fn put(mut footer: Footer, names: &Names, tail: &mut Vec<u8>) -> Result<(), Unwritten> {
    let own = [VERSION, (NAMES, &names.to_json()), (CHECKSUM, ZEROS)];
    footer.facts.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let begin = tail.len();
    footer.put(tail);
    let length = u32::try_from(tail.len() - begin).ok().filter(|&length| length <= i32::MAX.cast_unsigned());
    tail.extend_from_slice(&length.ok_or(Unwritten::TooLarge("the footer"))?.to_le_bytes());
    tail.extend_from_slice(MAGIC);
    let digits = place_of_digits(&tail[begin..]).map(|at| begin + at);
    let digits = digits.ok_or(Unwritten::TooLarge("the footer"))?;
    let checksum = format!("{:08x}", crc32fast::hash(tail));
    tail[digits..digits + ZEROS.len()].copy_from_slice(checksum.as_bytes());
    Ok(())
}

/// Where in the footer the checksum's digits are: behind the last time that its key is written.
fn place_of_digits(footer: &[u8]) -> Option<usize> {
    let key = CHECKSUM.as_bytes();
    let at = footer.windows(key.len()).rposition(|window| window == key)? + key.len();
    // The next field's head, the text's length, and then the text.
    let at = at + 2;
    (at + ZEROS.len() <= footer.len()).then_some(at)
}

/// What the footer says besides where pages are.
pub(crate) struct Opened {
    pub(crate) names: Names,
    pub(crate) facts: Vec<(String, String)>,
}

/// Checks everything behind the last page, of which the footer begins at `begin`.
pub(crate) fn check(tail: &[u8], begin: usize) -> Result<(), Broken> {
    let digits = tail.get(begin..).and_then(place_of_digits).map(|at| begin + at);
    let digits = digits.ok_or("there is no checksum")?;
    let (before, rest) = tail.split_at(digits);
    let (digits, after) = rest.split_at(ZEROS.len());
    let mut crc = crc32fast::Hasher::new();
    crc.update(before);
    crc.update(ZEROS.as_bytes());
    crc.update(after);
    let expected = format!("{:08x}", crc.finalize());
    if digits == expected.as_bytes() { Ok(()) } else { Err("its checksum is another") }
}

/// Takes what is ours from the facts.
pub(crate) fn open(mut facts: Vec<(String, String)>) -> Result<Opened, Broken> {
    let mut own = facts.split_off(facts.len().checked_sub(3).ok_or("it is no segment")?).into_iter();
    let mut value = |key| own.next().filter(|fact| fact.0 == key).map(|fact| fact.1);
    if value(VERSION.0).ok_or("it is no segment")? != VERSION.1 {
        return Err("it is of another version");
    }
    let names = Names::from_json(&value(NAMES).ok_or("the names are missing")?)?;
    Ok(Opened { names, facts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plain, Segment, directory::Directory, write};
    use bytes::Bytes;

    /// Puts the right checksum over everything from `begin` on.
    fn reseal(file: &mut [u8], begin: usize, footer: usize) {
        let Some(digits) = place_of_digits(&file[footer..]).map(|at| footer + at) else { return };
        file[digits..digits + ZEROS.len()].copy_from_slice(ZEROS.as_bytes());
        let checksum = format!("{:08x}", crc32fast::hash(&file[begin..]));
        file[digits..digits + ZEROS.len()].copy_from_slice(checksum.as_bytes());
    }

    #[test]
    fn a_directory_that_lies_under_a_right_checksum_does_no_harm() {
        let mut rows: Vec<Plain> = (0..5_000u32)
            .map(|number| {
                let mut row = Plain::default();
                (row.outside_ip, row.remote_ip, row.line) = (number / 7, number % 3, number.into());
                row.set_remote_port(number.is_multiple_of(2).then_some(443));
                row
            })
            .collect();
        rows.sort_unstable();
        let names = Names {
            gateways: vec!["g".into()],
            logs: vec!["l".into()],
            files: vec!["f".into()],
            ..Names::default()
        };
        let mut file = Vec::new();
        write(&rows, &names, &[], &mut file).unwrap();
        let directory = Directory::open(&Bytes::from(file.clone())).unwrap();
        let last = directory.groups.last().and_then(|group| group.chunks.last()).unwrap();
        let begin = usize::try_from(last.offset + u64::from(last.length())).unwrap();
        let length = u32::from_le_bytes(*file[..file.len() - 4].last_chunk().unwrap()) as usize;
        let footer = file.len() - ENDING - length;
        let mut opened = 0;
        for at in (begin..file.len() - ENDING).step_by(7) {
            for bent in [file[at] ^ 1 << (at % 8), 0xff, file[at].wrapping_add(1)] {
                let mut file = file.clone();
                file[at] = bent;
                reseal(&mut file, begin, footer);
                if let Ok(segment) = Segment::open(Bytes::from(file)) {
                    opened += 1;
                    // Whatever it says now: an error, or rows.
                    let _ = segment.verify();
                }
            }
        }
        assert!(opened > 0, "the checksum was right");
    }
}
