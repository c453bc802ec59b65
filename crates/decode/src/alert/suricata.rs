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

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
};
use crate::{
    Unreadable,
    field::{self, fault, required},
    json::Object,
};
use std::time::Duration;
use unmasq_model::{AlertClass, Context, End, Endpoint, HttpContext, PerEnd, Protocol, Span};

/// How long after the last packet of a flow a pseudo-packet may fire a rule.
const PSEUDO_PACKET_LAG: Duration = Duration::from_millis(1_200);

/// How long after a request its alert may come: half a second where a rule on the reply fires at the
/// next packet, 1.2 s where the client went away (both in recorded runs).
const REQUEST_LAG: Duration = Duration::from_millis(1_200);

pub(super) fn read(eve: &Object<'_>) -> Reading {
    match eve.scalar("event_type").as_deref() {
        Some("alert") => {}
        Some(_) => return Reading::NotAnAlert,
        None => return Reading::Unreadable(fault("event_type", "is missing: it is not EVE")),
    }
    let flow = eve.object("flow");
    let alert = eve.object("alert");
    let protocol = required("proto", eve.scalar("proto")).and_then(|name| field::protocol("proto", &name));
    let src = end_of(eve, "src", &protocol);
    let dest = end_of(eve, "dest", &protocol);
    let opened_by = match (&src, &dest) {
        (Ok(src), Ok(dest)) => {
            let ends = PerEnd { src: *src, dest: *dest };
            flow.as_ref().and_then(|flow| opener(flow, &protocol, ends)).or_else(|| direction(eve))
        }
        _ => None,
    };
    Draft {
        identity: AlertIdentity {
            own_id: None,
            sensor: kept(eve.scalar("host")),
            flow_id: kept(eve.scalar("flow_id")),
        },
        realm: None,
        at: at(eve),
        request_lag: REQUEST_LAG,
        protocol,
        src,
        dest,
        opened_by,
        flow_start: flow.as_ref().and_then(|flow| Some(field::zoned_time(&flow.scalar("start")?)?.from())),
        class: alert.as_ref().map(class).unwrap_or_default(),
        context: Context {
            signature: alert.as_ref().and_then(|alert| kept(alert.scalar("signature"))),
            http: eve.object("http").map(|http| http_context(eve, &http)),
            tls_sni: kept(eve.at("tls.sni")),
            ssh_client: kept(eve.at("ssh.client.software_version")),
        },
    }
    .finish()
}

fn at(eve: &Object<'_>) -> Result<Span, Unreadable> {
    let written = required("timestamp", eve.scalar("timestamp"))?;
    let at =
        field::zoned_time(&written).ok_or_else(|| fault("timestamp", "is not a time with its offset"))?;
    let real = eve.scalar("pkt_src").is_none_or(|origin| origin == "wire/pcap");
    Ok(if real { at } else { Span::between(at.from().minus(PSEUDO_PACKET_LAG), at.to()) })
}

fn end_of(
    object: &Object<'_>,
    end_name: &str,
    protocol: &Result<Protocol, Unreadable>,
) -> Result<Endpoint, Unreadable> {
    let names = [format!("{end_name}_ip"), format!("{end_name}_port")];
    let texts = [object.scalar(&names[0]), object.scalar(&names[1])];
    end([&names[0], &names[1]], texts, protocol)
}

/// The end that the flow record calls its source; `None` if it could be either or is neither.
fn opener(flow: &Object<'_>, protocol: &Result<Protocol, Unreadable>, ends: PerEnd<Endpoint>) -> Option<End> {
    let source = end_of(flow, "src", protocol).ok()?;
    let mut same = End::BOTH.into_iter().filter(|&end| ends[end] == source);
    let opener = same.next()?;
    same.next().is_none().then_some(opener)
}

fn direction(eve: &Object<'_>) -> Option<End> {
    match eve.scalar("direction")?.as_ref() {
        "to_server" => Some(End::Src),
        "to_client" => Some(End::Dest),
        _ => None,
    }
}

fn http_context(eve: &Object<'_>, http: &Object<'_>) -> HttpContext {
    let counted =
        http.raw("http2").is_none() && http.scalar("protocol").is_none_or(|p| p.starts_with("HTTP/1"));
    HttpContext {
        host: kept(http.scalar("hostname")),
        method: kept(http.scalar("http_method")),
        url: kept(http.scalar("url")),
        agent: kept(http.scalar("http_user_agent")),
        status: http.scalar("status").and_then(|status| field::number(&status)),
        position: eve.scalar("tx_id").filter(|_| counted).and_then(|tx| field::number(&tx)),
    }
}

/// The rule's classification, by its description or by the rule itself.
fn class(alert: &Object<'_>) -> AlertClass {
    let rule = alert.scalar("rule").unwrap_or_default();
    if rule.contains("classtype:sdf;") {
        return AlertClass::Sensitive;
    }
    classified(&alert.scalar("category").unwrap_or_default())
}

/// What a classification of Snort's or Suricata's `classification.config` is about, by its name or its
/// description (with and without its old misspelling).
pub(super) fn classified(as_what: &str) -> AlertClass {
    let as_what = as_what.to_ascii_lowercase();
    let described = ["sensitive data", "senstive data"].iter().any(|start| as_what.starts_with(start));
    if described || as_what == "sdf" { AlertClass::Sensitive } else { AlertClass::Attack }
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
