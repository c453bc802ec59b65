//! What becomes of the two ends of an alert.

use crate::{
    absence,
    crossing::{Candidate as Remaining, Leg},
    identity::{Identity, Named, identify},
    known::Inquiry,
    process,
    way::{Stop, Way, Ways, undeclared, ways},
};
use std::collections::{BTreeMap, btree_map::Entry};
use unmasq_model::{
    Alert, AlertId, Certainty, End, GatewayIx, PerEnd, Realm, Reason, Role, Span, Status, Trace, Try,
    trace::{self, Attempt, CANDIDATES_LISTED, Candidate, EndTrace, MaskedEnd, NotMaskedEnd, Owner, Place},
};

/// An end's answer, and whether anything that may still arrive is expected to change it.
pub(crate) struct Settled {
    pub(crate) end: EndTrace,
    pub(crate) is_final: bool,
}

/// What the ways behind one end say, before roles are settled between the two.
enum Seen<'k> {
    Ways(Vec<Way>),
    Nothing { reason: Reason, matched: Vec<Remaining<'k>> },
    Ours(Option<Named<'k>>),
    Unknown,
}

/// Both ends. `None`: ask first.
pub(crate) fn both(alert: &Alert, inquiry: &Inquiry<'_, '_, '_>) -> Option<PerEnd<Settled>> {
    // Both are looked at before giving up, so that all questions are asked at once.
    let (src, dest) = (see(alert, End::Src, inquiry), see(alert, End::Dest, inquiry));
    let (src, dest) = (src?, dest?);
    let nobody = matches!((&src, &dest), (Seen::Unknown, Seen::Unknown));
    let roles = roles(alert, &src, &dest);
    let src = settle(alert, End::Src, src, roles.src, nobody, inquiry);
    let dest = settle(alert, End::Dest, dest, roles.dest, nobody, inquiry);
    Some(PerEnd { src: src?, dest: dest? })
}

/// The trace of an alert that has no usable address or time.
#[must_use]
pub fn unreadable(alert_id: AlertId) -> Trace {
    Trace { is_final: true, ..untraced(alert_id, Reason::Unreadable) }
}

/// The trace of an alert that waits for as long as anybody may, while what is known cannot be asked.
#[must_use]
pub fn unanswered(alert_id: AlertId) -> Trace {
    untraced(alert_id, Reason::Deadline)
}

fn untraced(alert_id: AlertId, reason: Reason) -> Trace {
    let end = || EndTrace::Masked(Box::new(MaskedEnd::untraced(None, Role::Unknown, reason)));
    Trace {
        version: trace::VERSION,
        alert_id,
        status: Status::Untraced,
        is_final: false,
        expected_by: None,
        revision: 1,
        late: false,
        waited_ms: 0,
        backfill: false,
        src: end(),
        dest: end(),
    }
}

fn leg(alert: &Alert, end: End) -> Leg<'_> {
    Leg {
        realm: &alert.realm,
        peer_realm: &alert.realm,
        ours: alert.ends[end],
        remote: Some(alert.ends[end.other()]),
        protocol: alert.protocol,
        at: alert.at,
        request_lag: alert.request_lag,
        opened_by_us: alert.opened_by.map(|opener| opener == end),
        sent_by_us: end == End::Src,
        flow_start: alert.flow_start,
        class: alert.class,
        shown: alert.context.http.as_ref().filter(|http| http.shows_a_request()),
    }
}

fn see<'k>(alert: &Alert, end: End, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Seen<'k>> {
    let leg = leg(alert, end);
    match ways(&leg, inquiry)? {
        Ways::Remain(ways) => Some(Seen::Ways(ways)),
        Ways::Nothing { reason, matched } => Some(Seen::Nothing { reason, matched }),
        Ways::Unmasked => match identify(&alert.realm, alert.ends[end].ip, alert.at, inquiry)? {
            Identity::One(holder) => Some(Seen::Ours(Some(holder))),
            Identity::Several(_) => Some(Seen::Ours(None)),
            Identity::Nobody => match undeclared(&leg, inquiry)? {
                Ways::Remain(ways) => Some(Seen::Ways(ways)),
                Ways::Nothing { reason, matched } => Some(Seen::Nothing { reason, matched }),
                Ways::Unmasked => unmasked(&leg, inquiry),
            },
        },
    }
}

/// An address that is neither shared nor in the inventory: an inside address that some log names, a
/// shared one that every log knows under another name, or simply not ours.
fn unmasked<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Seen<'k>> {
    let site = inquiry.site();
    let connected = |ix: GatewayIx| {
        let gateway = site.gateway(ix);
        gateway.outside_realm == *leg.realm && !gateway.logs.is_empty() && inquiry.traces(ix, leg)
    };
    let matched = absence::under_another_name(leg, inquiry, connected)?;
    Some(match matched.as_slice() {
        [] => Seen::Unknown,
        all if all
            .iter()
            .any(|c| c.inside.is_some_and(|at| at.ip == leg.ours.ip) && c.realm == *leg.realm) =>
        {
            Seen::Ours(None)
        }
        _ => Seen::Nothing { reason: Reason::AliasUnknown, matched },
    })
}

/// Who opened the flow: a session decides it, else the alert.
fn roles(alert: &Alert, src: &Seen<'_>, dest: &Seen<'_>) -> PerEnd<Role> {
    let by_session = |seen: &Seen<'_>| match seen {
        Seen::Ways(ways) => {
            ways.first().map(|way| way.role).filter(|role| ways.iter().all(|w| w.role == *role))
        }
        _ => None,
    };
    let by_alert = |end| match alert.opened_by {
        Some(opener) if opener == end => Role::Client,
        Some(_) => Role::Server,
        None => Role::Unknown,
    };
    match (by_session(src), by_session(dest)) {
        (Some(src), Some(dest)) => PerEnd { src, dest },
        (Some(src), None) => PerEnd { src, dest: src.other() },
        (None, Some(dest)) => PerEnd { src: dest.other(), dest },
        (None, None) => PerEnd { src: by_alert(End::Src), dest: by_alert(End::Dest) },
    }
}

fn settle(
    alert: &Alert,
    end: End,
    seen: Seen<'_>,
    role: Role,
    nobody: bool,
    inquiry: &Inquiry<'_, '_, '_>,
) -> Option<Settled> {
    let untraced = |reason| {
        let outside = Place::new(alert.realm.clone(), alert.ends[end]);
        Box::new(MaskedEnd::untraced(Some(outside), role, reason))
    };
    let not_masked =
        |owner, asset| EndTrace::NotMasked(NotMaskedEnd { role, status: Status::NotMasked, owner, asset });
    Some(match seen {
        Seen::Unknown if nobody => Settled::finally(EndTrace::Masked(untraced(Reason::UnknownAddress))),
        Seen::Unknown => Settled::finally(not_masked(Owner::Theirs, None)),
        Seen::Ours(holder) => {
            let asset = holder.map(|holder| Box::new(holder.asset()));
            Settled::finally(not_masked(Owner::Ours, asset))
        }
        Seen::Nothing { reason, matched } => {
            let mut end = untraced(reason);
            list_matched(&mut end, &matched);
            let is_final = !matches!(reason, Reason::AfterCoverage | Reason::Deadline);
            Settled { end: EndTrace::Masked(end), is_final }
        }
        Seen::Ways(ways) => {
            let settled = ways.iter().all(|way| way.settled);
            let end = behind(alert, untraced(Reason::EndedAtGateway), ways, inquiry)?;
            // A chain that stopped half-way is certain as far as it goes, and may still go further.
            let proven = end.status == Status::Traced && end.certainty == Some(Certainty::Certain);
            let is_final = settled || proven;
            Settled { end: EndTrace::Masked(end), is_final }
        }
    })
}

impl Settled {
    fn finally(end: EndTrace) -> Self {
        Self { end, is_final: true }
    }
}

/// One end of the chain with who held it: what the answer chooses between.
struct Reached<'k> {
    way: Way,
    holder: Option<Named<'k>>,
}

/// Ways by where they end. For ICMP that is an address: alerts do not show its query id, so several
/// ids of one host are one answer.
#[derive(Default)]
struct Places<'k> {
    reached: BTreeMap<(Place, usize), Reached<'k>>,
}

impl<'k> Places<'k> {
    fn add(&mut self, alert: &Alert, way: &Way, holders: Vec<Named<'k>>) {
        let mut place = way.place.clone();
        place.port = place.port.filter(|_| alert.protocol.has_ports());
        let holders = if holders.is_empty() { vec![None] } else { holders.into_iter().map(Some).collect() };
        for (number, holder) in holders.into_iter().enumerate() {
            match self.reached.entry((place.clone(), number)) {
                Entry::Vacant(free) => {
                    free.insert(Reached { way: way.clone(), holder });
                }
                Entry::Occupied(mut known) => known.get_mut().way.absorb(way),
            }
        }
    }
}

impl Places<'_> {
    /// A record of a host alone (a block of ports) and one of its port agree: they are one place.
    fn fill_in_ports(&mut self) {
        let hosts: Vec<(Place, usize)> =
            self.reached.keys().filter(|(place, _)| place.port.is_none()).cloned().collect();
        for (host, number) in hosts {
            let same = |key: &(Place, usize)| {
                let (place, holder) = key;
                place.port.is_some()
                    && *holder == number
                    && (&place.realm, place.ip) == (&host.realm, host.ip)
            };
            if self.reached.keys().any(same) {
                let Some(coarse) = self.reached.remove(&(host.clone(), number)) else { continue };
                let finer = self.reached.iter_mut().filter(|(key, _)| same(key));
                finer.for_each(|(_, reached)| reached.way.cite(&coarse.way));
            }
        }
    }
}

/// Fills in what is behind a shared address. `None`: ask first.
fn behind(
    alert: &Alert,
    blank: Box<MaskedEnd>,
    mut ways: Vec<Way>,
    inquiry: &Inquiry<'_, '_, '_>,
) -> Option<Box<MaskedEnd>> {
    // Nearly always there is one way, and at most one holder at its end.
    if let [way] = ways.as_slice() {
        let holder = match identify(&way.place.realm, way.place.ip, alert.at, inquiry)? {
            Identity::Nobody => Some(None),
            Identity::One(holder) => Some(Some(holder)),
            Identity::Several(_) => None,
        };
        if let Some(holder) = holder
            && let Some(way) = ways.pop()
        {
            return single(alert, blank, way, holder.as_ref(), inquiry);
        }
    }
    let mut places = Places::default();
    let mut contested = None;
    let mut waiting = false;
    for way in ways {
        match identify(&way.place.realm, way.place.ip, alert.at, inquiry) {
            None => waiting = true,
            Some(Identity::Nobody) => places.add(alert, &way, Vec::new()),
            Some(Identity::One(holder)) => places.add(alert, &way, vec![holder]),
            Some(Identity::Several(holders)) => {
                contested = Some(Reason::ClockBound);
                places.add(alert, &way, holders);
            }
        }
    }
    if waiting {
        return None;
    }
    places.fill_in_ports();
    let mut reached: Vec<Reached<'_>> = places.reached.into_values().collect();
    if reached.len() == 1 {
        let Reached { way, holder } = reached.remove(0);
        single(alert, blank, way, holder.as_ref(), inquiry)
    } else {
        Some(several(blank, &reached, contested))
    }
}

fn single(
    alert: &Alert,
    mut end: Box<MaskedEnd>,
    way: Way,
    holder: Option<&Named<'_>>,
    inquiry: &Inquiry<'_, '_, '_>,
) -> Option<Box<MaskedEnd>> {
    (end.status, end.reason) = match way.stop {
        Stop::Arrived => (Status::Traced, None),
        Stop::Stuck(reason) => (Status::Partial, Some(reason)),
        Stop::Ended if way.hops.len() == 1 => {
            end.hops = way.hops;
            end.certainty = Some(way.certainty);
            return Some(end);
        }
        Stop::Ended => (Status::Partial, Some(Reason::EndedAtGateway)),
    };
    let identity = holder.map_or(Certainty::Certain, |holder| holder.certainty);
    end.certainty = Some(way.certainty.min(identity));
    if let Some(holder) = holder {
        if way.stop == Stop::Arrived {
            end.process = Some(process::identify(&way, holder, alert.protocol, alert.at, inquiry)?);
        }
        end.asset = Some(holder.asset());
        end.container = holder.container();
    }
    end.attempts = attempts(&way, alert.at, inquiry)?;
    end.inside = Some(way.place);
    end.hops = way.hops;
    Some(end)
}

/// Every backend that received the request, if more than one did. A try repeated on one backend is
/// one. `None`: ask first.
fn attempts(way: &Way, at: Span, inquiry: &Inquiry<'_, '_, '_>) -> Option<Vec<Attempt>> {
    let Some((realm, tries)) = &way.tries else { return Some(Vec::new()) };
    let mut tries: Vec<&Try> = tries.iter().collect();
    tries.dedup_by(|next, one| next.backend.is_some() && next.backend == one.backend);
    if tries.len() < 2 {
        return Some(Vec::new());
    }
    // All are asked about before giving up.
    let attempts: Vec<Option<Attempt>> =
        tries.into_iter().map(|tried| attempt(realm, tried, at, inquiry)).collect();
    attempts.into_iter().collect()
}

fn attempt(realm: &Realm, tried: &Try, at: Span, inquiry: &Inquiry<'_, '_, '_>) -> Option<Attempt> {
    let inside = tried.backend.map(|backend| Place::new(realm.clone(), backend));
    let asset = match &inside {
        Some(place) => match identify(&place.realm, place.ip, at, inquiry)? {
            Identity::One(holder) => Some(holder.asset()),
            Identity::Several(_) | Identity::Nobody => None,
        },
        None => None,
    };
    Some(Attempt {
        known: inside.is_some() || tried.server.is_some(),
        inside,
        asset,
        start: None,
        outcome: tried.outcome.clone(),
        status: tried.status,
    })
}

fn several(mut end: Box<MaskedEnd>, reached: &[Reached<'_>], contested: Option<Reason>) -> Box<MaskedEnd> {
    let split = reached.iter().find_map(|reached| reached.way.split).or(contested);
    let candidates = reached.iter().take(CANDIDATES_LISTED).map(|Reached { way, holder }| Candidate {
        inside: way.place.clone(),
        asset: holder.as_ref().map(Named::asset),
        certainty: holder.as_ref().map_or(way.certainty, |holder| way.certainty.min(holder.certainty)),
        why: way.why.to_string().into(),
        hops: way.hops.clone(),
    });
    // Whichever endpoint it was: what all of them belong to is known.
    let first = reached.first().and_then(|reached| reached.holder.as_ref());
    let shared = first.filter(|first| {
        reached
            .iter()
            .all(|other| other.holder.as_ref().is_some_and(|holder| holder.holder() == first.holder()))
    });
    end.status = Status::Ambiguous;
    end.reason = split.or(Some(Reason::ClockBound));
    end.candidates = candidates.collect();
    end.candidates_total = reached.len();
    end.asset = shared.map(Named::asset);
    end.container = shared.and_then(Named::container);
    end
}

/// Lists what matched in all but the outside address: a hint for the inventory, not an answer.
fn list_matched(end: &mut MaskedEnd, matched: &[Remaining<'_>]) {
    let listed = matched.iter().filter_map(|candidate| {
        let inside = Place::new(candidate.realm.clone(), candidate.inside?);
        let why = format!("a session with this port, peer and time is logged as {}", candidate.outside);
        Some(Candidate {
            inside,
            asset: None,
            certainty: Certainty::Likely,
            why: why.into(),
            hops: Vec::new(),
        })
    });
    end.candidates = listed.take(CANDIDATES_LISTED).collect();
    end.candidates_total = matched.len();
}
