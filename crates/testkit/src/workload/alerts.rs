//! Alerts about the log's sessions, and who was behind each.

use super::{CLOCK_BOUND_US, Plan, Record, SECOND_US, Tuple, network::low_bits, records, records::SPAN_S};
use crate::rng::Rng;
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

/// What is peculiar about an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing: it lies within a session.
    Plain,
    /// The sensor's clock was up to half a second off, so it may lie beside its session.
    Skewed,
    /// Its remote is in no record.
    UnknownRemote,
    /// Nobody held its five-tuple then, nor two seconds before or after.
    UnheldTime,
}

impl Kind {
    /// What it is called in the truth.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Skewed => "skewed",
            Self::UnknownRemote => "unknown-remote",
            Self::UnheldTime => "unheld-time",
        }
    }
}

/// Who was behind an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Truth {
    /// The inside endpoint, unless there was none.
    pub holder: Option<SocketAddrV4>,
    /// How many inside endpoints may have held the five-tuple then, as far as whole seconds and a clock bound
    /// of [`CLOCK_BOUND_US`] tell. If it is more than one, whoever names one has guessed.
    pub candidates: usize,
}

/// Something that a sensor on the outside saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Its number, from 1, in order of time.
    pub flow_id: u64,
    /// When, by the sensor's clock: microseconds since [`super::BEGIN_UNIX_S`].
    pub at: u64,
    /// About what.
    pub tuple: Tuple,
    /// Whether the gateway's end sent the packet.
    pub outside_is_source: bool,
    /// What is peculiar about it.
    pub kind: Kind,
    /// The answer.
    pub truth: Truth,
}

/// How far a rule of thumb might look around a session: where nobody held the tuple, nobody must be near.
const NEAR_US: u64 = 2 * SECOND_US;

/// `count` alerts about sessions of `plan`'s log, in order of time. Every record is as likely as the next, so a
/// session that has several windows has more of them.
///
/// Makes the log twice, once to choose from and once to count candidates, rather than hold it.
#[must_use]
pub fn alerts(plan: &Plan, count: usize) -> Vec<Alert> {
    let mut rng = Rng::new(plan.seed ^ 0x616c_6572_7473);
    let mut drafts = drafts(plan, count, &mut rng);
    watch(plan, &mut drafts);
    let mut alerts: Vec<Alert> = drafts.into_iter().map(|draft| draft.settled(&mut rng)).collect();
    // Stable, so that of two at one moment the one whose record came first is first.
    alerts.sort_by_key(|alert| alert.at);
    for (flow_id, alert) in (1..).zip(&mut alerts) {
        alert.flow_id = flow_id;
    }
    alerts
}

/// An alert of which it is not known yet who else could be meant.
struct Draft {
    alert: Alert,
    /// Whose records touch it within the clock bound, each once.
    candidates: Vec<SocketAddrV4>,
    is_near: bool,
}

/// Chooses records by where they stand in the log, and draws an alert about each.
fn drafts(plan: &Plan, count: usize, rng: &mut Rng) -> Vec<Draft> {
    let records_total = usize::try_from(plan.records).unwrap_or(usize::MAX);
    let count = if records_total == 0 { 0 } else { count };
    let mut chosen: Vec<usize> = (0..count).map(|_| rng.below(records_total)).collect();
    chosen.sort_unstable();
    let mut chosen = chosen.into_iter().peekable();
    let mut drafts = Vec::with_capacity(count);
    for (place, record) in records(plan).enumerate() {
        while chosen.next_if_eq(&place).is_some() {
            drafts.push(draft(&record, rng));
        }
        if chosen.peek().is_none() {
            break;
        }
    }
    drafts
}

fn draft(record: &Record, rng: &mut Rng) -> Draft {
    let during = |rng: &mut Rng, span: u64| rng.next_u64() % span.max(1);
    let at = record.start + during(rng, record.end - record.start);
    let mut alert = Alert {
        flow_id: 0,
        at,
        tuple: record.tuple,
        outside_is_source: rng.chance(70),
        kind: Kind::Plain,
        truth: Truth { holder: Some(record.inside), candidates: 0 },
    };
    match rng.below(200) {
        0..5 => {
            alert.kind = Kind::UnknownRemote;
            alert.tuple.remote = unknown_remote(rng);
            alert.truth.holder = None;
        }
        5..10 => {
            alert.kind = Kind::UnheldTime;
            alert.at = during(rng, SPAN_S * SECOND_US);
            alert.truth.holder = None;
        }
        10..30 => {
            alert.kind = Kind::Skewed;
            alert.at = (at + during(rng, 2 * CLOCK_BOUND_US + 1)).saturating_sub(CLOCK_BOUND_US);
        }
        _ => {}
    }
    Draft { alert, candidates: Vec::new(), is_near: false }
}

/// Nobody in the log calls a documentation address.
fn unknown_remote(rng: &mut Rng) -> SocketAddrV4 {
    let [.., last] = low_bits(rng).to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, last), 4_444)
}

/// Holds every record against the alerts about its five-tuple.
fn watch(plan: &Plan, drafts: &mut [Draft]) {
    let mut about: HashMap<Tuple, Vec<usize>> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        about.entry(draft.alert.tuple).or_default().push(place);
    }
    for record in records(plan) {
        for &place in about.get(&record.tuple).into_iter().flatten() {
            let draft = &mut drafts[place];
            draft.is_near |= touches(&record, draft.alert.at, NEAR_US);
            let is_candidate = touches(&record, draft.alert.at, CLOCK_BOUND_US);
            if is_candidate && !draft.candidates.contains(&record.inside) {
                draft.candidates.push(record.inside);
            }
        }
    }
}

/// Whether the record, as it is written in whole seconds, may have been live within `bound` of a moment.
pub(super) fn touches(record: &Record, at: u64, bound: u64) -> bool {
    let start = record.start / SECOND_US * SECOND_US;
    let end = (record.end / SECOND_US + 1) * SECOND_US;
    start <= at + bound && at < end + bound
}

impl Draft {
    fn settled(self, rng: &mut Rng) -> Alert {
        let mut alert = self.alert;
        alert.truth.candidates = self.candidates.len();
        // Somebody happens to have held it, or nearly: then it is about a remote that nobody called.
        if alert.kind == Kind::UnheldTime && self.is_near {
            alert.kind = Kind::UnknownRemote;
            alert.tuple.remote = unknown_remote(rng);
            alert.truth.candidates = 0;
        }
        alert
    }
}
