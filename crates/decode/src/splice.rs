//! Putting a trace into its alert's own bytes, and taking it out again.
//!
//! The alert comes out byte for byte as it came in, with one more member at its end. A trace that
//! stands there already is replaced wherever it stands, so that splicing twice is splicing once.

use crate::json::{Member, Object, text_of};
use memchr::{memchr, memmem};
use serde::Deserialize;
use std::{borrow::Cow, ops::Range};

/// Why a trace cannot be put into a line.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum SpliceError {
    /// There is nowhere to put it.
    #[error("the alert is not one JSON object")]
    NotAnObject,
    /// A member of that name stands there that is none of our traces, and nothing of an alert may be
    /// lost.
    #[error("the alert has a member of that name already, and it is not a trace of ours")]
    Foreign,
}

/// Returns `line` with the member `field` holding `trace` before the closing brace of its object.
///
/// `trace` is a serialized trace object; it is not looked into. What stands around the object (a byte
/// order mark, white space, the end of the line) stays.
///
/// # Errors
/// When `line` is not one JSON object, or has a member called `field` that is no trace of ours.
pub fn splice(line: &[u8], field: &str, trace: &str) -> Result<Vec<u8>, SpliceError> {
    let text = text_of(line);
    let object = Object::parse(&text).ok_or(SpliceError::NotAnObject)?;
    let named = || object.members().iter().filter(|member| member.name == field);
    if named().any(|member| !is_ours(member)) {
        return Err(SpliceError::Foreign);
    }
    let brace = text.rfind('}').ok_or(SpliceError::NotAnObject)?;
    let comma = if named().count() < object.members().len() { "," } else { "" };

    let mut spliced = without(line, brace, &cuts(&text, &object, field));
    spliced.extend_from_slice(comma.as_bytes());
    spliced.extend_from_slice(serde_json::Value::from(field).to_string().as_bytes());
    spliced.push(b':');
    spliced.extend_from_slice(trace.as_bytes());
    spliced.extend_from_slice(&line[brace..]);
    Ok(spliced)
}

/// The same for a line that a reader took for an alert, at the end of `out`: that it is an object is not
/// asked again where nothing of it has to go.
///
/// # Errors
/// When `line` has a member called `field` that is no trace of ours; `out` is then as it was.
pub(crate) fn splice_into(
    line: &[u8],
    field: &str,
    trace: &str,
    out: &mut Vec<u8>,
) -> Result<(), SpliceError> {
    let Some((before, rest)) = plain_split(line, field) else {
        out.extend_from_slice(&splice(line, field, trace)?);
        return Ok(());
    };
    out.reserve(line.len() + field.len() + trace.len() + 4);
    out.extend_from_slice(before);
    if !before.trim_ascii_end().ends_with(b"{") {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(field.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(trace.as_bytes());
    out.extend_from_slice(rest);
    Ok(())
}

/// What of an object stands before its closing brace, and that and what follows it; `None` if something
/// in the object may be called `field`, or the field's own name needs escapes.
fn plain_split<'a>(line: &'a [u8], field: &str) -> Option<(&'a [u8], &'a [u8])> {
    let object = line.trim_ascii_end();
    if !object.ends_with(b"}") || !is_free(line, field) {
        return None;
    }
    Some(line.split_at(object.len() - 1))
}

/// Whether nothing in `line` can be called `field`, whatever `line` is: it stands there neither as it is
/// nor with escapes. `false` says nothing.
fn is_free(line: &[u8], field: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !field.bytes().all(is_plain) {
        return false;
    }
    let quoted = |at: usize| line[..at].ends_with(b"\"") && line[at + field.len()..].starts_with(b"\"");
    let may_mean = |at: usize| {
        let digits = line.get(at + 2..at + 6).and_then(|digits| str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        // What is no escape of a character at all is none of the field's either, but no JSON; leave it.
        code.and_then(char::from_u32).is_none_or(|c| field.contains(c))
    };
    let is_escaped = || memchr(b'\\', line).is_some() && memmem::find_iter(line, b"\\u").any(may_mean);
    !memmem::find_iter(line, field).any(quoted) && !is_escaped()
}

/// Returns `line` without our members called `field`: the bytes that the detector wrote. A line that
/// is no JSON object is returned as it is.
#[must_use]
pub fn strip<'a>(line: &'a [u8], field: &str) -> Cow<'a, [u8]> {
    if is_free(line, field) {
        return Cow::Borrowed(line);
    }
    surely_stripped(line, field)
}

/// The same, whatever the line holds.
fn surely_stripped<'a>(line: &'a [u8], field: &str) -> Cow<'a, [u8]> {
    let text = text_of(line);
    let Some(object) = Object::parse(&text) else { return Cow::Borrowed(line) };
    let cuts = cuts(&text, &object, field);
    if cuts.is_empty() { Cow::Borrowed(line) } else { Cow::Owned(without(line, line.len(), &cuts)) }
}

/// The bytes of `line` up to `end`, less the `cuts`.
fn without(line: &[u8], end: usize, cuts: &[Range<usize>]) -> Vec<u8> {
    let mut left = Vec::with_capacity(line.len());
    let mut from = 0;
    for cut in cuts {
        left.extend_from_slice(&line[from..cut.start]);
        from = cut.end;
    }
    left.extend_from_slice(&line[from..end]);
    left
}

/// What must go for our members called `field` to go: each with the comma that binds it to a member
/// that stays, the one before it if there is one.
fn cuts(text: &str, object: &Object<'_>, field: &str) -> Vec<Range<usize>> {
    let members = object.members();
    let mut cuts = Vec::new();
    let mut follows_one_that_stays = false;
    for (at, member) in members.iter().enumerate() {
        if member.name != field || !is_ours(member) {
            follows_one_that_stays = true;
            continue;
        }
        let (name, value) = (member.name_range(text), member.value_range(text));
        // Between two members stand white space and one comma, nothing else.
        let comma_after = |end: usize| text[end..].find(',').map(|comma| end + comma);
        let start = match at.checked_sub(1).map(|before| members[before].value_range(text).end) {
            Some(end) if follows_one_that_stays => comma_after(end).unwrap_or(name.start),
            _ => name.start,
        };
        let end = match members.get(at + 1) {
            Some(_) if !follows_one_that_stays => comma_after(value.end).map_or(value.end, |c| c + 1),
            _ => value.end,
        };
        cuts.push(start..end);
    }
    cuts
}

/// Whether a member is a trace that we wrote, of this version or another.
pub(crate) fn is_ours(member: &Member<'_>) -> bool {
    #[derive(Deserialize)]
    struct Mark<'a> {
        #[serde(rename = "version")]
        _version: u64,
        #[serde(borrow, rename = "alert_id")]
        _alert_id: Cow<'a, str>,
    }
    member.value.starts_with('{') && serde_json::from_str::<Mark<'_>>(member.value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: &str = r#"{"version":1,"alert_id":"x","status":"traced"}"#;

    fn spliced(line: &str) -> String {
        String::from_utf8(splice(line.as_bytes(), "trace", OURS).unwrap()).unwrap()
    }

    fn stripped(line: &str) -> String {
        String::from_utf8(strip(line.as_bytes(), "trace").into_owned()).unwrap()
    }

    #[test]
    fn the_alert_comes_out_as_it_came_in() {
        for (line, want) in [
            ("{\"a\":1}", "{\"a\":1,\"trace\":T}"),
            ("{ \"a\" : 1.10 }\r\n", "{ \"a\" : 1.10 ,\"trace\":T}\r\n"),
            ("\u{feff} {}\n", "\u{feff} {\"trace\":T}\n"),
            ("{ }", "{ \"trace\":T}"),
            ("{\"a\":{\"trace\":7},\"a\":\"}\"}", "{\"a\":{\"trace\":7},\"a\":\"}\",\"trace\":T}"),
            ("{\n  \"a\": [1,\n 2]\n}\n", "{\n  \"a\": [1,\n 2]\n,\"trace\":T}\n"),
        ] {
            let want = want.replace('T', OURS);
            assert_eq!(spliced(line), want);
            assert_eq!(stripped(&want), line);
            assert_eq!(spliced(&want), want);
        }
    }

    #[test]
    fn a_trace_of_ours_is_replaced_wherever_it_stands() {
        let old = r#"{"alert_id":"\u0078","b":{},"version":2}"#;
        for line in [
            "{\"trace\":O,\"a\":1}",
            "{\"a\":1,\"trace\":O}",
            "{\"tr\\u0061ce\":O,\"trace\":O,\"a\":1,\"trace\":O}",
        ] {
            let line = line.replace('O', old);
            assert_eq!(stripped(&line), "{\"a\":1}");
            assert_eq!(spliced(&line), format!("{{\"a\":1,\"trace\":{OURS}}}"));
        }
        let line = "{ \"b\":2 , \"trace\":O , \"a\":1}".replace('O', old);
        assert_eq!(stripped(&line), "{ \"b\":2  , \"a\":1}");
        assert_eq!(stripped(&"{ \"trace\":O,\"trace\":O }".replace('O', old)), "{  }");
    }

    #[test]
    fn what_is_not_ours_is_never_touched() {
        for foreign in [
            "1",
            "null",
            "{}",
            "[]",
            r#""version""#,
            r#"{"version":1}"#,
            r#"{"version":"1","alert_id":"x"}"#,
            r#"{"version":1,"alert_id":2}"#,
            r#"{"version":1,"version":1,"alert_id":"x"}"#,
        ] {
            let line = format!("{{\"trace\":{foreign}}}");
            assert_eq!(splice(line.as_bytes(), "trace", OURS), Err(SpliceError::Foreign), "{line}");
            assert_eq!(stripped(&line), line);
            assert!(splice(line.as_bytes(), "unmasq", OURS).is_ok());
        }
    }

    #[test]
    fn only_an_object_takes_a_trace() {
        for line in ["", "\n", "[]", "{}{}", "{\"a\":1", "text"] {
            assert_eq!(splice(line.as_bytes(), "trace", OURS), Err(SpliceError::NotAnObject));
            assert_eq!(stripped(line), line);
        }
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let line = b"{\"payload\":\"\xff\xc3\",\"b\":1}\n";
        let spliced = splice(line, "trace", OURS).unwrap();
        assert!(spliced.starts_with(b"{\"payload\":\"\xff\xc3\",\"b\":1,\"trace\":{"));
        assert_eq!(strip(&spliced, "trace").as_ref(), line);
    }

    #[test]
    fn a_field_may_be_called_anything() {
        let spliced = splice(b"{\"a\":1}", "a \"b\"\n", OURS).unwrap();
        assert_eq!(strip(&spliced, "a \"b\"\n").as_ref(), b"{\"a\":1}");
        assert!(serde_json::from_slice::<serde_json::Value>(&spliced).is_ok());
    }

    /// JSON values as text, with odd names, odd spacing and traces in odd places.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("1".to_owned()),
            Just("-0.5e3".to_owned()),
            Just("null".to_owned()),
            Just(OURS.to_owned()),
            r#"[a-z,:{}\[\] é]{0,6}"#.prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(" ,"))),
                object(inner, 4),
            ]
        })
    }

    fn object(value: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
        let name = prop_oneof!["[a-c]", Just("trace".to_owned()), Just("tr\\u0061ce".to_owned())];
        let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
        let member =
            (name, space, value).prop_map(|(name, s, value)| format!("{s}\"{name}\"{s}:{s}{value}{s}"));
        prop::collection::vec(member, 0..most).prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    proptest! {
        #[test]
        fn splicing_can_be_undone_and_repeated(line in object(value(), 6), end in "[ \r\n]{0,2}") {
            let line = line + &end;
            let bare = stripped(&line);
            prop_assert_eq!(stripped(&bare), bare.clone(), "stripping twice is stripping once");
            match splice(line.as_bytes(), "trace", OURS) {
                Err(error) => prop_assert_eq!(error, SpliceError::Foreign),
                Ok(once) => {
                    let once = String::from_utf8(once).unwrap();
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{}", once);
                    prop_assert_eq!(stripped(&once), bare.clone());
                    prop_assert_eq!(spliced(&once), once);
                }
            }
        }

        #[test]
        fn the_fast_ways_are_the_sure_ones(line in object(value(), 4), end in "[ \r\n]{0,2}", mark in "\u{feff}?", field in "trace|[abc]|tr/ce|é|") {
            let line = mark + &line + &end;
            prop_assert_eq!(strip(line.as_bytes(), &field), surely_stripped(line.as_bytes(), &field));
            let mut out = b"before".to_vec();
            let put = splice_into(line.as_bytes(), &field, OURS, &mut out).map(|()| out.split_off(6));
            prop_assert_eq!(put, splice(line.as_bytes(), &field, OURS));
            prop_assert_eq!(out, b"before");
        }

        #[test]
        fn no_bytes_are_a_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (splice(&line, "trace", OURS), strip(&line, "trace"));
            let _ = splice_into(&line, "trace", OURS, &mut Vec::new());
            prop_assert_eq!(strip(&line, "a"), surely_stripped(&line, "a"));
        }
    }
}
