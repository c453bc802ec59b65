//! Envoy's default text, and Istio's.
//!
//! Nothing is escaped, so a line is read only if it has exactly as many quotation marks as its form:
//! whoever writes one into a header cannot take another away.

use super::Said;
use crate::Unreadable;
use std::borrow::Cow;

const NOT_ONE: Unreadable = Unreadable::because(
    "not a line of Envoy's access log, or a quotation mark in a header: its fields cannot be told apart",
);

pub(super) fn said(line: &str) -> Result<Said<'_>, Unreadable> {
    let parts: Vec<&str> = line.split('"').collect();
    match parts[..] {
        [stamp, request, numbers, xff, " ", agent, " ", _, " ", authority, " ", host, ""] => {
            let [code, flags, _, sent, duration, _] = words(numbers)?;
            let said = common(stamp, request, [xff, agent, authority, host])?;
            Ok(Said {
                code: code.into(),
                flags: told(flags),
                bytes_sent: told(sent),
                duration: duration.into(),
                ..said
            })
        }
        [stamp, request, outcome, _, numbers, xff, " ", agent, " ", _, " ", authority, " ", host, rest] => {
            let [code, flags, details, _] = words(outcome)?;
            let [_, sent, duration, _] = words(numbers)?;
            let [_, upstream_local, local, remote, _, _] = words(rest)?;
            let said = common(stamp, request, [xff, agent, authority, host])?;
            Ok(Said {
                code: code.into(),
                flags: told(flags),
                details: told(details),
                bytes_sent: told(sent),
                duration: duration.into(),
                upstream_local: told(upstream_local),
                local: told(local),
                remote: told(remote),
                ..said
            })
        }
        _ => Err(NOT_ONE),
    }
}

/// What both forms have, in the same order.
fn common<'a>(
    stamp: &'a str,
    request: &'a str,
    [xff, agent, authority, host]: [&'a str; 4],
) -> Result<Said<'a>, Unreadable> {
    let start = stamp.strip_prefix('[').and_then(|stamp| stamp.strip_suffix("] ")).ok_or(NOT_ONE)?;
    let (method, rest) = request.split_once(' ').ok_or(NOT_ONE)?;
    let (path, protocol) = rest.rsplit_once(' ').ok_or(NOT_ONE)?;
    Ok(Said {
        start: start.into(),
        method: told(method),
        path: told(path),
        protocol: told(protocol),
        forwarded_for: Some(told(xff).unwrap_or_default()),
        agent: told(agent),
        authority: told(authority),
        upstream: told(host),
        ..Said::default()
    })
}

fn told(text: &str) -> Option<Cow<'_, str>> {
    (!matches!(text, "" | "-")).then_some(Cow::Borrowed(text))
}

/// Exactly `N` words between blanks.
fn words<const N: usize>(text: &str) -> Result<[&str; N], Unreadable> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.try_into().map_err(|_| NOT_ONE)
}
