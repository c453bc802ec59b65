//! The backends that nginx tried: `$upstream_addr`, and the lists that are in step with it.

use super::{layout::Var, values::Values};
use crate::{Unreadable, access};
use std::borrow::Cow;
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
        in_step(statuses.as_ref(), addresses.len()),
        in_step(connects.as_ref(), addresses.len()),
        in_step(locals.as_ref(), addresses.len()),
    );
    let last = addresses.iter().rposition(|address| is_server(address));
    let tried = addresses.iter().enumerate().filter(|(_, address)| is_server(address));
    let tried = tried.map(|(at, address)| {
        let backend = access::endpoint(address);
        let has_left = left && Some(at) == last && statuses.get(at).is_none_or(|status| *status == "-");
        let outcome = match connects.get(at) {
            Some(&"-") => Some("no connection"),
            _ => has_left.then_some("client left"),
        };
        Try {
            backend,
            server: backend.is_none().then(|| (*address).into()),
            from: locals.get(at).and_then(|text| access::endpoint(text)),
            status: statuses.get(at).and_then(|text| access::status(text)),
            outcome: outcome.map(Into::into),
        }
    });
    Ok(tried.collect())
}

/// The words of a list: `, ` parts the tries, ` : ` what came before and after an internal redirect.
fn elements(list: &str) -> Vec<&str> {
    list.split(" : ").flat_map(|group| group.split(", ")).map(str::trim).collect()
}

/// The words of another list, if it has as many; none of them otherwise, since nothing would tell which
/// belongs to which.
fn in_step<'a>(list: Option<&'a Cow<'_, str>>, length: usize) -> Vec<&'a str> {
    list.map(|list| elements(list)).filter(|words| words.len() == length).unwrap_or_default()
}

/// Whether a word names a server: an address or a socket. Where no server of a group could be chosen,
/// nginx writes the group's name: then nothing was sent.
fn is_server(word: &str) -> bool {
    word.starts_with("unix:") || access::endpoint(word).is_some()
}
