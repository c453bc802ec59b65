//! The backends that nginx tried: `$upstream_addr`, and the lists that are in step with it.

use super::{layout::Var, values::Values};
use crate::{Unreadable, access};
use memchr::memchr;
use smallvec::{SmallVec, smallvec};
use unmasq_model::Try;

/// The backends that a request was sent to, in order; none if nginx answered itself.
///
/// `left` says that the client went before there was an answer: the last backend did receive the
/// request, although its status is a dash.
pub(super) fn tries(values: &Values<'_>, left: bool) -> Result<Vec<Try>, Unreadable> {
    if !values.has(Var::UpstreamAddr) {
        return Ok(vec![access::untold()]);
    }
    let Some(addresses) = values.get(Var::UpstreamAddr)? else { return Ok(Vec::new()) };
    let addresses = elements(&addresses);
    let statuses = values.text(Var::UpstreamStatus);
    let connects = values.text(Var::UpstreamConnectTime);
    let locals = values.text(Var::UpstreamLocalAddr);
    let (statuses, connects, locals) = (
        in_step(statuses.as_deref(), addresses.len()),
        in_step(connects.as_deref(), addresses.len()),
        in_step(locals.as_deref(), addresses.len()),
    );
    let mut tries = Vec::with_capacity(addresses.len());
    let mut answers_last = true;
    for (at, address) in addresses.iter().enumerate() {
        let backend = access::endpoint(address);
        if backend.is_none() && !is_socket(address) {
            continue;
        }
        answers_last = statuses.get(at).is_some_and(|status| *status != "-");
        tries.push(Try {
            backend,
            server: backend.is_none().then(|| (*address).into()),
            from: locals.get(at).and_then(|text| access::endpoint(text)),
            status: statuses.get(at).and_then(|text| access::status(text)),
            outcome: connects.get(at).filter(|time| **time == "-").map(|_| "no connection".into()),
        });
    }
    if let Some(Try { outcome: outcome @ None, .. }) = tries.last_mut().filter(|_| left && !answers_last) {
        *outcome = Some("client left".into());
    }
    Ok(tries)
}

/// The words of a list: nearly always one.
type Words<'a> = SmallVec<[&'a str; 2]>;

/// The words of a list: `, ` parts the tries, ` : ` what came before and after an internal redirect.
fn elements(list: &str) -> Words<'_> {
    if memchr(b' ', list.as_bytes()).is_none() {
        return smallvec![list.trim()];
    }
    list.split(" : ").flat_map(|group| group.split(", ")).map(str::trim).collect()
}

/// The words of another list, if it has as many; none of them otherwise, since nothing would tell which
/// belongs to which.
fn in_step(list: Option<&str>, length: usize) -> Words<'_> {
    list.map(elements).filter(|words| words.len() == length).unwrap_or_default()
}

/// Whether a word that is no address names a server all the same. Where no server of a group could be
/// chosen, nginx writes the group's name: then nothing was sent.
fn is_socket(word: &str) -> bool {
    word.starts_with("unix:")
}
