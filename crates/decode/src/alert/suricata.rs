//! Suricata's EVE: one JSON object a line, alerts among much else.
//!
//! ```json
//! {"timestamp":"2026-11-22T10:57:52.310113+0000","event_type":"alert","src_ip":"203.0.113.10","src_port":20038,
//!  "dest_ip":"198.51.100.66","dest_port":80,"proto":"TCP","pkt_src":"wire/pcap","tx_id":0,"direction":"to_server",
//!  "alert":{"signature":"…","category":"…"},"http":{"hostname":"…","url":"…","http_method":"GET","status":200},
//!  "flow":{"start":"2026-11-22T10:57:52.308850+0000","src_ip":"203.0.113.10","src_port":20038,"dest_ip":"…"}}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `timestamp` | `at`: the capture time of the packet that fired, which itself crossed the gateway |
//! | `src_*`, `dest_*`, `proto` | `ends`, `protocol`; ICMP has no ports, whatever is written |
//! | `flow.src_*`, else `direction` | `opened_by`: the ends follow the packet, so a reply's alert is turned round |
//! | `flow.start` | `flow_start` |
//! | `alert.signature`, `http.*`, `tls.sni`, `ssh.client.software_version` | `context` |
//! | `tx_id`, with `http` | `context.http.position`, from 0; HTTP/2 numbers streams otherwise, so there it is unknown |
//! | `alert.category`, `alert.rule` | `class` |
//! | `host` | the sensor |
//! | `flow_id` | the flow |
//!
//! Quirks: EVE has no unique id (`flow_id` is of the flow). A pseudo-packet (`pkt_src` such as
//! `stream (flow timeout)`) is made after the last real one, up to 1.2 s in recorded runs.
//! IPv6 is written uncompressed. Alerts about packets without IP have no addresses at all.
//! <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html>

mod key;

use super::{
    AlertIdentity, AlertKey, Reading,
    draft::{Draft, end, kept},
};
use crate::{
    Unreadable,
    field::{self, fault, required},
    interned::Interned,
    json::{Found, Members, scalar},
};
use std::{borrow::Cow, sync::Arc, time::Duration};
use unmasq_model::{AlertClass, Context, End, Endpoint, HttpContext, PerEnd, Protocol, Span};

/// How long after the last packet of a flow a pseudo-packet may fire a rule.
const PSEUDO_PACKET_LAG: Duration = Duration::from_millis(1_200);

/// How long after a request its alert may come: half a second where a rule on the reply fires at the
/// next packet, 1.2 s where the client went away (both in recorded runs).
const REQUEST_LAG: Duration = Duration::from_millis(1_200);

/// Reads EVE's lines.
///
/// Each kind of object is written in the same way again and again, so each has its own [`Members`].
#[derive(Clone, Debug)]
pub(super) struct Eve {
    event: Members<{ EVENT.len() }>,
    flow: Members<{ FLOW.len() }>,
    alert: Members<{ ALERT.len() }>,
    http: Members<{ HTTP.len() }>,
    tls: Members<{ TLS.len() }>,
    ssh: Members<{ SSH.len() }>,
    client: Members<{ CLIENT.len() }>,
    keys: key::Keys,
    /// Signatures, agents and the like, which come again and again.
    texts: Interned,
}

/// The members of an event. A dotted name may be one member, or members within members.
const EVENT: [&str; 20] = [
    "event_type",
    "timestamp",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "flow_id",
    "host",
    "pkt_src",
    "direction",
    "tx_id",
    "flow",
    "alert",
    "http",
    "tls",
    "tls.sni",
    "ssh",
    "ssh.client",
    "ssh.client.software_version",
];
const FLOW: [&str; 3] = ["src_ip", "src_port", "start"];
const ALERT: [&str; 3] = ["signature", "category", "rule"];
const HTTP: [&str; 7] = ["hostname", "http_method", "url", "http_user_agent", "status", "protocol", "http2"];
const TLS: [&str; 1] = ["sni"];
const SSH: [&str; 2] = ["client", "client.software_version"];
const CLIENT: [&str; 1] = ["software_version"];

/// The objects of an event that were read while passing over it.
#[derive(Default)]
struct Passed<'a> {
    flow: Option<Found<'a, { FLOW.len() }>>,
    alert: Option<Found<'a, { ALERT.len() }>>,
    http: Option<Found<'a, { HTTP.len() }>>,
}

/// Reads the object at the front of a text, if it is written as the one before; gives its length.
fn front<'a, const N: usize>(
    members: &Members<N>,
    text: &'a str,
    read: &mut Option<Found<'a, N>>,
) -> Option<usize> {
    let (found, length) = members.read_front(text).unzip();
    *read = found;
    length
}

/// What was read in passing of an object, unless its name is written twice.
fn whole<'a, const N: usize>(object: &str, passed: Option<Found<'a, N>>) -> Option<Found<'a, N>> {
    passed.filter(|_| !object.is_empty())
}

/// A text or number, as text.
type Text<'a> = Option<Cow<'a, str>>;

impl Eve {
    pub(super) fn new() -> Self {
        Self {
            event: Members::new(EVENT),
            flow: Members::new(FLOW),
            alert: Members::new(ALERT),
            http: Members::new(HTTP),
            tls: Members::new(TLS),
            ssh: Members::new(SSH),
            client: Members::new(CLIENT),
            keys: key::Keys::new(),
            texts: Interned::default(),
        }
    }

    pub(super) fn read(&mut self, line: &str) -> Reading {
        // Objects that are written as they were in a line before are read in passing.
        let mut passed = Passed::default();
        let mut in_passing = |slot: usize, text| match EVENT[slot] {
            "flow" => front(&self.flow, text, &mut passed.flow),
            "alert" => front(&self.alert, text, &mut passed.alert),
            "http" => front(&self.http, text, &mut passed.http),
            _ => None,
        };
        let event = match self.event.read_nested(line, &mut in_passing) {
            Some(event) => event,
            None => {
                passed = Passed::default();
                match self.event.read(line) {
                    Some(event) => event,
                    None => return Reading::Unreadable(Unreadable::because("it is not one JSON object")),
                }
            }
        };
        let [
            event_type,
            timestamp,
            src_ip,
            src_port,
            dest_ip,
            dest_port,
            proto,
            flow_id,
            host,
            pkt_src,
            direction,
            tx_id,
            flow,
            alert,
            http,
            tls,
            tls_sni,
            ssh,
            ssh_client,
            ssh_version,
        ] = event;
        match text(event_type).as_deref() {
            Some("alert") => {}
            Some(_) => return Reading::NotAnAlert,
            None => return Reading::Unreadable(fault("event_type", "is missing: it is not EVE")),
        }
        let flow = flow.and_then(|flow| whole(flow, passed.flow).or_else(|| self.flow.read(flow)));
        let alert = alert.and_then(|alert| whole(alert, passed.alert).or_else(|| self.alert.read(alert)));
        let [signature, ..] = alert.unwrap_or_default();
        let protocol = required("proto", text(proto)).and_then(|name| field::protocol("proto", &name));
        let src = end(["src_ip", "src_port"], [src_ip, src_port].map(text), &protocol);
        let dest = end(["dest_ip", "dest_port"], [dest_ip, dest_port].map(text), &protocol);
        let opened_by = match (&src, &dest) {
            (Ok(src), Ok(dest)) => {
                let ends = PerEnd { src: *src, dest: *dest };
                let opener = flow.and_then(|[ip, port, _]| opener([ip, port].map(text), &protocol, ends));
                opener.or_else(|| opener_of(text(direction)?.as_ref()))
            }
            _ => None,
        };
        let http = http
            .and_then(|http| whole(http, passed.http).or_else(|| self.http.read(http)))
            .map(|http| self.http_context(http, text(tx_id)));
        let ssh_client = self.ssh_client([ssh, ssh_client, ssh_version]);
        let tls_sni = text(tls_sni).or_else(|| text(self.tls.read(tls?)?[0]));
        Draft {
            identity: AlertIdentity {
                own_id: None,
                sensor: self.kept(host),
                flow_id: text(flow_id).map(Arc::from),
            },
            realm: None,
            at: at(text(timestamp), text(pkt_src)),
            request_lag: REQUEST_LAG,
            protocol,
            src,
            dest,
            opened_by,
            flow_start: flow.and_then(|[.., start]| Some(field::zoned_time(&text(start)?)?.from())),
            class: alert.map(|[_, category, rule]| class(text(rule), text(category))).unwrap_or_default(),
            context: Context {
                signature: self.kept(signature),
                http,
                tls_sni: kept(tls_sni),
                ssh_client: kept(ssh_client),
            },
        }
        .finish()
    }

    /// See [`AlertReader::key`](super::AlertReader::key).
    pub(super) fn key(&mut self, line: &str) -> Option<AlertKey> {
        self.keys.read(line)
    }

    /// `ssh.client.software_version`, whichever of its dots part members.
    fn ssh_client<'a>(&mut self, [ssh, client, version]: [Option<&'a str>; 3]) -> Text<'a> {
        let within = |client: &'a str, reader: &mut Members<1>| text(reader.read(client)?[0]);
        text(version)
            .or_else(|| {
                let [client, version] = self.ssh.read(ssh?)?;
                text(version).or_else(|| within(client?, &mut self.client))
            })
            .or_else(|| within(client?, &mut self.client))
    }

    fn http_context(&mut self, http: [Option<&str>; HTTP.len()], tx_id: Text<'_>) -> HttpContext {
        let [host, method, url, agent, status, protocol, http2] = http;
        let names_one = |value: &str| !value.is_empty();
        let counted = !http2.is_some_and(names_one) && text(protocol).is_none_or(|p| p.starts_with("HTTP/1"));
        HttpContext {
            host: self.kept(host),
            method: self.kept(method),
            url: kept(text(url)),
            agent: self.kept(agent),
            status: text(status).and_then(|status| field::number(&status)),
            position: tx_id.filter(|_| counted).and_then(|tx| field::number(&tx)),
        }
    }

    /// A text that is kept, and comes again.
    fn kept(&mut self, value: Option<&str>) -> Option<Arc<str>> {
        self.texts.get(value?, scalar)
    }
}

fn text(value: Option<&str>) -> Text<'_> {
    scalar(value?)
}

fn at(written: Text<'_>, origin: Text<'_>) -> Result<Span, Unreadable> {
    let written = required("timestamp", written)?;
    let at =
        field::zoned_time(&written).ok_or_else(|| fault("timestamp", "is not a time with its offset"))?;
    let real = origin.is_none_or(|origin| origin == "wire/pcap");
    Ok(if real { at } else { Span::between(at.from().minus(PSEUDO_PACKET_LAG), at.to()) })
}

/// The end that the flow record calls its source; `None` if it could be either or is neither.
fn opener(
    source: [Text<'_>; 2],
    protocol: &Result<Protocol, Unreadable>,
    ends: PerEnd<Endpoint>,
) -> Option<End> {
    source[0].as_ref()?;
    let source = end(["src_ip", "src_port"], source, protocol).ok()?;
    let mut same = End::BOTH.into_iter().filter(|&end| ends[end] == source);
    let opener = same.next()?;
    same.next().is_none().then_some(opener)
}

fn opener_of(direction: &str) -> Option<End> {
    match direction {
        "to_server" => Some(End::Src),
        "to_client" => Some(End::Dest),
        _ => None,
    }
}

/// The rule's classification, by its description or by the rule itself.
fn class(rule: Text<'_>, category: Text<'_>) -> AlertClass {
    if rule.is_some_and(|rule| rule.contains("classtype:sdf;")) {
        return AlertClass::Sensitive;
    }
    classified(&category.unwrap_or_default())
}

/// What a classification of Snort's or Suricata's `classification.config` is about, by its name or its
/// description (with and without its old misspelling).
pub(super) fn classified(as_what: &str) -> AlertClass {
    let starts =
        |start: &&str| as_what.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let described = ["sensitive data", "senstive data"].iter().any(starts);
    if described || as_what.eq_ignore_ascii_case("sdf") { AlertClass::Sensitive } else { AlertClass::Attack }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Hints,
        alert::{AlertFacts, AlertFormat, UnusableAlert},
    };

    const SAMPLE: &str = include_str!("testdata/eve.jsonl");

    fn reading(line: &str) -> Reading {
        AlertFormat::SuricataEve.reader(Hints::default()).read(line.as_bytes())
    }

    fn alert(line: &str) -> AlertFacts {
        match reading(line) {
            Reading::Alert(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    fn unusable(line: &str) -> UnusableAlert {
        match reading(line) {
            Reading::Unusable(unusable) => *unusable,
            other => panic!("{other:?}"),
        }
    }

    /// The first alert of the sample with one piece of it replaced.
    fn changed(from: &str, to: &str) -> String {
        let line = SAMPLE.lines().next().unwrap();
        assert!(line.contains(from), "{from}");
        line.replace(from, to)
    }

    #[test]
    fn an_alert_says_all_that_a_trace_needs() {
        let facts = alert(&changed("\"proto\"", "\"host\":\"sensor-1\",\"proto\""));
        assert_eq!(facts.at, Span::at("2026-11-22T10:57:52.310113Z".parse().unwrap()));
        assert_eq!(facts.ends.src.to_string(), "203.0.113.10:20038");
        assert_eq!(facts.ends.dest.to_string(), "198.51.100.66:80");
        assert_eq!((facts.protocol, facts.opened_by), (Protocol::TCP, Some(End::Src)));
        assert_eq!(facts.flow_start, Some("2026-11-22T10:57:52.308850Z".parse().unwrap()));
        assert_eq!(facts.class, AlertClass::Attack);
        let (sensor, flow_id) = (Some("sensor-1".into()), Some("200600948564472".into()));
        assert_eq!(facts.identity, AlertIdentity { own_id: None, sensor, flow_id });
        assert_eq!(facts.context.signature.as_deref(), Some("LAB C2 beacon request to gate.php"));
        let http = facts.context.http.unwrap();
        assert_eq!(http.host.as_deref(), Some("cdn.bad.example"));
        assert_eq!(http.url.as_deref(), Some("/gate.php?id=334e51af"));
        assert_eq!((http.method.as_deref(), http.status, http.position), (Some("GET"), Some(200), Some(0)));
        assert!(http.agent.unwrap().starts_with("Mozilla/4.0"));
    }

    #[test]
    fn every_kind_of_line_is_understood() {
        let (mut alerts, mut others) = (Vec::new(), 0);
        for line in SAMPLE.lines() {
            match reading(line) {
                Reading::Alert(facts) => alerts.push(*facts),
                Reading::NotAnAlert => others += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((alerts.len(), others), (7, 1));
        assert!(alerts.iter().all(|facts| facts.opened_by.is_some()));
        assert!(alerts.iter().any(|facts| facts.context.tls_sni.is_some()));
        assert!(alerts.iter().any(|facts| facts.context.ssh_client.is_some()));
        assert!(alerts.iter().any(|facts| facts.class == AlertClass::Sensitive));
        assert!(alerts.iter().any(|facts| facts.ends.src.ip.is_ipv6()));
    }

    #[test]
    fn an_alert_on_a_reply_was_opened_by_its_destination() {
        let replies: Vec<_> =
            SAMPLE.lines().filter(|line| line.contains("\"direction\":\"to_client\"")).collect();
        assert!(!replies.is_empty());
        for line in replies {
            assert_eq!(alert(line).opened_by, Some(End::Dest));
            let flowless = line.replace("\"flow\":", "\"was\":");
            assert_eq!(alert(&flowless).opened_by, Some(End::Dest), "the direction says it too");
        }
        let silent = changed("\"flow\":", "\"was\":").replace("\"direction\":", "\"was\":");
        assert_eq!(alert(&silent).opened_by, None);
    }

    #[test]
    fn icmp_has_no_ports_even_if_some_are_written() {
        let facts = alert(&changed("\"proto\":\"TCP\"", "\"proto\":\"ICMP\""));
        assert_eq!((facts.protocol, facts.ends.src.port, facts.ends.dest.port), (Protocol::ICMP, None, None));
        assert_eq!(facts.opened_by, Some(End::Src));

        let v6 = SAMPLE.lines().find(|line| line.contains("\"ip_v\":6")).unwrap();
        assert_eq!(alert(&v6.replace("\"TCP\"", "\"ICMP\"")).protocol, Protocol::ICMPV6);
    }

    #[test]
    fn a_pseudo_packet_came_up_to_a_lag_after_the_last_real_one() {
        let facts = alert(&changed("wire/pcap", "stream (flow timeout)"));
        assert_eq!(facts.at.from(), "2026-11-22T10:57:51.110113Z".parse().unwrap());
        assert_eq!(facts.at.to(), "2026-11-22T10:57:52.310113Z".parse().unwrap());
    }

    #[test]
    fn http2_streams_are_not_counted() {
        let facts = alert(&changed("\"protocol\":\"HTTP/1.1\"", "\"protocol\":\"HTTP/2\""));
        assert_eq!(facts.context.http.unwrap().position, None);
    }

    #[test]
    fn an_alert_without_address_or_time_is_still_an_alert() {
        let lost = unusable(&changed("\"src_ip\":\"203.0.113.10\",\"src_port\":20038", "\"x\":1"));
        assert_eq!(lost.why.to_string(), "`src_ip` is missing, or written twice");
        assert_eq!(lost.ends.dest.unwrap().to_string(), "198.51.100.66:80");
        let lost = unusable(&changed("2026-11-22T10:57:52.310113+0000", "10:57:52"));
        assert_eq!(
            (lost.why.to_string().as_str(), lost.at),
            ("`timestamp` is not a time with its offset", None)
        );
        let lost = unusable(&changed("\"dest_port\":80,\"proto\"", "\"dest_port\":70000,\"proto\""));
        assert_eq!(lost.why.to_string(), "`dest_port` is not a port");
        let lost = unusable("{\"event_type\":\"alert\"}");
        assert_eq!(lost.ends, PerEnd { src: None, dest: None });
    }

    #[test]
    fn two_sources_in_one_alert_are_none() {
        let lost = unusable(&changed(
            "\"dest_ip\":\"198.51.100.66\",\"dest_port\":80,\"proto\"",
            "\"dest_ip\":\"198.51.100.66\",\"src_ip\":\"203.0.113.99\",\"dest_port\":80,\"proto\"",
        ));
        assert_eq!(lost.ends.src, None);
    }

    #[test]
    fn an_object_that_is_no_event_is_unreadable() {
        assert!(matches!(reading("{\"a\":1}"), Reading::Unreadable(_)));
    }
}
