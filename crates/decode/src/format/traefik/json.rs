//! The JSON form.

use super::server;
use crate::{
    Names, Unreadable,
    field::{fault, number, zoned_time},
    format::carried::{
        ANYWHERE, Carried, answered, ended, endpoint, lasted, some_text, status, unnamed_tries,
    },
    json::{Object, scalar},
};
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, Layer, Request, Try};

pub(super) fn carried(line: &str, names: &Names) -> Result<Carried, Unreadable> {
    let object = Object::parse(line).ok_or(Unreadable::because("it is not one JSON object"))?;
    if !object.has("RequestMethod") && !object.has("DownstreamStatus") {
        return Err(Unreadable::because("not a line of Traefik's access log"));
    }
    let text = |name: &str| object.scalar(name).filter(|text| text != "-");
    let start = text("StartUTC").or_else(|| text("StartLocal"));
    let start =
        start.and_then(|start| zoned_time(&start)).ok_or_else(|| fault("StartUTC", "is not a time"))?;
    let length = text("Duration").and_then(|length| lasted(&length, Duration::from_nanos(1)));
    // What is finer than a microsecond was cut off the start.
    let (least, most) = length.ok_or_else(|| fault("Duration", "is not a number of nanoseconds"))?;
    let end = ended(start, (least, most + Duration::from_micros(1)));

    let mut request = Request::new(Layer::Request);
    let sent = |name: &str| text(name).and_then(|text| some_text(&text));
    request.host = sent("RequestAddr");
    request.method = sent("RequestMethod");
    request.path = sent("RequestPath");
    request.agent = sent("request_User-Agent").filter(|agent| &**agent != "REDACTED");
    let code = text("DownstreamStatus");
    request.status = code.map_or(Ok(None), |code| answered("DownstreamStatus", &code))?;
    request.body_bytes = text("DownstreamContentSize").and_then(|size| number(&size));
    request.tries = tries(&object, names)?;
    let (client, claimed) = client(&object)?;
    request.client_claimed = claimed;
    Ok(Carried { gateway: None, inside_realm: None, outside: ANYWHERE, client, request, start, end })
}

/// The peer, if its address is logged; else what a header may have said.
fn client(object: &Object<'_>) -> Result<(Option<Endpoint>, bool), Unreadable> {
    if let Some(peer) = object.scalar("ClientAddr") {
        return Ok((Some(endpoint("ClientAddr", &peer)?), false));
    }
    let host = object.scalar("ClientHost");
    let host = host.as_deref().and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    Ok((host.map(|ip| Endpoint::new(ip, None)), host.is_some()))
}

fn tries(object: &Object<'_>, names: &Names) -> Result<Vec<Try>, Unreadable> {
    // Version 1 said backend where later ones say service.
    let first = |all: [&'static str; 2]| all.into_iter().find(|name| object.has(name));
    let text = |all: [&'static str; 2]| first(all).and_then(|name| object.scalar(name));
    let service = text(["ServiceName", "BackendName"]);
    let url = first(["ServiceURL", "BackendURL"]).and_then(|name| {
        let written = object.raw(name)?;
        scalar(written).map(std::borrow::Cow::into_owned).or_else(|| {
            let url = Object::parse(written)?;
            Some(format!("{}://{}", url.scalar("Scheme")?, url.scalar("Host")?))
        })
    });
    let address = url.or_else(|| text(["ServiceAddr", "BackendAddr"]).map(std::borrow::Cow::into_owned));
    let answer = object.scalar("OriginStatus").map_or(Ok(None), |code| status("OriginStatus", &code))?;
    let last = match address.filter(|address| address != "-") {
        Some(address) => Try { status: answer, ..server(&address, service.as_deref(), names) },
        // Somebody answered, or was to: the log has been told to leave out who.
        None if service.is_some() || answer.is_some() => {
            Try { server: service.as_deref().and_then(some_text), status: answer, ..Try::default() }
        }
        None => return Ok(Vec::new()),
    };
    let before = object.scalar("RetryAttempts").and_then(|count| number(&count)).unwrap_or(0);
    Ok(unnamed_tries(before).chain([last]).collect())
}
