//! What the access logs of AWS's three balancers have in common: words between blanks, texts between
//! quotation marks, times in UTC.

use super::carried::request_line;
use crate::{Unreadable, field::fault};
use std::{borrow::Cow, sync::Arc};

/// The fields of a line, without their quotation marks; escapes are still in them.
///
/// A text ends at a quotation mark before a blank. One anywhere else was not escaped, and nobody can tell
/// where the fields are: `None`.
pub(super) fn fields(line: &str) -> Option<Vec<&str>> {
    let mut fields = Vec::with_capacity(32);
    let mut rest = line;
    loop {
        let field = match rest.strip_prefix('"') {
            Some(text) => {
                let end = closing_mark(text)?;
                rest = &text[end + 1..];
                &text[..end]
            }
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                word
            }
        };
        fields.push(field);
        if rest.is_empty() {
            return Some(fields);
        }
        rest = rest.strip_prefix(' ')?;
    }
}

fn closing_mark(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })
}

/// A text as the client sent it: `\x22` stands for a quotation mark, as for every byte that could not be
/// written. `None` for `-`, and for bytes that are no text.
pub(super) fn text(field: &str) -> Option<Arc<str>> {
    if field.is_empty() || field == "-" {
        return None;
    }
    unescaped(field).map(|text| Arc::from(&*text))
}

fn unescaped(field: &str) -> Option<Cow<'_, str>> {
    if !field.contains('\\') {
        return Some(Cow::Borrowed(field));
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit =
                    |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(high)? * 16 + digit(low)?);
                rest = after;
            }
            (b'\\', [mark @ (b'"' | b'\\'), after @ ..]) => {
                bytes.push(*mark);
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// What a request field says.
#[derive(Default)]
pub(super) struct RequestField {
    pub(super) method: Option<Arc<str>>,
    pub(super) host: Option<Arc<str>>,
    pub(super) path: Option<Arc<str>>,
}

/// `GET http://www.example.com:80/path HTTP/1.1`; the balancer writes the port even where the client sent
/// none, so a scheme's own port is taken off. Of a request that could not be understood, nothing is sure.
pub(super) fn request(field: &str) -> RequestField {
    let understood = || {
        let (method, url, _) = request_line(field)?;
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#', '*']).unwrap_or(rest.len()));
        let (name, port) = authority.rsplit_once(':')?;
        let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
        (name.bytes().all(clean) && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
        let own_port = matches!((scheme, port), ("http" | "ws", "80") | ("https" | "wss" | "grpcs", "443"));
        Some(RequestField {
            method: Some(method.into()),
            host: text(if own_port { name } else { authority }),
            path: text(path),
        })
    };
    understood().unwrap_or_default()
}

/// The number of a connection's opaque id, `TID_` and hexadecimal digits.
pub(super) fn connection(field: &str) -> Option<u64> {
    let digits = field.strip_prefix("TID_")?;
    let number = u128::from_str_radix(digits, 16).ok()?;
    u64::try_from(number >> 64)
        .ok()
        .zip(u64::try_from(number & u128::from(u64::MAX)).ok())
        .map(|(high, low)| high ^ low)
}

/// The field at `at`, or the sentence that the line ends before it.
pub(super) fn field<'a>(fields: &[&'a str], at: usize, name: &str) -> Result<&'a str, Unreadable> {
    fields.get(at).copied().ok_or_else(|| fault(name, "is not there: the line is cut, or of an older form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_blanks_and_escaped_marks() {
        assert_eq!(fields(r#"a "b c" - "" "d\"e""#), Some(vec!["a", "b c", "-", "", "d\\\"e"]));
        for line in [r#""a"b c"#, r#"a "b"#, r#"a "b\""#] {
            assert_eq!(fields(line), None, "{line}");
        }
        assert_eq!(text(r"a\x22b\\c\n").as_deref(), Some("a\"b\\c\\n"));
        assert_eq!((text("-"), text(r"\xff")), (None, None));
    }

    #[test]
    fn a_request_has_a_host_and_a_path() {
        let read = |field| {
            let RequestField { method, host, path } = request(field);
            (
                method.as_deref().map(str::to_owned),
                host.as_deref().map(str::to_owned),
                path.as_deref().map(str::to_owned),
            )
        };
        let three = |method: &str, host: &str, path: &str| {
            (Some(method.into()), Some(host.into()), Some(path.into()))
        };
        assert_eq!(
            read("GET http://www.example.com:80/a?b HTTP/1.1"),
            three("GET", "www.example.com", "/a?b")
        );
        assert_eq!(read("GET https://[2001:db8::1]:773/ HTTP/2.0"), three("GET", "[2001:db8::1]:773", "/"));
        assert_eq!(read("GET http://192.0.2.1:80/a b HTTP/1.1"), three("GET", "192.0.2.1", "/a b"));
        for field in
            ["- - - ", "- http://192.0.2.1:80- -", "GET http://evil@host/ HTTP/1.1", "GET / HTTP/1.1", ""]
        {
            assert_eq!(read(field), (None, None, None), "{field}");
        }
    }

    #[test]
    fn a_connection_id_is_a_number() {
        assert_eq!(connection("TID_1234abcd5678ef90"), Some(0x1234_abcd_5678_ef90));
        assert_eq!(connection("TID_00000000000000010000000000000003"), Some(2));
        for field in ["-", "TID_", "TID_xyz", "TID_111111111111111111111111111111111"] {
            assert_eq!(connection(field), None, "{field}");
        }
    }
}
