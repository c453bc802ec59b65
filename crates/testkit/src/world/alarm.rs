//! What a detector says about the packets of a world, and about some that nobody of ours sent.

use super::{
    exporter::stamp,
    plan::{MS, Plan, SECOND, Us},
    traffic::{History, Passage, Truth},
};
use crate::rng::Rng;
use std::{collections::BTreeSet, sync::Arc};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, End, Endpoint, PerEnd, Protocol, Realm, Span, trace::Place,
};

/// An alert, and what nobody but the world knows about it.
#[derive(Clone, Debug)]
pub struct Staged {
    /// What the detector says.
    pub alert: Alert,
    /// When the packet passed.
    pub at: Us,
    /// Who truly was at either end.
    pub truth: PerEnd<Truth>,
    /// What a balancer carried of it, if one did.
    pub carried: Option<Carried>,
}

/// What nobody but the world knows of an alert about something that a balancer carried.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Everybody who received the request; if the alert shows none, any request of the connection.
    pub received: BTreeSet<Place>,
    /// Whether the alert shows a request.
    pub shows: bool,
    /// Whether something of it was sent on that a complete log shows. No access log has a connection
    /// that stayed silent.
    pub on_record: bool,
}

/// At most this many alerts in one world.
const ALERTS_MAX: usize = 24;

/// Draws the alerts of a world, as a sensor in `realm` raises them.
pub(super) fn draw(plan: &Plan, history: &History, realm: &Realm, rng: &mut Rng) -> Vec<Staged> {
    let mut heard: Vec<&Passage> = history.passages.iter().filter(|p| p.realm == *realm).collect();
    rng.shuffle(&mut heard);
    heard.truncate(ALERTS_MAX - 4);
    let mut passages: Vec<Passage> = heard.into_iter().cloned().collect();
    for _ in 0..rng.below(4) {
        passages.extend(forged(plan, history, realm, rng));
    }
    passages.sort_by_key(|passage| passage.at);
    passages.into_iter().enumerate().map(|(place, passage)| raise(plan, place, passage, rng)).collect()
}

fn raise(plan: &Plan, place: usize, passage: Passage, rng: &mut Rng) -> Staged {
    let heard = passage.at + rng.between(-plan.sensor_error, plan.sensor_error);
    let lag = rng.pick(&[0, 0, MS, 500 * MS, 1_200 * MS]);
    let said = heard + rng.between(0, lag);
    let alert = Alert {
        id: AlertId(Arc::from(format!("alert-{place}"))),
        realm: passage.realm,
        request_lag: std::time::Duration::from_millis(1_200),
        at: Span::between(stamp(said - lag, 0), stamp(said, 0)),
        protocol: passage.protocol,
        ends: passage.ends,
        opened_by: Some(passage.opened_by).filter(|_| rng.chance(40)),
        flow_start: Some(stamp(passage.at - rng.between(0, 60 * SECOND), 0)).filter(|_| rng.chance(30)),
        class: AlertClass::Attack,
        context: Context::default(),
    };
    Staged { alert, at: passage.at, truth: passage.truth, carried: None }
}

/// A packet with one of our shared addresses on it that none of our gateways ever translated.
fn forged(plan: &Plan, history: &History, realm: &Realm, rng: &mut Rng) -> Option<Passage> {
    let at = rng.between(0, plan.horizon);
    let gateways: Vec<_> = plan.gateways.iter().filter(|g| g.outside_realm == *realm).collect();
    if gateways.is_empty() {
        return None;
    }
    let ip = rng.pick(&gateways).holds[0].0;
    let ours = Endpoint::new(ip, Some(rng.pick(&[20_001, 20_002, 29_999])));
    let stranger = Endpoint::new([198, 51, 100, 77].into(), Some(443));
    let remote = if rng.chance(50) { stranger } else { rng.pick(&plan.remotes) };
    // Near a true session of the same tuple nothing could tell the two apart.
    if history.nats.iter().any(|nat| nat.ever(ours, remote)) {
        return None;
    }
    Some(Passage {
        at,
        realm: realm.clone(),
        protocol: Protocol::TCP,
        ends: PerEnd { src: ours, dest: remote },
        opened_by: End::Src,
        truth: PerEnd { src: Truth::Nobody, dest: Truth::Unmasked },
    })
}
