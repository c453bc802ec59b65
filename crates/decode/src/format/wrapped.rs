//! What containers' runtimes put around a line: Kubernetes' CRI form, Docker's JSON files, and the time
//! that `kubectl logs --timestamps` writes.

use crate::{Unreadable, field::zoned_time, json::Object};
use std::borrow::Cow;

/// The line as the program wrote it.
///
/// # Errors
/// When it is a part of a line that the runtime has cut.
pub(super) fn unwrapped(line: &str) -> Result<Cow<'_, str>, Unreadable> {
    if line.starts_with('{') {
        return Ok(docker(line).map_or(Cow::Borrowed(line), Cow::Owned));
    }
    let Some((first, rest)) = line.split_once(' ') else { return Ok(Cow::Borrowed(line)) };
    if zoned_time(first).is_none() {
        return Ok(Cow::Borrowed(line));
    }
    let Some(rest) = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr ")) else {
        return Ok(Cow::Borrowed(rest));
    };
    match rest.split_once(' ') {
        // `F` is a full line or its last part: what is whole is told by what it holds.
        Some(("F", line)) => Ok(Cow::Borrowed(line)),
        Some(("P", _)) => Err(Unreadable::because("a part of a line that the container runtime has cut")),
        _ => Ok(Cow::Borrowed(rest)),
    }
}

/// `{"log":"…\n","stream":"stdout","time":"…"}`
fn docker(line: &str) -> Option<String> {
    if !line.contains("\"log\"") {
        return None;
    }
    let object = Object::parse(line).filter(|object| object.has("stream"))?;
    Some(object.scalar("log")?.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_out_as_it_was_written() {
        for line in [
            "2026-03-01T10:00:00.493035218+01:00 stdout F [x] y",
            "2026-03-01T10:00:00.493035218Z stderr F [x] y",
            "2026-03-01T10:00:00.493035218Z [x] y",
            r#"{"log":"[x] y\n","stream":"stdout","time":"2026-03-01T10:00:00Z"}"#,
            "[x] y",
        ] {
            assert_eq!(unwrapped(line).as_deref(), Ok("[x] y"), "{line}");
        }
        assert_eq!(unwrapped("{\"log\":1}").as_deref(), Ok("{\"log\":1}"));
        assert!(unwrapped("2026-03-01T10:00:00Z stdout P [x]").is_err());
    }
}
