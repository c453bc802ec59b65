//! A site of two VPCs with one NAT gateway each and a node, and a hand to fill it.

use std::time::Duration;
use unmasq_engine::{SiteMap, settle};
use unmasq_index::{Arena, Memory};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, Coverage, End, Endpoint, Evidence, Gateway, GatewayIx, GatewayKind,
    Holder, HttpContext, Layer, Log, LogIx, LogTime, Outside, PerEnd, Ports, Protocol, Realm, Request, Role,
    Session, Site, Span, Tenure, Trace, Translation,
    trace::{EndTrace, MaskedEnd},
};

pub(crate) const GW_A: GatewayIx = GatewayIx(0);
pub(crate) const GW_B: GatewayIx = GatewayIx(1);
pub(crate) const NODE: GatewayIx = GatewayIx(2);
pub(crate) const LB: GatewayIx = GatewayIx(3);
pub(crate) const INNER_LB: GatewayIx = GatewayIx(4);

pub(crate) struct World {
    pub(crate) site: Site,
    memory: Memory,
    lines: u64,
}

/// Seconds after the start of the story, with milliseconds.
pub(crate) fn t(seconds: f64) -> LogTime {
    let us = Duration::from_secs_f64(seconds).as_micros();
    LogTime::from_unix_us(1_795_345_000_000_000 + i64::try_from(us).unwrap()).unwrap()
}

pub(crate) fn at(text: &str) -> Endpoint {
    match text.parse::<std::net::SocketAddr>() {
        Ok(socket) => Endpoint::new(socket.ip(), Some(socket.port())),
        Err(_) => Endpoint::new(text.parse().unwrap(), None),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let gateway = |name: &str, kind, outside: &str, inside: &str, ip: &str, log| {
            let mut gateway = Gateway::named(name.into(), kind, outside.into(), inside.into());
            gateway.addresses = vec![(ip.parse().unwrap(), Span::ALWAYS)];
            gateway.logs = [LogIx(log)].into();
            gateway
        };
        let log = |name: &str| Log {
            name: name.into(),
            files: vec![name.into()],
            clock_bound: Duration::from_millis(500),
            coverage: Coverage {
                since: t(0.0),
                until: t(3600.0),
                complete: false,
                delay: Duration::from_secs(1),
            },
            best_effort: false,
            shows_inbound: true,
            shows_connections: true,
            idle_timeout: None,
        };
        let mut node = gateway("node-1", GatewayKind::Node, "vpc-a", "node-1/docker0", "10.0.0.21", 2);
        node.instance = Some("i-node".into());
        let site = Site {
            sensor_realm: Realm::public(),
            declared: true,
            clock_bound: Duration::from_millis(500),
            gateways: vec![
                gateway("gw-a", GatewayKind::Nat, "public", "vpc-a", "203.0.113.10", 0),
                gateway("gw-b", GatewayKind::Nat, "public", "vpc-b", "203.0.113.20", 1),
                node,
                gateway("lb-a", GatewayKind::Balancer, "public", "vpc-a", "203.0.113.100", 3),
                gateway("lb-inner", GatewayKind::Balancer, "vpc-a", "vpc-a", "10.0.0.80", 4),
            ],
            logs: vec![
                log("gw-a.log"),
                log("gw-b.log"),
                log("node-1.log"),
                log("lb-a.log"),
                log("lb-inner.log"),
            ],
            tenures: Vec::new(),
            forgotten: LogTime::BEGINNING,
        };
        Self { site, memory: Memory::default(), lines: 0 }
    }

    /// A session of a client behind a source NAT.
    pub(crate) fn session(
        &mut self,
        gateway: GatewayIx,
        outside: &str,
        remote: &str,
        inside: &str,
        held: (f64, f64),
    ) {
        let end =
            if held.1.is_finite() { Span::at(t(held.1)) } else { Span::between(t(held.0), LogTime::FOREVER) };
        let proven = held.1.is_finite().then(|| Span::between(t(held.0), t(held.1)));
        self.insert(
            gateway,
            Role::Client,
            (outside, remote, Some(inside)),
            (Span::at(t(held.0)), end, proven),
        );
    }

    /// What another log of the gateway tells of a client's session.
    pub(crate) fn in_log(
        &mut self,
        log: u32,
        gateway: GatewayIx,
        (outside, remote, inside): (&str, &str, &str),
        (start, end): (Span, Span),
    ) {
        self.insert_in(
            LogIx(log),
            gateway,
            Role::Client,
            (outside, remote, Some(inside)),
            (start, end, None),
        );
    }

    pub(crate) fn insert(
        &mut self,
        gateway: GatewayIx,
        role: Role,
        endpoints: (&str, &str, Option<&str>),
        held: (Span, Span, Option<Span>),
    ) {
        self.insert_in(LogIx(gateway.0), gateway, role, endpoints, held);
    }

    fn insert_in(
        &mut self,
        log: LogIx,
        gateway: GatewayIx,
        role: Role,
        (outside, remote, inside): (&str, &str, Option<&str>),
        (start, end, proven): (Span, Span, Option<Span>),
    ) {
        self.lines += 1;
        let line = self.lines;
        let protocol = if outside.contains(':') { Protocol::TCP } else { Protocol::ICMP };
        self.memory.insert(Session {
            gateway,
            translation: Translation {
                protocol: Some(protocol),
                role,
                outside: at(outside).into(),
                remote: Some(at(remote)),
                inside: inside.map(at),
                inside_remote: inside.map(|_| at(remote)),
            },
            request: None,
            inside_realm: None,
            start,
            end,
            proven,
            evidence: vec![Evidence { log, file: 0, line, record: format!("record {line}").into() }],
        });
    }

    /// What a balancer carried for `client`, to the last of the tries.
    pub(crate) fn carried(
        &mut self,
        gateway: GatewayIx,
        (outside, client): (&str, &str),
        request: Request,
        held: (f64, f64),
    ) {
        self.carried_at(gateway, (at(outside).into(), client), request, held);
    }

    /// The same in a log that names neither the address nor the port that was called.
    pub(crate) fn carried_at_any(
        &mut self,
        gateway: GatewayIx,
        client: &str,
        request: Request,
        held: (f64, f64),
    ) {
        let anything = Outside { ip: None, ports: Ports::Any };
        self.carried_at(gateway, (anything, client), request, held);
    }

    fn carried_at(
        &mut self,
        gateway: GatewayIx,
        (outside, client): (Outside, &str),
        request: Request,
        (start, end): (f64, f64),
    ) {
        self.lines += 1;
        let last = request.tries.last();
        let (inside, inside_remote) =
            (last.and_then(|tried| tried.backend), last.and_then(|tried| tried.from));
        let proven = (request.layer == Layer::Connection).then(|| Span::between(t(start), t(end)));
        let record = format!("request {}", self.lines).into();
        self.memory.insert(Session {
            gateway,
            translation: Translation {
                protocol: Some(Protocol::TCP),
                role: Role::Server,
                outside,
                remote: Some(at(client)),
                inside,
                inside_remote,
            },
            request: Some(request.into()),
            inside_realm: None,
            start: Span::at(t(start)),
            end: Span::at(t(end)),
            proven,
            evidence: vec![Evidence { log: LogIx(gateway.0), file: 0, line: self.lines, record }],
        });
    }

    /// An alert about a packet to `dest` that shows `http`.
    pub(crate) fn alert_showing(
        &self,
        src: &str,
        dest: &str,
        seconds: f64,
        http: Option<HttpContext>,
    ) -> Trace {
        let alert = Alert {
            context: Context { http, ..Context::default() },
            ..self.alert_of(src, dest, seconds, Some(End::Src))
        };
        let room = Arena::new();
        settle(&alert, &SiteMap::of(self.site.clone()), |question| self.memory.answer(question, &room))
    }

    pub(crate) fn instance(&mut self, realm: &str, ip: &str, id: &str, held: Span) {
        let holder = Holder {
            instance: id.into(),
            name: None,
            realm: realm.into(),
            account: None,
            region: None,
            agent: None,
            container: None,
        };
        self.memory.insert_tenure(Tenure { realm: realm.into(), ip: ip.parse().unwrap(), held, holder });
    }

    pub(crate) fn alert(&self, src: &str, dest: &str, seconds: f64) -> Trace {
        self.alert_opened_by(src, dest, seconds, None)
    }

    pub(crate) fn alert_opened_by(
        &self,
        src: &str,
        dest: &str,
        seconds: f64,
        opened_by: Option<End>,
    ) -> Trace {
        let alert = self.alert_of(src, dest, seconds, opened_by);
        let room = Arena::new();
        settle(&alert, &SiteMap::of(self.site.clone()), |question| self.memory.answer(question, &room))
    }

    fn alert_of(&self, src: &str, dest: &str, seconds: f64, opened_by: Option<End>) -> Alert {
        Alert {
            id: AlertId("a".into()),
            realm: self.site.sensor_realm.clone(),
            at: Span::at(t(seconds)),
            request_lag: Duration::from_millis(1_200),
            protocol: if src.contains(':') { Protocol::TCP } else { Protocol::ICMP },
            ends: PerEnd { src: at(src), dest: at(dest) },
            opened_by,
            flow_start: None,
            class: AlertClass::Attack,
            context: Context::default(),
        }
    }
}

pub(crate) fn masked(end: &EndTrace) -> &MaskedEnd {
    end.masked().expect("the end is masked")
}

/// The inside endpoint of an end, as text.
pub(crate) fn inside(end: &EndTrace) -> Option<String> {
    masked(end).inside.as_ref().map(|place| format!("{} {}", place.realm, place.endpoint()))
}
