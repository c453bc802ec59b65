//! The servers that HAProxy tried.

use super::{layout::Item, values::Values};
use crate::{Names, Unreadable, access, field};
use unmasq_model::{Endpoint, Try};

/// The servers that got the request or connection, or were meant to, in order; none if HAProxy answered
/// itself.
pub(super) fn tries(values: &Values<'_>, names: &Names) -> Result<Vec<Try>, Unreadable> {
    if !values.has(Item::Server) && !values.has(Item::ServerIp) {
        return Ok(vec![access::untold()]);
    }
    let server = values.get(Item::Server)?;
    // `<NOSRV>`: none was chosen. `<STATS>` and the like are HAProxy's own.
    if server.is_some_and(|server| server.starts_with('<')) {
        return Ok(Vec::new());
    }
    let at = endpoint(values, [Item::ServerIp, Item::ServerPort])?;
    if server.is_none() && at.is_none() {
        return Ok(Vec::new());
    }
    let backend = values.get(Item::Backend)?;
    let named = || match names.servers.is_empty() {
        true => None,
        false => names.servers.get(&(backend?.into(), server?.into())).copied(),
    };
    let last = Try {
        backend: at.or_else(named).or_else(|| server.and_then(access::endpoint)),
        server: server.map(|server| {
            backend.map_or_else(|| server.into(), |backend| format!("{backend}/{server}").into())
        }),
        from: endpoint(values, [Item::SourceIp, Item::SourcePort])?,
        ..outcome(values)
    };
    Ok(unnamed(values)?.into_iter().chain([last]).collect())
}

/// The server before the one that is named. A plus before the retries says that the last of them went to
/// another server; those before may have gone to either.
fn unnamed(values: &Values<'_>) -> Result<Option<Try>, Unreadable> {
    let retries = values.get(Item::Retries)?.and_then(|text| text.strip_prefix('+'));
    let retries = retries.and_then(field::number::<u32>).filter(|retries| *retries > 0);
    Ok(retries.map(|retries| {
        let outcome = match retries {
            1 => "redispatched; its name is not logged".into(),
            _ => format!("redispatched within {retries} retries; its name is not logged").into(),
        };
        Try { outcome: Some(outcome), ..Try::default() }
    }))
}

/// What became of the last try.
fn outcome(values: &Values<'_>) -> Try {
    let state = values.text(Item::State).unwrap_or_default();
    let status = values.text(Item::Status).as_deref().and_then(access::status);
    // Headers had come from the server when the session reached its data, or its regular end.
    let answered = matches!(state.as_bytes(), [] | [b'-', b'-', ..] | [_, b'D' | b'L', ..]);
    let retries = values.text(Item::Retries).and_then(|text| field::number::<u32>(&text)).filter(|n| *n > 0);
    let state = (!state.is_empty() && !state.starts_with("--")).then(|| state.into_owned());
    let retries = retries.map(|retries| format!("{retries} retries on the same server"));
    let outcome = match (state, retries) {
        (Some(state), Some(retries)) => Some(format!("{state}; {retries}")),
        (one, other) => one.or(other),
    };
    Try { status: status.filter(|_| answered), outcome: outcome.map(Into::into), ..Try::default() }
}

/// An address and a port that the line names by themselves.
pub(super) fn endpoint(values: &Values<'_>, [ip, port]: [Item; 2]) -> Result<Option<Endpoint>, Unreadable> {
    let port = values.get(port)?.and_then(field::number::<u16>).filter(|port| *port != 0);
    // No connection: zeros or a dash stand there.
    let ip = values.get(ip)?.and_then(|text| field::address("", text).ok());
    Ok(ip.map(|ip| Endpoint::new(ip, port)))
}
