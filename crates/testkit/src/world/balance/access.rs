//! What a balancer's log makes of what it carried: a line at the end of each request, or connection.

use super::{
    carry::Connection,
    exchange::{Exchange, Tried},
    plan::{Balancer, BalancersPlan, Target},
};
use crate::{
    rng::Rng,
    world::{
        exporter::{Line, stamp},
        plan::{FOREVER, MS, SECOND, Temper, Us},
    },
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use unmasq_decode::{Fact, Record};
use unmasq_model::{
    Coverage, Endpoint, Layer, Log, LogTime, Outside, Ports, Protocol, Request, Role, SourceName, Span,
    Translation, Try,
};

/// A balancer's log, and how its writer errs.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// An index into [`BalancersPlan::balancers`].
    pub balancer: usize,
    /// How coarse its stamps are.
    pub resolution: Us,
    /// Whether a line tells when its request began.
    pub tells_start: bool,
    /// If not: how long what it tells of may have lasted, at most.
    pub longest: Us,
    /// What its clock adds to true time.
    pub offset: Us,
    /// How far its clock may be from the sensor's, as declared.
    pub clock_bound: Us,
    /// How many of its lines are lost, in percent.
    pub loss: u8,
    /// How many are delivered twice, in percent.
    pub doubled: u8,
    /// How long after it was written a line may be delivered.
    pub transit: Us,
    /// What it calls the address and port that were called.
    pub outside: Called,
    /// Whether it has the client's port.
    pub client_port: bool,
    /// Whether it writes the client that a header names, where one does.
    pub believes_headers: bool,
    /// Whether it has host, path and agent.
    pub words: [bool; 3],
    /// Whether it counts the requests of a connection.
    pub positions: bool,
    /// Whether it numbers connections.
    pub numbers: bool,
    /// Whether it has backends' addresses, or only their names.
    pub addresses: bool,
    /// Whether it has its own port towards the backend.
    pub from: bool,
    /// Whether it only counts the tries that failed.
    pub counts_tries: bool,
    /// Whether it shows connections that were forwarded unseen.
    pub connections: bool,
    /// What ended before is missing.
    pub since: Us,
    /// What was written after is missing.
    pub until: Us,
    /// Somebody says that nothing between is missing.
    pub complete: bool,
    /// How long after the fact its lines may come.
    pub delay: Us,
}

/// What a log calls that which was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Called {
    /// By its own address and port.
    ByName,
    /// By a private address that stands for it, and its port.
    ByStandIn,
    /// By its port alone.
    ByPort,
    /// Not at all.
    Nothing,
}

impl AccessLog {
    /// How `balancer` logs in a world of this temper, if it does.
    pub(super) fn draw(
        balancer: usize,
        connections: &[Connection],
        (temper, sensor_error, horizon): (Temper, Us, Us),
        rng: &mut Rng,
    ) -> Option<Self> {
        let lossy = temper == Temper::Lossy;
        let clock_bound = rng.pick(&[50 * MS, 500 * MS, 2 * SECOND]);
        let within = clock_bound - sensor_error;
        let beyond = rng.between(clock_bound, 20 * SECOND) * rng.pick(&[-1, 1]);
        let bounded = rng.between(-within, within);
        let transit = rng.pick(&[0, SECOND, 30 * SECOND]);
        let lasted = connections.iter().filter(|c| c.balancer == balancer).map(|c| c.closed - c.opened);
        let longest = lasted.max().unwrap_or(0) + SECOND;
        let (since, until) = match temper {
            Temper::Cut if rng.chance(50) => (rng.between(0, horizon / 2), FOREVER / 4),
            Temper::Lossy if rng.chance(30) => {
                (rng.between(0, horizon / 2), rng.between(horizon / 2, horizon))
            }
            _ => (-3_600 * SECOND, FOREVER / 4),
        };
        let log = Self {
            balancer,
            resolution: rng.pick(&[MS, MS, SECOND]),
            tells_start: rng.chance(90),
            longest,
            offset: if temper == Temper::BeyondBounds { beyond } else { bounded },
            clock_bound,
            loss: if lossy { rng.pick(&[0, 5, 20, 40]) } else { 0 },
            doubled: rng.pick(&[0, 10]),
            transit,
            outside: rng.pick(&[
                Called::ByName,
                Called::ByName,
                Called::ByStandIn,
                Called::ByPort,
                Called::Nothing,
            ]),
            client_port: rng.chance(75),
            believes_headers: rng.chance(15),
            words: [rng.chance(80), rng.chance(80), rng.chance(80)],
            positions: rng.chance(40),
            numbers: rng.chance(50),
            addresses: rng.chance(92),
            from: rng.chance(60),
            counts_tries: rng.chance(30),
            connections: rng.chance(75),
            since,
            until,
            complete: matches!(temper, Temper::Complete | Temper::Cut),
            delay: longest + transit + 2 * SECOND,
        };
        (!(lossy && rng.chance(5))).then_some(log)
    }

    /// Every line that it writes, in order of arrival.
    pub(super) fn lines(&self, plan: &BalancersPlan, connections: &[Connection], rng: &mut Rng) -> Vec<Line> {
        let balancer = &plan.balancers[self.balancer];
        let mut lines = Vec::new();
        for connection in connections.iter().filter(|c| c.balancer == self.balancer) {
            let listener = &balancer.listeners[connection.listener];
            if matches!(listener.target, Target::Requests(_)) {
                lines.extend(connection.exchanges.iter().map(|e| self.request(balancer, connection, e)));
            } else if self.connections {
                lines.push(self.forwarded(balancer, connection));
            }
        }
        lines.retain(|_| !rng.chance(self.loss));
        let doubles: Vec<Line> = lines.iter().filter(|_| rng.chance(self.doubled)).cloned().collect();
        lines.extend(doubles);
        for line in &mut lines {
            line.arrives = line.written + rng.between(0, self.transit);
        }
        let since = stamp(self.since, self.offset);
        lines.retain(|line| line.written <= self.until && told_until(line) >= since);
        lines.sort_by_key(|line| line.arrives);
        lines
    }

    fn request(&self, balancer: &Balancer, connection: &Connection, exchange: &Exchange) -> Line {
        let words = exchange.words.as_ref();
        let [host, path, agent] = self.words;
        let text = |shown: bool, word: Option<&str>| word.filter(|_| shown).map(Arc::from);
        let claimed = exchange.forwarded.filter(|_| self.believes_headers);
        let request = Request {
            layer: Layer::Request,
            client_claimed: claimed.is_some(),
            host: text(host, words.map(|w| w.host)),
            method: text(path, words.map(|w| w.method)),
            path: text(path, words.map(|w| w.path)),
            agent: text(agent, words.map(|w| w.agent)),
            status: exchange.status,
            body_bytes: None,
            position: Some(exchange.position).filter(|_| self.positions),
            connection: Some(connection.number).filter(|_| self.numbers),
            tries: self.tries(balancer, &exchange.tries, exchange.from),
        };
        self.line(balancer, connection, claimed, (exchange.start, exchange.end), request)
    }

    fn forwarded(&self, balancer: &Balancer, connection: &Connection) -> Line {
        let request = Request {
            connection: Some(connection.number).filter(|_| self.numbers),
            tries: self.tries(balancer, &connection.tries, connection.from),
            ..Request::new(Layer::Connection)
        };
        self.line(balancer, connection, None, (connection.opened, connection.closed), request)
    }

    fn tries(&self, balancer: &Balancer, tried: &[Tried], from: u16) -> Vec<Try> {
        let last = tried.len().saturating_sub(1);
        let entry = |(place, tried): (usize, &Tried)| {
            if place < last && self.counts_tries {
                return Try::default();
            }
            let server = || Arc::from(format!("be/{}", tried.backend));
            Try {
                backend: Some(tried.backend).filter(|_| self.addresses),
                server: (!self.addresses).then(server),
                from: Some(Endpoint::new(balancer.own, Some(from))).filter(|_| self.from && place == last),
                status: tried.status,
                outcome: None,
            }
        };
        tried.iter().enumerate().map(entry).collect()
    }

    fn line(
        &self,
        balancer: &Balancer,
        connection: &Connection,
        claimed: Option<IpAddr>,
        (start, end): (Us, Us),
        request: Request,
    ) -> Line {
        let port = balancer.listeners[connection.listener].port;
        let client =
            Endpoint { port: connection.client.port.filter(|_| self.client_port), ..connection.client };
        let remote = claimed.map_or(client, |ip| Endpoint::new(ip, None));
        let last = request.tries.last();
        let translation = Translation {
            protocol: Some(Protocol::TCP),
            role: Role::Server,
            outside: self.outside(balancer, port),
            remote: Some(remote),
            inside: last.and_then(|tried| tried.backend),
            inside_remote: last.and_then(|tried| tried.from),
        };
        let (began, ended) = (self.stamped(start), self.stamped(end));
        let unknown = Span::between(self.stamped(end - self.longest).from(), ended.to());
        let began = if self.tells_start { began } else { unknown };
        // One client port has one connection to a listener at a time; of requests it may have several.
        let whole = request.layer == Layer::Connection && remote.port.is_some();
        let proven = Span::new(began.to(), ended.from()).ok().filter(|_| whole);
        let fact = Fact::Whole { start: began, end: ended, proven };
        let request = Some(Arc::new(request));
        let record = Record { gateway: None, inside_realm: None, translation, request, fact };
        Line { record, written: end, arrives: end }
    }

    fn outside(&self, balancer: &Balancer, port: u16) -> Outside {
        let (ip, ports) = match self.outside {
            Called::ByName => (Some(balancer.ip), Ports::One(port)),
            Called::ByStandIn => (Some(IpAddr::from([172, 16, 1, 100])), Ports::One(port)),
            Called::ByPort => (None, Ports::One(port)),
            Called::Nothing => (None, Ports::Any),
        };
        Outside { ip, ports }
    }

    /// What a stamp says of a moment.
    fn stamped(&self, at: Us) -> Span {
        let from = (at + self.offset).div_euclid(self.resolution) * self.resolution;
        Span::between(stamp(from, 0), stamp(from + self.resolution - 1, 0))
    }

    /// What the inventory and its lines say of it, once `delivered` have arrived.
    pub(super) fn describe(&self, name: &str, delivered: &[&Line], all_there: bool, last: Us) -> Log {
        let since = stamp(self.since, self.offset);
        let latest = delivered.iter().map(|line| told_until(line)).max().unwrap_or(since).max(since);
        let complete = self.complete && all_there;
        let end = self.until.min(last + 1_200 * SECOND);
        let until = if complete { stamp(end, self.offset).max(since) } else { latest };
        let micros = |us: Us| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        Log {
            name: SourceName::from(name),
            files: vec![SourceName::from(name)],
            clock_bound: micros(self.clock_bound),
            coverage: Coverage { since, until, complete, delay: micros(self.delay) },
            best_effort: false,
            shows_inbound: true,
            shows_connections: self.connections,
            idle_timeout: None,
        }
    }
}

/// The latest moment of which a line tells.
fn told_until(line: &Line) -> LogTime {
    match &line.record.fact {
        Fact::Event(event) => event.at,
        Fact::Whole { end, .. } => end.to(),
    }
}
