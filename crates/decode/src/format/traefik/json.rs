//! The JSON form.

use super::server;
use crate::{
    Names, Unreadable,
    field::{fault, number, zoned_time},
    format::carried::{
        ANYWHERE, Carried, answered, ended, endpoint, lasted, some_text, status, unnamed_tries,
    },
    interned::Interned,
    json::{Members, scalar},
};
use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Duration};
use unmasq_model::{Endpoint, Layer, Request, Try};

/// The members that are read; those of the tries are the last ones.
const NAMES: [&str; 11 + TRIED] = [
    "RequestMethod",
    "DownstreamStatus",
    "StartUTC",
    "StartLocal",
    "Duration",
    "RequestAddr",
    "RequestPath",
    "request_User-Agent",
    "DownstreamContentSize",
    "ClientAddr",
    "ClientHost",
    // Version 1 said backend where later ones say service.
    "ServiceName",
    "BackendName",
    "ServiceURL",
    "BackendURL",
    "ServiceAddr",
    "BackendAddr",
    "OriginStatus",
    "RetryAttempts",
];

/// How many of them tell whom the request was sent to.
const TRIED: usize = 8;

/// What is read of a URL that is an object.
const URL: [&str; 2] = ["Scheme", "Host"];

/// Reads lines.
#[derive(Clone)]
pub(super) struct Reader {
    members: Members<{ NAMES.len() }>,
    url: Members<{ URL.len() }>,
    /// Hosts, methods and agents, which come again and again.
    texts: Interned,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { members: Members::new(NAMES), url: Members::new(URL), texts: Interned::default() }
    }

    pub(super) fn carried(&mut self, line: &str, names: &Names) -> Result<Carried, Unreadable> {
        let found = self.members.read(line).ok_or(Unreadable::because("it is not one JSON object"))?;
        let [method, code, utc, local, length, host, path, agent, size, client_addr, client_host, tried @ ..] =
            found;
        if method.is_none() && code.is_none() {
            return Err(Unreadable::because("not a line of Traefik's access log"));
        }
        let start = utc.and_then(told).or_else(|| local.and_then(told));
        let start =
            start.and_then(|start| zoned_time(&start)).ok_or_else(|| fault("StartUTC", "is not a time"))?;
        let length = length.and_then(told).and_then(|length| lasted(&length, Duration::from_nanos(1)));
        // What is finer than a microsecond was cut off the start.
        let (least, most) = length.ok_or_else(|| fault("Duration", "is not a number of nanoseconds"))?;
        let end = ended(start, (least, most + Duration::from_micros(1)));

        let mut request = Request::new(Layer::Request);
        let mut known = |value: Option<&str>| self.texts.get(value?, told);
        request.host = known(host);
        request.method = known(method);
        request.agent = known(agent).filter(|agent| &**agent != "REDACTED");
        request.path = path.and_then(told).map(Arc::from);
        request.status = code.and_then(told).map_or(Ok(None), |code| answered("DownstreamStatus", &code))?;
        request.body_bytes = size.and_then(told).and_then(|size| number(&size));
        request.tries = self.tries(tried, names)?;
        let (client, claimed) = client(client_addr, client_host)?;
        request.client_claimed = claimed;
        Ok(Carried { gateway: None, inside_realm: None, outside: ANYWHERE, client, request, start, end })
    }

    fn tries(&mut self, tried: [Option<&str>; TRIED], names: &Names) -> Result<Vec<Try>, Unreadable> {
        let [service, backend, url, backend_url, address, backend_address, answer, retries] = tried;
        let service = service.or(backend).and_then(scalar);
        let url = url.or(backend_url).and_then(|url| self.url(url));
        let address = url.or_else(|| address.or(backend_address).and_then(scalar));
        let answer = answer.and_then(scalar).map_or(Ok(None), |code| status("OriginStatus", &code))?;
        let last = match address.filter(|address| address != "-") {
            Some(address) => Try { status: answer, ..server(&address, service.as_deref(), names) },
            // Somebody answered, or was to: the log has been told to leave out who.
            None if service.is_some() || answer.is_some() => {
                Try { server: service.as_deref().and_then(some_text), status: answer, ..Try::default() }
            }
            None => return Ok(Vec::new()),
        };
        let before = retries.and_then(scalar).and_then(|count| number(&count)).unwrap_or(0);
        Ok(unnamed_tries(before).chain([last]).collect())
    }

    /// A URL: a text, or an object in old versions.
    fn url<'a>(&mut self, written: &'a str) -> Option<Cow<'a, str>> {
        scalar(written).or_else(|| {
            let [scheme, host] = self.url.read(written)?;
            Some(Cow::Owned(format!("{}://{}", scheme.and_then(scalar)?, host.and_then(scalar)?)))
        })
    }
}

/// The peer, if its address is logged; else what a header may have said.
fn client(addr: Option<&str>, host: Option<&str>) -> Result<(Option<Endpoint>, bool), Unreadable> {
    if let Some(peer) = addr.and_then(scalar) {
        return Ok((Some(endpoint("ClientAddr", &peer)?), false));
    }
    let host = host.and_then(scalar).and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    Ok((host.map(|ip| Endpoint::new(ip, None)), host.is_some()))
}

/// What a value says; a dash stands for nothing.
fn told(value: &str) -> Option<Cow<'_, str>> {
    scalar(value).filter(|text| text != "-")
}
