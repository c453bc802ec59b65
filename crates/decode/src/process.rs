//! Process records: which process had which socket.
//!
//! This is a form of our own, open to any host agent: one JSON object a line, for each socket, when
//! it closes (or, with `"end": null`, while it is open).
//!
//! ```json
//! {"instance":"i-941fd046202c1dfa1","vpc":"vpc-a","container_id":null,"pid":18771,"process":"kworker-upd",
//!  "parent":"systemd","cmdline":"/dev/shm/kworker-upd","uid":0,"proto":"tcp","direction":"out","local_ip":"10.0.0.14",
//!  "local_port":51648,"remote_ip":"198.51.100.66","remote_port":80,"start":1795345072.308529,"end":1795345072.330021}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `instance` | `instance`: the host's own id in the cloud |
//! | `vpc`, optional | `realm` |
//! | `container_id`, optional | `container` |
//! | `pid`, `process`, `cmdline`, `parent` | the process; all but the pid are optional |
//! | `user`, else `uid`, optional | `process.user` |
//! | `started`, optional | `process.started`: when the process was, not the socket |
//! | `proto` | `protocol`, by name or IANA number |
//! | `direction` | `role`: `out` is a client, `in` a server |
//! | `local_*`, `remote_*` | `local`, `remote`, as the process saw them; ICMP: `local_port` is the query id, if known, and the peer has none |
//! | `start`, `end` | `lived`: Unix seconds, six decimals; whole seconds are meant to the second |
//!
//! Other members are not looked at. Times are read from their decimal digits, never through floating
//! point, which cannot hold a microsecond of today exactly.

use crate::{
    Guess, Unreadable,
    field::{self, UnixUnit, fault, required},
    json::{Object, is_blank, text_of},
    sample::share_of_lines,
};
use std::{fmt, sync::Arc};
use unmasq_model::{AssetId, ContainerId, Endpoint, LogTime, Process, Realm, Role, Socket, Span};

/// A form that process records can be written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProcessFormat {
    /// Our own.
    Unmasq,
}

impl ProcessFormat {
    /// Every form, in order of name.
    pub const ALL: [Self; 1] = [Self::Unmasq];

    /// The name that the command line, inventories and documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unmasq => "unmasq-process",
        }
    }

    /// The form of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Reads one line; a blank one is `None`.
    ///
    /// # Errors
    /// When the line is not an object, or a field that a socket needs is missing or makes no sense.
    pub fn read(self, line: &[u8]) -> Result<Option<Socket>, Unreadable> {
        if is_blank(line) {
            return Ok(None);
        }
        let text = text_of(line);
        let record = Object::parse(&text).ok_or(Unreadable::because("it is not one JSON object"))?;
        match self {
            Self::Unmasq => socket(&record).map(Some),
        }
    }

    /// Which forms the first lines of a file fit, best first; empty if none.
    #[must_use]
    pub fn detect(sample: &[u8]) -> Vec<Guess<Self>> {
        const MARKS: [&str; 5] = ["instance", "pid", "local_ip", "remote_ip", "start"];
        let percent = share_of_lines(sample, |line| {
            let text = text_of(line);
            Object::parse(&text).is_some_and(|record| MARKS.iter().all(|mark| record.raw(mark).is_some()))
        });
        if percent == 0 { Vec::new() } else { vec![Guess { format: Self::Unmasq, percent }] }
    }
}

impl fmt::Display for ProcessFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn socket(record: &Object<'_>) -> Result<Socket, Unreadable> {
    let text = |name: &str| record.scalar(name);
    let optional = |name: &str| text(name).map(Arc::<str>::from);
    let local_ip = field::address("local_ip", &required("local_ip", text("local_ip"))?)?;
    let remote_ip = field::address("remote_ip", &required("remote_ip", text("remote_ip"))?)?;
    let protocol = field::protocol("proto", &required("proto", text("proto"))?)?;
    let protocol = field::in_family(protocol, local_ip);
    let port = |name: &str| field::port(name, &required(name, text(name))?);
    let (local_port, remote_port) = match protocol {
        _ if protocol.has_ports() => (Some(port("local_port")?), Some(port("remote_port")?)),
        _ if protocol.is_icmp() && text("local_port").is_some() => (Some(port("local_port")?), None),
        _ => (None, None),
    };
    let role = match required("direction", text("direction"))?.as_ref() {
        "out" => Role::Client,
        "in" => Role::Server,
        _ => return Err(fault("direction", "is neither `out` nor `in`")),
    };
    Ok(Socket {
        instance: AssetId::from(required("instance", text("instance"))?),
        realm: optional("vpc").map(Realm::from),
        container: optional("container_id").map(ContainerId::from),
        protocol,
        role,
        local: Endpoint::new(local_ip, local_port),
        remote: Endpoint::new(remote_ip, remote_port),
        lived: lived(record)?,
        process: Process {
            pid: field::number(&required("pid", text("pid"))?)
                .ok_or_else(|| fault("pid", "is not a process id"))?,
            name: optional("process"),
            command: optional("cmdline"),
            parent: optional("parent"),
            user: optional("user").or_else(|| optional("uid")),
            started: time(record, "started")?.map(|started| started.from),
        },
    })
}

fn lived(record: &Object<'_>) -> Result<Span, Unreadable> {
    let start = time(record, "start")?.ok_or_else(|| fault("start", "is missing, or written twice"))?;
    let end = time(record, "end")?.map_or(LogTime::FOREVER, |end| end.to);
    Span::new(start.from, end).map_err(|_| fault("end", "is before the start"))
}

/// What a time that starts or ends something may mean at most.
struct Moment {
    from: LogTime,
    to: LogTime,
}

/// A time; `None` where it is absent or `null`.
fn time(record: &Object<'_>, name: &str) -> Result<Option<Moment>, Unreadable> {
    if !record.has(name) || record.raw(name) == Some("null") {
        return Ok(None);
    }
    let read = |text: &str| {
        let span = field::unix_time(text, UnixUnit::Seconds)?;
        // A number loses its trailing zeros on the way: with any decimals it is meant to the microsecond.
        let to = if text.contains('.') { span.from() } else { span.to() };
        Some(Moment { from: span.from(), to })
    };
    let moment = record.scalar(name).and_then(|text| read(&text));
    moment.map(Some).ok_or_else(|| fault(name, "is not a time in Unix seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unmasq_model::Protocol;

    const SAMPLE: &str = include_str!("testdata/process.jsonl");

    fn read(line: &str) -> Result<Socket, String> {
        ProcessFormat::Unmasq.read(line.as_bytes()).map(Option::unwrap).map_err(|why| why.to_string())
    }

    fn changed(from: &str, to: &str) -> String {
        let line = SAMPLE.lines().next().unwrap();
        assert!(line.contains(from), "{from}");
        line.replace(from, to)
    }

    #[test]
    fn a_record_is_a_socket_of_a_process() {
        let socket = read(SAMPLE.lines().next().unwrap()).unwrap();
        assert_eq!(socket.instance.as_str(), "i-5e67b1b957dad9374");
        assert_eq!(socket.realm, Some("vpc-b".into()));
        assert_eq!((socket.protocol, socket.role), (Protocol::UDP, Role::Client));
        assert_eq!(socket.local.to_string(), "10.0.0.13:33199");
        assert_eq!(socket.remote.to_string(), "198.51.100.53:53");
        assert_eq!(socket.lived.from().as_unix_us(), 1_795_345_068_490_215);
        assert_eq!(socket.lived.to().as_unix_us(), 1_795_345_068_491_337);
        assert_eq!((socket.process.pid, socket.process.user.as_deref()), (18698, Some("0")));
        assert_eq!(socket.process.name.as_deref(), Some("systemd-resolve"));
        assert_eq!(socket.process.command.as_deref(), Some("/lib/systemd/systemd-resolved"));
        assert_eq!(socket.process.parent.as_deref(), Some("systemd"));
        assert_eq!((socket.process.started, socket.container), (None, None));
    }

    #[test]
    fn every_kind_of_record_is_read() {
        let sockets: Vec<_> = SAMPLE.lines().map(|line| read(line).unwrap()).collect();
        let icmp = sockets.iter().find(|socket| socket.protocol.is_icmp()).unwrap();
        assert_eq!((icmp.local.port, icmp.remote.port), (Some(25522), None));
        let open = sockets.iter().find(|socket| socket.lived.to() == LogTime::FOREVER).unwrap();
        assert_eq!(open.role, Role::Server);
        assert!(sockets.iter().any(|socket| socket.container.is_some()));
    }

    #[test]
    fn times_are_read_to_the_microsecond() {
        let to = |end: &str| read(&changed("1795345068.491337", end)).map(|s| s.lived.to().as_unix_us());
        assert_eq!(to("1795345068.4955"), Ok(1_795_345_068_495_500));
        assert_eq!(to("\"1795345068.491338\""), Ok(1_795_345_068_491_338));
        assert_eq!(to("1795345069"), Ok(1_795_345_069_999_999));
        assert_eq!(to("1.795345069e9"), Err("`end` is not a time in Unix seconds".into()));
        assert_eq!(
            to("1795345069, \"end\": null"),
            Err("`end` is not a time in Unix seconds".into()),
            "written twice"
        );
        assert_eq!(to("1795345068.4902"), Err("`end` is before the start".into()));
    }

    #[test]
    fn optional_fields_are_optional_and_the_others_named() {
        let socket =
            read(&changed("\"uid\": 0", "\"uid\": 0, \"user\": \"root\", \"started\": 1795345000.5"))
                .unwrap();
        assert_eq!(socket.process.user.as_deref(), Some("root"));
        assert_eq!(socket.process.started.unwrap().to_string(), "2026-11-22T10:56:40.500Z");
        for (from, to, says) in [
            ("\"instance\"", "\"host2\"", "`instance` is missing, or written twice"),
            ("\"pid\": 18698", "\"pid\": -1", "`pid` is not a process id"),
            ("\"out\"", "\"both\"", "`direction` is neither `out` nor `in`"),
            ("\"udp\"", "\"quic\"", "`proto` is not a protocol"),
            ("\"10.0.0.13\"", "\"10.0.0.013\"", "`local_ip` is not an address of a machine"),
            ("33199", "65536", "`local_port` is not a port"),
            ("33199", "null", "`local_port` is missing, or written twice"),
            ("\"start\":", "\"begin\":", "`start` is missing, or written twice"),
        ] {
            assert_eq!(read(&changed(from, to)), Err(says.into()));
        }
    }

    #[test]
    fn detection_asks_for_the_marks() {
        assert_eq!(
            ProcessFormat::detect(SAMPLE.as_bytes()),
            [Guess { format: ProcessFormat::Unmasq, percent: 100 }]
        );
        assert_eq!(ProcessFormat::detect(b"{\"pid\":1}\n"), []);
        assert_eq!(ProcessFormat::named("unmasq-process"), Some(ProcessFormat::Unmasq));
        assert_eq!(ProcessFormat::Unmasq.read(b"\n"), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (ProcessFormat::Unmasq.read(&line), ProcessFormat::detect(&line));
        }

        #[test]
        fn no_damage_is_a_panic(at in 0_usize..400, byte in any::<u8>(), which in 0_usize..4) {
            let mut line = SAMPLE.lines().nth(which).unwrap().as_bytes().to_vec();
            let at = at % line.len();
            line[at] = byte;
            let _ = ProcessFormat::Unmasq.read(&line);
        }
    }
}
