//! How a trace is put beside an alert's own bytes, whatever form those have.

use crate::{
    json::{Object, text_of},
    splice::{SpliceError, is_ours, splice, splice_into},
};
use std::borrow::Cow;

/// How a trace is put beside an alert's own bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// The alert is a JSON object; the trace becomes [its last member](splice).
    Member,
    /// The alert is a line of another form; it becomes the text `alert` of an object of ours, with the
    /// trace beside it: `{"alert":"…","trace":{…}}`.
    ///
    /// Escaped is what JSON cannot do without (quotes, backslashes, control characters), and nothing
    /// else: bytes that are no UTF-8 stay what they are.
    Envelope,
}

/// The name of the alert's own member in an envelope.
const ALERT: &str = "alert";
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Carrier {
    /// The alert's own line: `line` itself, or what an envelope of ours holds. Traces that are members
    /// of the alert stay where they are; readers do not look at them.
    #[must_use]
    pub fn alert_of<'a>(self, line: &'a [u8], field: &str) -> Cow<'a, [u8]> {
        match self {
            Self::Member => Cow::Borrowed(line),
            Self::Envelope => opened(line, Some(field)).map_or(Cow::Borrowed(line), Cow::Owned),
        }
    }

    /// As [`alert_of`](Self::alert_of), whatever the trace is called.
    pub(crate) fn any_alert_of(self, line: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Member => Cow::Borrowed(line),
            Self::Envelope => opened(line, None).map_or(Cow::Borrowed(line), Cow::Owned),
        }
    }

    /// Returns `line` with `trace`, a serialized trace object, beside its alert under the name `field`.
    /// A trace of ours that is there already is replaced. What stands around the line (a byte order
    /// mark, its end) stays.
    ///
    /// # Errors
    /// As [`splice`]. In an envelope `field` cannot be `alert`: that is [`SpliceError::Foreign`].
    pub fn put(self, line: &[u8], field: &str, trace: &str) -> Result<Vec<u8>, SpliceError> {
        match self {
            Self::Member => splice(line, field, trace),
            Self::Envelope => {
                let mut envelope = Vec::with_capacity(line.len() + field.len() + trace.len() + 32);
                self.put_into(line, field, trace, &mut envelope)?;
                Ok(envelope)
            }
        }
    }

    /// The same at the end of `out`, for a line that a reader took for an alert: what the reader has seen
    /// to is not asked again. Of a line that is none it may make anything.
    ///
    /// # Errors
    /// As [`put`](Self::put); `out` is then as it was.
    pub fn put_into(
        self,
        line: &[u8],
        field: &str,
        trace: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), SpliceError> {
        match self {
            Self::Member => splice_into(line, field, trace, out),
            Self::Envelope if field == ALERT => Err(SpliceError::Foreign),
            Self::Envelope => {
                let (mark, body, end) = parts(line);
                let alert = self.alert_of(body, field);
                out.extend_from_slice(mark);
                out.extend_from_slice(b"{\"alert\":\"");
                escape(&alert, out);
                out.extend_from_slice(b"\",");
                out.extend_from_slice(serde_json::Value::from(field).to_string().as_bytes());
                out.push(b':');
                out.extend_from_slice(trace.as_bytes());
                out.push(b'}');
                out.extend_from_slice(end);
                Ok(())
            }
        }
    }
}

/// What stands before a line, the line, and what ends it.
fn parts(line: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (mark, rest) = line.split_at(if line.starts_with(MARK) { MARK.len() } else { 0 });
    let body = rest.strip_suffix(b"\n").unwrap_or(rest);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    (mark, body, &rest[body.len()..])
}

/// What an envelope of ours holds; `None` for any other line.
fn opened(line: &[u8], field: Option<&str>) -> Option<Vec<u8>> {
    let (_, body, _) = parts(line);
    if !body.starts_with(b"{") {
        return None;
    }
    let text = text_of(body);
    let object = Object::parse(&text)?;
    let [alert, trace] = object.members() else { return None };
    if alert.name != ALERT || field.is_some_and(|field| trace.name != field) || !is_ours(trace) {
        return None;
    }
    unescaped(body[alert.value_range(&text)].strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

/// The bytes that a JSON text means. `None` for half a character (`\ud800`), which we never write.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        bytes.extend_from_slice(&rest[..at]);
        let (&code, after) = rest[at + 1..].split_first()?;
        rest = after;
        match code {
            b'"' | b'\\' | b'/' => bytes.push(code),
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0c),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => {
                let (digits, after) = rest.split_at_checked(4)?;
                let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                let mut buffer = [0; 4];
                bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
                rest = after;
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = r#"{"version":1,"alert_id":"x"}"#;

    fn put(line: &[u8]) -> Vec<u8> {
        Carrier::Envelope.put(line, "trace", TRACE).unwrap()
    }

    #[test]
    fn a_line_that_is_no_object_stands_beside_its_trace() {
        let traced = put(b"a\t\"b\" \\x09 \x01\xff\r\n");
        let want = b"{\"alert\":\"a\\t\\\"b\\\" \\\\x09 \\u0001\xff\",\"trace\":{\"version\":1,\"alert_id\":\"x\"}}\r\n";
        assert_eq!(traced, want);
        assert_eq!(Carrier::Envelope.alert_of(&traced, "trace").as_ref(), b"a\t\"b\" \\x09 \x01\xff");
        assert_eq!(put(&traced), traced);
    }

    #[test]
    fn only_an_envelope_of_ours_is_opened() {
        for line in [
            r#"{"alert":"a"}"#,
            r#"{"alert":"a","trace":{"spans":1}}"#,
            r#"{"alert":1,"trace":{"version":1,"alert_id":"x"}}"#,
            r#"{"alert":"a","trace":{"version":1,"alert_id":"x"},"b":1}"#,
            r#"{"alert":"\ud800","trace":{"version":1,"alert_id":"x"}}"#,
        ] {
            assert_eq!(Carrier::Envelope.alert_of(line.as_bytes(), "trace").as_ref(), line.as_bytes());
        }
        let other = put(b"a");
        assert_eq!(Carrier::Envelope.alert_of(&other, "unmasq").as_ref(), other);
        assert_eq!(Carrier::Member.alert_of(&other, "trace").as_ref(), other);
        assert_eq!(Carrier::Envelope.put(b"a", "alert", TRACE), Err(SpliceError::Foreign));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(line in prop::collection::vec(any::<u8>(), 0..80), end in "(\r?\n)?") {
            let line = [&line[..], end.as_bytes()].concat();
            let (mark, body, end) = parts(&line);
            let traced = put(&line);
            let held = Carrier::Envelope.alert_of(&traced, "trace");
            let whole = [mark, &held, end].concat();
            if !body.starts_with(b"{") {
                prop_assert_eq!(whole, line);
            }
            prop_assert_eq!(put(&traced), traced);
        }
    }
}
