//! The servers that HAProxy tried.

use super::{layout::Item, values::Values};
use crate::{Names, Unreadable, access, field, interned::Interned};
use std::sync::Arc;
use unmasq_model::{Endpoint, Try};

/// The servers that got the request or connection, or were meant to, in order; none if HAProxy answered
/// itself.
pub(super) fn tries(
    values: &Values<'_>,
    answer: &Answer<'_>,
    names: &Names,
    texts: &mut Interned,
) -> Result<Vec<Try>, Unreadable> {
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
        server: server.map(|server| match (backend, values.both(Item::Backend, Item::Server)) {
            (None, _) => texts.text(server),
            (Some(_), Some(both)) => texts.text(both),
            (Some(backend), None) => texts.text(&format!("{backend}/{server}")),
        }),
        from: endpoint(values, [Item::SourceIp, Item::SourcePort])?,
        status: answer.status.filter(|_| answer.came()),
        outcome: answer.outcome(),
    };
    Ok(match unnamed(values)? {
        Some(before) => vec![before, last],
        None => vec![last],
    })
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

/// What came of a request or connection.
pub(super) struct Answer<'a> {
    /// How the session ended, as HAProxy abbreviates it.
    state: &'a str,
    /// The status that is logged.
    pub(super) status: Option<u16>,
    /// How often the same server was tried again.
    retries: Option<u32>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(values: &Values<'a>) -> Self {
        let retries = values.word(Item::Retries).and_then(field::number);
        Self {
            state: values.word(Item::State).unwrap_or_default(),
            status: values.word(Item::Status).and_then(access::status),
            retries: retries.filter(|retries| *retries > 0),
        }
    }

    /// Whether the client left before there was an answer.
    pub(super) fn is_unheard(&self) -> bool {
        matches!(self.state.as_bytes(), [b'C', phase, ..] if !matches!(phase, b'D' | b'L' | b'-'))
    }

    /// Whether headers had come from the server: when the session reached its data, or its regular end.
    fn came(&self) -> bool {
        matches!(self.state.as_bytes(), [] | [b'-', b'-', ..] | [_, b'D' | b'L', ..])
    }

    /// What became of the last try.
    fn outcome(&self) -> Option<Arc<str>> {
        let state = (!self.state.is_empty() && !self.state.starts_with("--")).then_some(self.state);
        match (state, self.retries) {
            (Some(state), Some(retries)) => {
                Some(format!("{state}; {retries} retries on the same server").into())
            }
            (None, Some(retries)) => Some(format!("{retries} retries on the same server").into()),
            (state, None) => state.map(Into::into),
        }
    }
}

/// An address and a port that the line names by themselves.
pub(super) fn endpoint(values: &Values<'_>, [ip, port]: [Item; 2]) -> Result<Option<Endpoint>, Unreadable> {
    let port = values.get(port)?.and_then(field::number::<u16>).filter(|port| *port != 0);
    // No connection: zeros or a dash stand there.
    let ip = values.get(ip)?.and_then(|text| field::address("", text).ok());
    Ok(ip.map(|ip| Endpoint::new(ip, port)))
}
