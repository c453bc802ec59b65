//! Zeek's connections (`conn.log`) and notices (`notice.log`), as columns or as JSON lines.
//!
//! | theirs | ours |
//! | --- | --- |
//! | `ts`, `duration` of a connection | `at`: from its first packet to its last; without a duration it was one packet |
//! | `ts` of a notice | `at`, with [`NOTICE_LAG`]: scripts raise notices when a connection is gone, too |
//! | `id.orig_*`, `id.resp_*`, `proto` | `ends`, `protocol`. Names may be written with `_` or nested |
//! | `src`, `dst`, `p` | the same, where a notice has no `id.*` |
//! | `ip_proto` | `protocol`, where `proto` is `unknown_transport` |
//! | `uid` of a connection | the alert's own id. Several notices may be about one connection |
//! | `note` | `context.signature` |
//! | `_system_name` | the sensor |
//!
//! Quirks: the ends follow the connection. `^` at the start of `history` says that Zeek turned it round;
//! the ends are written after that. A TCP connection of which no handshake was seen (`OTH`) was
//! opened by nobody knows whom. For ICMP the ports are type and code, which are no ports. Other logs of
//! Zeek (`dns.log`, `ssl.log`, …) are no alerts.
//! <https://docs.zeek.org/en/master/logs/conn.html>, <https://docs.zeek.org/en/master/logs/notice.html>

mod interval;
mod json;
mod table;

pub(super) use json::{fits as fits_json, read as read_json};
pub(super) use table::{Table, may_be_header};

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
};
use crate::{
    Unreadable,
    field::{self, UnixUnit, fault, required},
};
use std::{borrow::Cow, time::Duration};
use unmasq_model::{AlertClass, Context, End, Protocol, Span};

/// How long after the packets that it is about a notice may come: Zeek forgets a closed connection
/// after five seconds (`tcp_close_delay`), and scripts that look back on it run then.
const NOTICE_LAG: Duration = Duration::from_secs(5);

/// What a trace needs of a line of Zeek's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Time,
    Uid,
    OrigHost,
    OrigPort,
    RespHost,
    RespPort,
    Proto,
    IpProto,
    Duration,
    State,
    Note,
    System,
}

/// Every name of every field, the surest first: Zeek's own, with another scope separator, and as the
/// field map of Zeek's own test suite and notices have it.
const NAMES: [(Field, &str); 22] = [
    (Field::Time, "ts"),
    (Field::Uid, "uid"),
    (Field::OrigHost, "id.orig_h"),
    (Field::OrigHost, "id_orig_h"),
    (Field::OrigHost, "src"),
    (Field::OrigPort, "id.orig_p"),
    (Field::OrigPort, "id_orig_p"),
    (Field::OrigPort, "src_port"),
    (Field::RespHost, "id.resp_h"),
    (Field::RespHost, "id_resp_h"),
    (Field::RespHost, "dst"),
    (Field::RespPort, "id.resp_p"),
    (Field::RespPort, "id_resp_p"),
    (Field::RespPort, "dst_port"),
    (Field::RespPort, "p"),
    (Field::Proto, "proto"),
    (Field::IpProto, "ip_proto"),
    (Field::Duration, "duration"),
    (Field::State, "conn_state"),
    (Field::Note, "note"),
    (Field::System, "_system_name"),
    (Field::System, "system_name"),
];

/// Which log a line is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Conn,
    /// A connection that goes on (`conn_long.log`): the same `uid` comes more than once.
    Ongoing,
    Notice,
    Other,
}

impl Kind {
    /// By the fields that only one log has; the log's name is whatever a filter calls it.
    fn of(path: Option<&str>, has: impl Fn(Field) -> bool) -> Self {
        match path {
            _ if has(Field::Note) => Self::Notice,
            None | Some("conn") if has(Field::State) => Self::Conn,
            _ if has(Field::State) => Self::Ongoing,
            _ => Self::Other,
        }
    }
}

/// Reads a line of which `get` gives the fields that are set.
fn read<'a>(kind: Kind, get: impl Fn(Field) -> Option<Cow<'a, str>>) -> Reading {
    if kind == Kind::Other {
        return Reading::NotAnAlert;
    }
    let protocol = protocol(&get);
    let end_of = |names, host, port| end(names, [get(host), get(port)], &protocol);
    let src = end_of(["id.orig_h", "id.orig_p"], Field::OrigHost, Field::OrigPort);
    let dest = end_of(["id.resp_h", "id.resp_p"], Field::RespHost, Field::RespPort);
    let guessed = protocol == Ok(Protocol::TCP) && get(Field::State).is_some_and(|state| state == "OTH");
    let is_flow = get(Field::Uid).is_some();
    Draft {
        identity: AlertIdentity {
            own_id: kept(get(Field::Uid).filter(|_| kind == Kind::Conn)),
            sensor: kept(get(Field::System)),
            flow_id: kept(get(Field::Uid)),
        },
        realm: None,
        at: at(kind, &get),
        request_lag: Duration::ZERO,
        src,
        dest,
        protocol,
        opened_by: (is_flow && !guessed).then_some(End::Src),
        flow_start: None,
        class: AlertClass::Attack,
        context: Context { signature: kept(get(Field::Note)), ..Context::default() },
    }
    .finish()
}

fn at<'a>(kind: Kind, get: impl Fn(Field) -> Option<Cow<'a, str>>) -> Result<Span, Unreadable> {
    let written = required("ts", get(Field::Time))?;
    let ts = moment(&written).ok_or_else(|| fault("ts", "is not a time since 1970 or with its offset"))?;
    if kind == Kind::Notice {
        return Ok(Span::between(ts.from().minus(NOTICE_LAG), ts.to()));
    }
    let Some(written) = get(Field::Duration) else { return Ok(ts) };
    let lasted =
        interval::seconds(&written).ok_or_else(|| fault("duration", "is not a number of seconds"))?;
    Ok(Span::between(ts.from(), ts.to().plus(lasted)))
}

/// Seconds since 1970 with decimals, whole milliseconds, or ISO 8601, as `LogAscii::json_timestamps` has it.
fn moment(text: &str) -> Option<Span> {
    /// So many digits before the point are milliseconds: as seconds they would be the year 5138.
    const MILLISECONDS: usize = 12;
    if text.contains('T') {
        return field::zoned_time(text);
    }
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let unit = if whole.len() < MILLISECONDS { UnixUnit::Seconds } else { UnixUnit::Milliseconds };
    let span = field::unix_time(text, unit)?;
    // JSON writers leave trailing zeros out: with any decimals it is meant to the microsecond.
    Some(if text.contains('.') { Span::at(span.from()) } else { span })
}

fn protocol<'a>(get: impl Fn(Field) -> Option<Cow<'a, str>>) -> Result<Protocol, Unreadable> {
    let name = required("proto", get(Field::Proto))?;
    match get(Field::IpProto) {
        Some(number) if name == "unknown_transport" => field::protocol("ip_proto", &number),
        _ => field::protocol("proto", &name),
    }
}

#[cfg(test)]
mod tests;
