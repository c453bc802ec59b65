//! Where a JSON value ends, in one pass that keeps nothing.
//!
//! As strict as serde_json: what is passed over here, serde_json would read. `None` is "not so plain",
//! not "wrong": the reader of whole objects then decides. The bytes are those of a text, so that UTF-8
//! has been seen to.

use crate::sixteen::{self, Sixteen};

/// The position after the white space that begins at `at`.
#[inline]
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the white space begins that ends at `end`.
#[inline]
pub(super) fn space_start(bytes: &[u8], mut end: usize) -> usize {
    while let [.., b' ' | b'\t' | b'\n' | b'\r'] = bytes[..end] {
        end -= 1;
    }
    end
}

/// The position after the value that begins at `at`, if it is a text of ASCII without escapes, or a whole
/// number: most are. The bytes need not be UTF-8.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = plain_part_end(bytes, at)?;
    (bytes[at] == b'"' || matches!(bytes.get(end), Some(b',' | b'}'))).then_some(end)
}

/// The same; of a number with a fraction or exponent, or before white space, only so far.
#[inline(always)]
pub(super) fn plain_part_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = *bytes.get(at)?;
    if first == b'"' {
        let quote = sixteen::find(bytes, at + 1, Sixteen::end_ascii_json_text)?;
        return (bytes[quote] == b'"').then_some(quote + 1);
    }
    let end = some_digits_end(bytes, at)?;
    (first != b'0' || end == at + 1).then_some(end)
}

/// Where the value begins that [`plain_part_end`] would end at `end`.
#[inline(always)]
pub(super) fn plain_part_start(bytes: &[u8], end: usize) -> Option<usize> {
    let last = end.checked_sub(1)?;
    if *bytes.get(last)? == b'"' {
        let quote = sixteen::find_last(bytes, last, Sixteen::end_ascii_json_text)?;
        return (bytes[quote] == b'"').then_some(quote);
    }
    let start = sixteen::find_last(bytes, end, Sixteen::no_digits)? + 1;
    (start < end && (bytes[start] != b'0' || start == last)).then_some(start)
}

/// The same of any value.
#[inline(never)]
pub(super) fn any_value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'{' | b'[' => nested_end(bytes, at),
        _ => scalar_end(bytes, at),
    }
}

/// The position of the quote that ends the text whose content begins at `at`.
#[inline(always)]
pub(super) fn quote(bytes: &[u8], at: usize) -> Option<usize> {
    let end = special_at(bytes, at)?;
    if bytes[end] == b'"' { Some(end) } else { quote_after_escapes(bytes, end) }
}

/// The same of a text of which an escape or a control character is at `at`.
#[cold]
fn quote_after_escapes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes[at] {
            b'"' => return Some(at),
            b'\\' => at = special_at(bytes, escape_end(bytes, at + 1)?)?,
            _ => return None,
        }
    }
}

/// Where the first quote, backslash or control character is, from `at` on.
#[inline(always)]
fn special_at(bytes: &[u8], at: usize) -> Option<usize> {
    sixteen::find(bytes, at, Sixteen::end_json_text)
}

/// The position of the quote that ends the name whose first character is at `at`; `None` also if it has
/// an escape, for it may then mean any other name.
#[inline]
pub(super) fn plain_quote(bytes: &[u8], at: usize) -> Option<usize> {
    special_at(bytes, at).filter(|end| bytes[*end] == b'"')
}

/// The position after the name at `at`, its colon and the white space around that: where its value is.
pub(super) fn name_end(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    colon_end(bytes, quote(bytes, at + 1)? + 1)
}

/// The position after the colon that follows a name, and the white space around it.
#[inline]
pub(super) fn colon_end(bytes: &[u8], at: usize) -> Option<usize> {
    let at = space_end(bytes, at);
    (*bytes.get(at)? == b':').then(|| space_end(bytes, at + 1))
}

#[inline(always)]
fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' => Some(quote(bytes, at + 1)? + 1),
        b'0'..=b'9' => number_end(bytes, at),
        b'-' => number_end(bytes, at + 1),
        b't' => word_end(bytes, at, b"true"),
        b'f' => word_end(bytes, at, b"false"),
        b'n' => word_end(bytes, at, b"null"),
        _ => None,
    }
}

/// The same of an object or array, however deep: one bit for each that is open, 1 for an object.
fn nested_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    const NONE_OPEN: u64 = 1;
    let mut open = NONE_OPEN;
    loop {
        // Here a value begins.
        match *bytes.get(at)? {
            bracket @ (b'{' | b'[') => {
                if open.leading_zeros() == 0 {
                    return None;
                }
                let is_object = bracket == b'{';
                open = open << 1 | u64::from(is_object);
                at = space_end(bytes, at + 1);
                let is_empty = *bytes.get(at)? == if is_object { b'}' } else { b']' };
                if !is_empty {
                    at = if is_object { name_end(bytes, at)? } else { at };
                    continue;
                }
            }
            _ => at = scalar_end(bytes, at)?,
        }
        // Here one has ended.
        loop {
            if open == NONE_OPEN {
                return Some(at);
            }
            at = space_end(bytes, at);
            match (*bytes.get(at)?, open & 1) {
                (b'}', 1) | (b']', 0) => {
                    open >>= 1;
                    at += 1;
                }
                (b',', in_object) => {
                    at = space_end(bytes, at + 1);
                    at = if in_object == 1 { name_end(bytes, at)? } else { at };
                    break;
                }
                _ => return None,
            }
        }
    }
}

/// The position after the number whose first digit is at `at`.
#[inline(always)]
fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let whole = some_digits_end(bytes, at)?;
    if whole > at + 1 && bytes[at] == b'0' {
        return None;
    }
    match bytes.get(whole) {
        Some(b'.' | b'e' | b'E') => fraction_end(bytes, whole),
        _ => Some(whole),
    }
}

#[cold]
fn fraction_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'.') {
        at = some_digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = some_digits_end(bytes, at + 1 + usize::from(signed))?;
    }
    Some(at)
}

/// The position after one digit or more.
#[inline(always)]
fn some_digits_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = sixteen::find(bytes, at, Sixteen::no_digits).unwrap_or(bytes.len());
    (end > at).then_some(end)
}

fn word_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// The position after the escape of which `at` is the character that follows the backslash.
#[cold]
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 5),
        _ => None,
    }
}

/// Whether a backslash is among the bytes.
#[inline]
pub(super) fn has_escape(bytes: &[u8]) -> bool {
    sixteen::find(bytes, 0, |block| block.equal(b'\\')).is_some()
}
