//! What the fields of an Alibaba balancer's record may hold.

use super::names::{Field, Fields};
use crate::{
    Unreadable,
    field::{fault, number, plain},
    format::carried::{is_method, socket, status},
};
use memchr::memchr_iter;
use smallvec::SmallVec;
use std::net::IpAddr;
use unmasq_model::Try;

/// The sentence about a field that holds something else.
pub(super) fn misfit(field: Field, what: &str) -> Unreadable {
    fault(field.name(), &format!("is not {what}: a header with `||` in it shifts the fields"))
}

/// A field, what it holds, and whether a text can be that.
type Type = (Field, &'static str, fn(&str) -> bool);

/// Fields that we have no use for still tell whether the others are in their places.
const TYPES: [Type; 13] = [
    (Field::Scheme, "a scheme", |text| {
        matches!(text, "http" | "https" | "ws" | "wss" | "grpc" | "grpcs" | "quic")
    }),
    (Field::ServerProtocol, "a version of HTTP", |text| text.starts_with("HTTP/") && text.len() <= 8),
    (Field::RequestMethod, "a method", is_method),
    (Field::RequestUri, "a path", |text| text.starts_with(['/', '*', '?']) || text.contains(':')),
    (Field::RequestLength, "a number of bytes", is_count),
    (Field::BodyBytesSent, "a number of bytes", is_count),
    (Field::ReadRequestTime, "a length of time", is_decimal),
    (Field::WriteResponseTime, "a length of time", is_decimal),
    (Field::UpstreamResponseTime, "a list of times", |text| {
        parts(text).all(|part| part == "-" || is_decimal(part))
    }),
    (Field::TcpinfoRtt, "a length of time", is_decimal),
    (Field::SslProtocol, "a version of TLS", |text| {
        text.starts_with("TLSv") || text.contains("TLSv") || text.contains("SSLv")
    }),
    (Field::SslCipher, "a cipher", |text| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    }),
    (Field::NetworkType, "a kind of network", |text| text.bytes().all(|b| b.is_ascii_alphabetic())),
];

/// Holds every field that is there to its type.
pub(super) fn check_types(fields: &Fields<'_>) -> Result<(), Unreadable> {
    let odd = |(field, _, fits): &&Type| fields.optional(*field).is_some_and(|text| !fits(text));
    TYPES.iter().find(odd).map_or(Ok(()), |(field, what, _)| Err(misfit(*field, what)))
}

fn is_count(text: &str) -> bool {
    plain::number(text.as_bytes()).is_some() || number::<u64>(text).is_some()
}

fn is_decimal(text: &str) -> bool {
    match text.bytes().position(|byte| byte == b'.') {
        Some(dot) => is_count(&text[..dot]) && is_count(&text[dot + 1..]),
        None => is_count(text),
    }
}

/// The elements of a list: `, ` between tries, ` : ` where the request was handed to another group.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest.take()?;
        // Nearly always there is one, and no blank.
        let parting = memchr_iter(b' ', list.as_bytes()).find_map(|blank| {
            let (before, after) = list.split_at(blank);
            match (before.strip_suffix(','), after.strip_prefix(" : ")) {
                (Some(before), _) => Some((before, &after[1..])),
                (None, Some(after)) => Some((before, after)),
                (None, None) => None,
            }
        });
        let (part, others) = parting.map_or((list, None), |(part, others)| (part, Some(others)));
        rest = others;
        Some(part)
    })
}

/// The backends that were tried, in order, with what each answered.
pub(super) fn tries(addresses: &str, statuses: Option<&str>) -> Result<Vec<Try>, Unreadable> {
    let nobody = |text: &str| matches!(text, "" | "-");
    if nobody(addresses) {
        // An answer without a backend is what a shifted record looks like.
        return if statuses.is_none_or(nobody) {
            Ok(Vec::new())
        } else {
            Err(misfit(Field::UpstreamAddr, BACKENDS))
        };
    }
    let statuses: SmallVec<[&str; 4]> =
        statuses.filter(|text| !nobody(text)).map(parts).into_iter().flatten().collect();
    // Nearly always there is one.
    let mut tries = Vec::with_capacity(statuses.len().max(1));
    for (at, address) in parts(addresses).enumerate() {
        let answer = statuses.get(at).map_or(Ok(None), |text| status("upstream_status", text));
        tries.push(Try {
            backend: Some(socket(address).ok_or_else(|| misfit(Field::UpstreamAddr, BACKENDS))?),
            status: answer.map_err(|_| misfit(Field::UpstreamStatus, "a list of statuses"))?,
            ..Try::default()
        });
    }
    if !statuses.is_empty() && statuses.len() != tries.len() {
        return Err(misfit(Field::UpstreamStatus, "as long as the list of backends"));
    }
    Ok(tries)
}

const BACKENDS: &str = "a list of backends";

/// Whether an X-Forwarded-For header names this address, however it is written and separated.
pub(super) fn names_client(header: &str, client: IpAddr) -> bool {
    if header == "-" {
        return false;
    }
    let plain = header.replace("\\x22", " ");
    plain
        .split(|c: char| !c.is_ascii_hexdigit() && !matches!(c, '.' | ':' | '[' | ']'))
        .filter_map(|element| {
            let bare = || element.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            socket(element).map(|endpoint| endpoint.ip).or_else(bare)
        })
        .any(|ip| ip.to_canonical() == client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_is_split_at_both_kinds_of_parting(list in "[a,: ]{0,16}") {
            let slowly = list.split(", ").flat_map(|tries| tries.split(" : "));
            prop_assert_eq!(parts(&list).collect::<Vec<_>>(), slowly.collect::<Vec<_>>());
        }
    }
}
