//! Findings of AWS GuardDuty: as exported to S3 (one a line), as EventBridge sends them (in `detail`), or
//! as its API gives them (names with a capital first letter).
//!
//! ```json
//! {"schemaVersion":"2.0","accountId":"…","id":"…","type":"Backdoor:EC2/C&CActivity.B","title":"…",
//!  "resource":{"instanceDetails":{"networkInterfaces":[{"privateIpAddress":"10.0.0.14","vpcId":"vpc-a"}]}},
//!  "service":{"serviceName":"guardduty","eventFirstSeen":"…Z","eventLastSeen":"…Z","count":1,
//!   "action":{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"OUTBOUND",
//!    "localIpDetails":{"ipAddressV4":"10.0.0.14"},"localPortDetails":{"port":51648},"protocol":"TCP",
//!    "remoteIpDetails":{"ipAddressV4":"198.51.100.66"},"remotePortDetails":{"port":80}}}}}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `service.eventFirstSeen`, `eventLastSeen` | `at`: a finding is about all that was seen in between |
//! | `networkConnectionAction`'s `local*` and `remote*` | `ends`: of an `INBOUND` connection the remote is the source, else the local |
//! | `connectionDirection` | `opened_by`: the source, unless it is `UNKNOWN` |
//! | `vpcId` of the interface that has the local address | `realm`: that address is private already |
//! | `type` | `context.signature` |
//! | `accountId` | the sensor |
//!
//! Quirks: a finding is written again, with its `id`, whenever more was seen; so the id is not unique. The
//! ports are those of one example. Port probes name no protocol; DNS requests and API calls name no flow.
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-summary.html>

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
};
use crate::{
    Unreadable,
    field::{self, fault, required},
    json::{Object, scalar},
};
use std::{borrow::Cow, net::IpAddr, time::Duration};
use unmasq_model::{AlertClass, Context, End, Endpoint, Protocol, Realm, Span};

pub(super) fn read(line: &Object<'_>) -> Reading {
    if is_finding(line) {
        return read_finding(line);
    }
    match line.object("detail").filter(is_finding) {
        Some(finding) => read_finding(&finding),
        None => Reading::Unreadable(Unreadable::because("it is not a finding of GuardDuty")),
    }
}

/// Whether a line is a finding, or has one in it as EventBridge sends it.
pub(super) fn fits(line: &Object<'_>) -> bool {
    is_finding(line) || line.object("detail").is_some_and(|detail| is_finding(&detail))
}

fn is_finding(object: &Object<'_>) -> bool {
    let by_name = text(object, "service.serviceName").is_some_and(|name| name == "guardduty");
    let by_shape =
        text(object, "service.eventFirstSeen").is_some() && value(object, "service.action").is_some();
    text(object, "type").is_some() && (by_name || by_shape)
}

fn read_finding(finding: &Object<'_>) -> Reading {
    let flow = flow(finding);
    let direction = flow.as_ref().ok().and_then(|flow| text(flow, "connectionDirection"));
    let protocol = flow.as_ref().map_err(Clone::clone).and_then(|flow| {
        let name = required("protocol", text(flow, "protocol"))?;
        field::protocol("protocol", &name)
    });
    let end_of = |side| match &flow {
        Ok(flow) => end_of(flow, side, &protocol),
        Err(why) => Err(why.clone()),
    };
    let (local, remote) = (end_of("local"), end_of("remote"));
    let realm = local.as_ref().ok().and_then(|local| vpc(finding, local.ip));
    let inbound = direction.as_deref() == Some("INBOUND");
    let (src, dest) = if inbound { (remote, local) } else { (local, remote) };
    Draft {
        identity: AlertIdentity { own_id: None, sensor: kept(text(finding, "accountId")), flow_id: None },
        realm,
        at: at(finding),
        request_lag: Duration::ZERO,
        protocol,
        src,
        dest,
        opened_by: (inbound || direction.as_deref() == Some("OUTBOUND")).then_some(End::Src),
        flow_start: None,
        class: AlertClass::Attack,
        context: Context { signature: kept(text(finding, "type")), ..Context::default() },
    }
    .finish()
}

/// The part of the action that names two ends.
fn flow<'a>(finding: &Object<'a>) -> Result<Object<'a>, Unreadable> {
    const ACTION: &str = "service.action";
    let inside = |name: &str| Object::parse(value(finding, &format!("{ACTION}.{name}"))?);
    if let Some(connection) = inside("networkConnectionAction") {
        return Ok(connection);
    }
    let probes = inside("portProbeAction")
        .and_then(|probe| probe.objects("portProbeDetails").or_else(|| probe.objects("PortProbeDetails")));
    let mut probes = probes.unwrap_or_default().into_iter();
    match (probes.next(), probes.next()) {
        (Some(probe), None) => Ok(probe),
        (Some(_), Some(_)) => Err(Unreadable::because("it is about several probes, an alert about two ends")),
        (None, _) => Err(Unreadable::because("its action is no connection: it has not two ends")),
    }
}

fn end_of(
    flow: &Object<'_>,
    side: &str,
    protocol: &Result<Protocol, Unreadable>,
) -> Result<Endpoint, Unreadable> {
    let [v4, v6] = ["ipAddressV4", "ipAddressV6"].map(|name| format!("{side}IpDetails.{name}"));
    let port = format!("{side}PortDetails.port");
    let ip = text(flow, &v4).or_else(|| text(flow, &v6));
    end([&v4, &port], [ip, text(flow, &port)], protocol)
}

fn at(finding: &Object<'_>) -> Result<Span, Unreadable> {
    let moment = |name: &str| {
        let written = required(name, text(finding, &format!("service.{name}")))?;
        field::zoned_time(&written).ok_or_else(|| fault(name, "is not a time with its offset"))
    };
    let (first, last) = (moment("eventFirstSeen")?, moment("eventLastSeen")?);
    Span::new(first.from(), last.to()).map_err(|_| fault("eventLastSeen", "is before `eventFirstSeen`"))
}

/// The VPC of the interface that has this address; `None` if two say so of different ones.
fn vpc(finding: &Object<'_>, local: IpAddr) -> Option<Realm> {
    let instance = Object::parse(value(finding, "resource.instanceDetails")?)?;
    let interfaces =
        instance.objects("networkInterfaces").or_else(|| instance.objects("NetworkInterfaces"))?;
    let has_it = |interface: &&Object<'_>| {
        let own = ["privateIpAddress", "publicIp"].into_iter().filter_map(|name| text(interface, name));
        let v6 = texts(interface, "ipv6Addresses");
        own.chain(v6).any(|ip| ip.parse() == Ok(local))
    };
    let mut vpcs = interfaces.iter().filter(has_it).filter_map(|interface| text(interface, "vpcId"));
    let vpc = vpcs.next()?;
    vpcs.all(|other| other == vpc).then(|| Realm::from(vpc.as_ref()))
}

/// The value at a dotted path, whose names may each begin with a capital letter.
fn value<'a>(object: &Object<'a>, path: &str) -> Option<&'a str> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let found = object.raw(name).or_else(|| object.raw(&capitalised(name)))?;
    match rest {
        None => Some(found),
        Some(rest) => value(&Object::parse(found)?, rest),
    }
}

fn text<'a>(object: &Object<'a>, path: &str) -> Option<Cow<'a, str>> {
    scalar(value(object, path)?)
}

fn texts<'a>(object: &Object<'a>, name: &str) -> Vec<Cow<'a, str>> {
    value(object, name).and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Hints,
        alert::{AlertFacts, AlertFormat},
    };

    const FINDING: &str = r#"{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","id":"f1","type":"Backdoor:EC2/C&CActivity.B","resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-0a","networkInterfaces":[{"privateIpAddress":"10.0.0.14","vpcId":"vpc-a"},{"privateIpAddress":"10.9.0.14","vpcId":"vpc-b"}]}},"service":{"serviceName":"guardduty","eventFirstSeen":"2026-11-22T10:57:50Z","eventLastSeen":"2026-11-22T10:57:54.000Z","count":3,"action":{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"OUTBOUND","localIpDetails":{"ipAddressV4":"10.0.0.14"},"localPortDetails":{"port":51648},"remoteIpDetails":{"ipAddressV4":"198.51.100.66"},"remotePortDetails":{"port":80},"protocol":"TCP"}}}}"#;

    fn reading(line: &str) -> Reading {
        AlertFormat::AwsGuardDuty.reader(Hints::default()).read(line.as_bytes())
    }

    fn alert(line: &str) -> AlertFacts {
        match reading(line) {
            Reading::Alert(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    fn why(line: &str) -> String {
        match reading(line) {
            Reading::Unusable(lost) => lost.why.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_finding_is_a_span_in_the_realm_of_its_interface() {
        let facts = alert(FINDING);
        assert_eq!(facts.at.to_string(), "2026-11-22T10:57:50Z … 2026-11-22T10:57:54.000999Z");
        assert_eq!(facts.ends.src.to_string(), "10.0.0.14:51648");
        assert_eq!(facts.ends.dest.to_string(), "198.51.100.66:80");
        assert_eq!((facts.protocol, facts.opened_by), (Protocol::TCP, Some(End::Src)));
        assert_eq!(facts.realm, Some("vpc-a".into()));
        assert_eq!(facts.identity.own_id, None, "a finding is written again under its id");
        assert_eq!(facts.context.signature.as_deref(), Some("Backdoor:EC2/C&CActivity.B"));
    }

    #[test]
    fn names_may_be_capital_and_the_finding_in_an_envelope() {
        let mut capital = FINDING.to_owned();
        for name in [
            "accountId",
            "type",
            "service",
            "serviceName",
            "eventFirstSeen",
            "eventLastSeen",
            "action",
            "networkConnectionAction",
            "connectionDirection",
            "localIpDetails",
            "ipAddressV4",
            "localPortDetails",
            "port",
            "remoteIpDetails",
            "remotePortDetails",
            "protocol",
            "resource",
            "instanceDetails",
            "networkInterfaces",
            "privateIpAddress",
            "vpcId",
        ] {
            capital = capital.replace(&format!(r#""{name}":"#), &format!(r#""{}":"#, capitalised(name)));
        }
        assert_eq!(alert(&capital), alert(FINDING));
        let event =
            format!(r#"{{"version":"0","id":"e1","detail-type":"GuardDuty Finding","detail":{FINDING}}}"#);
        assert_eq!(alert(&event), alert(FINDING));
    }

    #[test]
    fn of_an_inbound_connection_the_remote_is_the_source() {
        let facts = alert(&FINDING.replace("OUTBOUND", "INBOUND"));
        assert_eq!(facts.ends.src.to_string(), "198.51.100.66:80");
        assert_eq!((facts.opened_by, facts.realm), (Some(End::Src), Some("vpc-a".into())));
        assert_eq!(alert(&FINDING.replace("OUTBOUND", "UNKNOWN")).opened_by, None);
    }

    #[test]
    fn what_is_no_connection_is_an_alert_with_a_reason() {
        let action = |action: &str| {
            let start = FINDING.find(r#"{"actionType""#).unwrap();
            format!("{}{action}}}}}", &FINDING[..start])
        };
        let dns = action(
            r#"{"actionType":"DNS_REQUEST","dnsRequestAction":{"domain":"c2.example","protocol":"UDP"}}"#,
        );
        assert_eq!(why(&dns), "its action is no connection: it has not two ends");
        let api = action(
            r#"{"actionType":"AWS_API_CALL","awsApiCallAction":{"api":"ListBuckets","remoteIpDetails":{"ipAddressV4":"198.51.100.66"}}}"#,
        );
        assert_eq!(why(&api), "its action is no connection: it has not two ends");
        let probe = r#"{"localPortDetails":{"port":22},"localIpDetails":{"ipAddressV4":"10.0.0.14"},"remoteIpDetails":{"ipAddressV4":"198.51.100.66"}}"#;
        let probes = |list: &str| {
            action(&format!(
                r#"{{"actionType":"PORT_PROBE","portProbeAction":{{"portProbeDetails":[{list}]}}}}"#
            ))
        };
        assert_eq!(why(&probes(probe)), "`protocol` is missing, or written twice");
        assert_eq!(
            why(&probes(&format!("{probe},{probe}"))),
            "it is about several probes, an alert about two ends"
        );
    }

    #[test]
    fn an_address_in_two_networks_names_neither() {
        let facts = alert(&FINDING.replace("10.9.0.14", "10.0.0.14"));
        assert_eq!(facts.realm, None);
    }

    #[test]
    fn what_is_no_finding_is_unreadable() {
        assert!(matches!(reading(r#"{"type":"x","service":{"name":"y"}}"#), Reading::Unreadable(_)));
    }
}
