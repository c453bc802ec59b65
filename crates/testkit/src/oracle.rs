//! The slow truth beside the engine: vectors and filters, written from the design alone.
//!
//! It says who may have been behind an address given every session that is known, and nothing about
//! certainty: it never waits and never doubts a log.

mod balancers;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use unmasq_model::{
    Alert, End, Endpoint, Gateway, GatewayIx, GatewayKind, HttpContext, LogTime, Protocol, Realm, Role,
    Session, Site, Span, trace::Place,
};

/// Who may have been behind one end of an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// No gateway had the address then.
    NotMasked,
    /// These, and nobody else.
    Behind(BTreeSet<Suspect>),
}

/// One who may have been behind a shared address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suspect {
    /// An inside endpoint that no gateway masks.
    Inside(Place),
    /// An inside endpoint that belongs to a gateway of which no session explains it.
    Masked(Place),
    /// The gateway itself.
    Gateway(GatewayIx),
}

impl Verdict {
    /// The one inside endpoint that remains, if there is exactly one suspect and it is one.
    #[must_use]
    pub fn decided(&self) -> Option<&Place> {
        match self {
            Self::NotMasked => None,
            Self::Behind(suspects) => match (suspects.first(), suspects.len()) {
                (Some(Suspect::Inside(place)), 1) => Some(place),
                _ => None,
            },
        }
    }

    /// The inside endpoints that remain, proven to the end of the chain or not.
    #[must_use]
    pub fn places(&self) -> BTreeSet<&Place> {
        let Self::Behind(suspects) = self else {
            return BTreeSet::new();
        };
        let place = |suspect| match suspect {
            &Suspect::Inside(ref place) | &Suspect::Masked(ref place) => Some(place),
            &Suspect::Gateway(_) => None,
        };
        suspects.iter().filter_map(place).collect()
    }
}

/// More gateways in a row than any world has.
const DEPTH_MAX: usize = 8;

/// Everything known, and how to look through it.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'a> {
    site: &'a Site,
    sessions: &'a [Session],
}

/// What is asked of one gateway after the other.
#[derive(Clone, Copy)]
struct Asked<'a> {
    realm: &'a Realm,
    protocol: Protocol,
    outside: Endpoint,
    remote: Option<Endpoint>,
    at: Span,
    /// How long before `at` a request may have been sent.
    lag: Duration,
    /// Whether it is said that this end opened the flow.
    opened: bool,
    /// The request, where the alert shows one.
    shown: Option<&'a HttpContext>,
}

impl<'a> Oracle<'a> {
    /// Over a site and its sessions, in any order, any of them twice.
    #[must_use]
    pub fn new(site: &'a Site, sessions: &'a [Session]) -> Self {
        Self { site, sessions }
    }

    /// Who may have been behind one end of an alert.
    #[must_use]
    pub fn verdict(&self, alert: &Alert, end: End) -> Verdict {
        let asked = Asked {
            realm: &alert.realm,
            protocol: alert.protocol,
            outside: alert.ends[end],
            remote: Some(alert.ends[end.other()]),
            at: alert.at,
            lag: alert.request_lag,
            opened: alert.opened_by == Some(end),
            shown: alert.context.http.as_ref().filter(|http| http.shows_a_request()),
        };
        let mut suspects = BTreeSet::new();
        let mut masked = self.ask(asked, DEPTH_MAX, &mut suspects);
        if !masked {
            for session in self.anywhere(asked) {
                masked = true;
                self.follow(session, asked, DEPTH_MAX, &mut suspects);
            }
        }
        if masked { Verdict::Behind(suspects) } else { Verdict::NotMasked }
    }

    /// Adds everybody behind an endpoint; false if no gateway may have held its address.
    fn ask(&self, asked: Asked<'_>, depth: usize, suspects: &mut BTreeSet<Suspect>) -> bool {
        let mut masked = false;
        for (ix, gateway) in (0..).map(GatewayIx).zip(&self.site.gateways) {
            let names = self.names(gateway, asked);
            masked |= !names.is_empty();
            if gateway.kind == GatewayKind::Balancer {
                for session in self.carried(ix, asked).into_iter().filter(|_| !names.is_empty()) {
                    self.follow(session, asked, depth, suspects);
                }
                continue;
            }
            for session in self.sessions.iter().filter(|s| s.gateway == ix) {
                let t = &session.translation;
                let explains = t.protocol.is_none_or(|protocol| protocol == asked.protocol)
                    && t.outside.ip.is_some_and(|ip| names.contains(&ip))
                    && asked.outside.port.is_none_or(|port| t.outside.ports.hold(port))
                    && asked
                        .remote
                        .is_none_or(|r| t.remote.is_none_or(|told| r.ip == told.ip && ports_agree(told, r)))
                    && self.possible(session).any(|live| live.touches(asked.at));
                if explains {
                    self.follow(session, asked, depth, suspects);
                }
            }
        }
        if suspects.is_empty() {
            self.ask_rules(asked, depth, suspects);
        }
        masked
    }

    /// Goes on from a session's inside.
    fn follow(&self, session: &Session, asked: Asked<'_>, depth: usize, suspects: &mut BTreeSet<Suspect>) {
        let t = &session.translation;
        let gateway = &self.site.gateways[session.gateway.0 as usize];
        let Some(inside) = t.inside else {
            let sent_on = session.request.as_ref().is_some_and(|request| !request.tries.is_empty());
            if t.role == Role::Client || sent_on {
                // It spoke for itself: its own address is where the way ends. So it is where a
                // balancer's log only names the server.
                suspects.insert(Suspect::Masked(shown(asked.realm, asked.outside, asked.protocol)));
                return;
            }
            suspects.insert(Suspect::Gateway(session.gateway));
            return;
        };
        let realm = session.inside_realm.as_ref().unwrap_or(&gateway.inside_realm);
        self.follow_inside(realm, inside, t.inside_remote, asked, depth, suspects);
    }

    /// A destination NAT rule answers where no session does, and where no log would show one.
    fn ask_rules(&self, asked: Asked<'_>, depth: usize, suspects: &mut BTreeSet<Suspect>) {
        let when = asked.at.widened(self.site.widest_clock_bound());
        for gateway in &self.site.gateways {
            if self.names(gateway, asked).is_empty() || self.logs(gateway).any(|log| log.shows_inbound) {
                continue;
            }
            for rule in gateway.dnat.iter().flatten() {
                let meant = rule.outside.ip == asked.outside.ip
                    && (rule.outside.port.is_none() || rule.outside.port == asked.outside.port)
                    && rule.protocol.is_none_or(|protocol| protocol == asked.protocol)
                    && rule.held.touches(when);
                if meant {
                    let inside = Endpoint::new(rule.inside.ip, rule.inside.port.or(asked.outside.port));
                    self.follow_inside(&gateway.inside_realm, inside, asked.remote, asked, depth, suspects);
                }
            }
        }
    }

    fn follow_inside(
        &self,
        realm: &Realm,
        inside: Endpoint,
        remote: Option<Endpoint>,
        asked: Asked<'_>,
        depth: usize,
        suspects: &mut BTreeSet<Suspect>,
    ) {
        let place = shown(realm, inside, asked.protocol);
        // A log that carries an echo's id tells more than the alert did: the next gateway is asked for it.
        let next = Asked { realm, outside: inside, remote, opened: false, ..asked };
        let mut behind = BTreeSet::new();
        let masked = depth > 0 && self.ask(next, depth - 1, &mut behind);
        if behind.is_empty() {
            suspects.insert(if masked {
                Suspect::Masked(place.clone())
            } else {
                Suspect::Inside(place.clone())
            });
        }
        // What an inner gateway kept for itself was its own: the address that we came with is where
        // the way ends.
        suspects.extend(behind.into_iter().map(|suspect| match suspect {
            Suspect::Gateway(_) => Suspect::Masked(place.clone()),
            other => other,
        }));
    }

    /// What a gateway's logs may call an address, if the gateway may have held it then.
    fn names(&self, gateway: &Gateway, asked: Asked<'_>) -> BTreeSet<IpAddr> {
        let ip = asked.outside.ip;
        let when = asked.at.widened(self.site.widest_clock_bound());
        let declared: Vec<Span> =
            gateway.addresses.iter().filter(|(held, _)| *held == ip).map(|(_, span)| *span).collect();
        let holds = if declared.is_empty() {
            gateway.seen.contains(&ip) && gateway.aliases.iter().all(|alias| alias.logged != ip)
        } else {
            declared.iter().any(|span| span.touches(when))
        };
        if !holds || gateway.outside_realm != *asked.realm {
            return BTreeSet::new();
        }
        let aliases = gateway.aliases.iter().filter(|alias| alias.outside == ip && alias.held.touches(when));
        aliases.map(|alias| alias.logged).chain([ip]).collect()
    }

    fn logs(&self, gateway: &'a Gateway) -> impl Iterator<Item = &'a unmasq_model::Log> {
        gateway.logs.iter().map(|ix| &self.site.logs[ix.0 as usize])
    }

    /// The clock bound of the log that a session stands in.
    fn bound(&self, session: &Session) -> Duration {
        let logs = session.evidence.iter().map(|e| self.site.logs[e.log.0 as usize].clock_bound);
        logs.max().unwrap_or_default()
    }

    /// The spans during which a packet of a session was possible, by the sensor's clock: its own,
    /// and the gap to the next record of the same session.
    fn possible(&self, session: &'a Session) -> impl Iterator<Item = Span> {
        let bound = self.bound(session);
        let own = Span::between(self.earliest_start(session), self.latest_end(session));
        let gap = self.gap_after(session);
        [Some(own), gap].into_iter().flatten().map(move |span| span.widened(bound))
    }

    /// When a session can have begun: as logged, or when the holder of its tuple before it was last there.
    fn earliest_start(&self, session: &Session) -> LogTime {
        let logged = session.start.from();
        if logged != LogTime::BEGINNING || !is_exclusive(session) {
            return logged;
        }
        let before = self
            .sessions
            .iter()
            .filter(|other| same_log(session, other) && same_tuple(session, other))
            .map(|other| other.end.from())
            .filter(|last_there| *last_there < session.start.to())
            .max();
        before.unwrap_or(logged)
    }

    /// When a session was over: as logged, or when the next holder of its tuple began.
    fn latest_end(&self, session: &Session) -> LogTime {
        let logged = session.end.to();
        if logged != LogTime::FOREVER || !is_exclusive(session) {
            return logged;
        }
        let next = self
            .sessions
            .iter()
            .filter(|other| same_log(session, other) && same_tuple(session, other))
            .filter(|other| other.start.from() > session.start.from())
            .map(|other| other.start.to().max(session.end.from()))
            .min();
        next.unwrap_or(logged)
    }

    /// The silence up to the next record of the same session, where a log cuts sessions into records.
    fn gap_after(&self, session: &Session) -> Option<Span> {
        let log = &self.site.logs[session.evidence.first()?.log.0 as usize];
        let idle = log.idle_timeout?;
        let next = self
            .sessions
            .iter()
            .filter(|other| same_log(session, other) && same_tuple(session, other))
            .filter(|other| same_inside(session, other) && other.start.from() > session.end.to())
            .min_by_key(|other| other.start.from())?;
        let gap = Span::new(session.end.to(), next.start.from()).ok()?;
        if next.start.from() > session.end.to().plus(idle) {
            return None;
        }
        let another = self.sessions.iter().any(|other| {
            same_tuple(session, other) && !same_inside(session, other) && other.reach().touches(gap)
        });
        (!another).then_some(gap)
    }
}

/// An endpoint as an alert of this protocol can tell it from others: echoes have no ports.
fn shown(realm: &Realm, endpoint: Endpoint, protocol: Protocol) -> Place {
    let port = endpoint.port.filter(|_| protocol.has_ports());
    Place::new(realm.clone(), Endpoint { port, ..endpoint })
}

/// Whether two endpoints of one address may be the same, where not both know a port.
fn ports_agree(a: Endpoint, b: Endpoint) -> bool {
    a.port.is_none() || b.port.is_none() || a.port == b.port
}

/// Whether its tuple has one holder at a time. Several hosts ping one peer at once, and without the
/// ids of their echoes all look alike.
fn is_exclusive(session: &Session) -> bool {
    session.translation.protocol.is_some_and(Protocol::has_ports)
        || session.translation.outside.port().is_some()
}

fn same_log(a: &Session, b: &Session) -> bool {
    let log = |s: &Session| s.evidence.first().map(|e| e.log);
    log(a) == log(b)
}

fn same_tuple(a: &Session, b: &Session) -> bool {
    let key = |s: &Session| (s.gateway, s.translation.protocol, s.translation.outside, s.translation.remote);
    key(a) == key(b)
}

fn same_inside(a: &Session, b: &Session) -> bool {
    a.translation.inside == b.translation.inside && a.inside_realm == b.inside_realm
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmasq_model::Translation;

    fn session(start: i64, end: Option<i64>, last: u8) -> Session {
        let t = |s| LogTime::from_unix_seconds(s).unwrap();
        let remote = Endpoint::new([198, 51, 100, 9].into(), Some(443));
        Session {
            gateway: GatewayIx(0),
            translation: Translation {
                protocol: Some(Protocol::TCP),
                role: Role::Client,
                outside: Endpoint::new([203, 0, 113, 7].into(), Some(20_001)).into(),
                remote: Some(remote),
                inside: Some(Endpoint::new([10, 0, 0, last].into(), Some(40_000))),
                inside_remote: Some(remote),
            },
            request: None,
            inside_realm: None,
            start: Span::at(t(start)),
            end: end.map_or(Span::between(t(start), LogTime::FOREVER), |end| Span::at(t(end))),
            proven: None,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn the_next_holder_ends_a_session_that_nobody_saw_end() {
        let sessions = [session(10, None, 11), session(20, Some(30), 12)];
        let site = Site::undeclared();
        let oracle = Oracle::new(&site, &sessions);
        assert_eq!(oracle.latest_end(&sessions[0]), sessions[1].start.to());
        assert_eq!(Oracle::new(&site, &sessions[..1]).latest_end(&sessions[0]), LogTime::FOREVER);
    }
}
