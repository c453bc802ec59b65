//! What must hold in every small world, whatever happens in it.

mod balanced;
mod open;
mod switched;

use crate::{
    oracle::{Oracle, Verdict},
    tally::Tally,
    world::{Balancers, Knowledge, Order, Staged, Temper, Truth, Us, World},
};
use std::{cell::RefCell, collections::BTreeSet, fmt, time::Duration};
use unmasq_engine::{Margins, Sieve, SiteMap, Wants, settle};
use unmasq_index::{Arena, Memory};
use unmasq_model::{
    Certainty, End, GatewayKind, LogIx, Protocol, Question, Reason, Session, Site, Status, Trace,
    trace::{EndTrace, MaskedEnd, Place},
};

/// A promise of the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Law {
    /// No certain answer names anybody but who it was.
    NeverTheInnocent,
    /// With complete logs no final answer names anybody but who it was.
    CompleteLogsAreRight,
    /// With complete logs whatever the oracle can decide is traced.
    DecidableIsTraced,
    /// With complete logs the engine's candidates are the oracle's; where a gateway has several, they are
    /// among them.
    CandidatesAreTheOracles,
    /// With complete logs who it was is among the candidates.
    TruthRemains,
    /// The order in which records arrive changes nothing.
    OrderChangesNothing,
    /// What is final stays, whatever arrives within the declared delay.
    FinalStays,
    /// Each alert has one answer, which can be written down and does not go on for ever.
    OneAnswerEach,
    /// Holding only what the alerts may ask changes nothing.
    SieveChangesNothing,
    /// What comes later and changes an answer is held against a question that its trace left open.
    OpenQuestionsMissNothing,
    /// No answer passes a gateway that is switched off; what does not is as it was.
    SwitchesOnlyHide,
    /// The same seed gives the same bytes.
    SameSeedSameBytes,
    /// A certain answer lists no attempt at a backend that received nothing.
    AttemptsWereReceived,
    /// What a client says of itself makes no answer certain.
    ClaimsProveNothing,
}

/// A law, and how it was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which world.
    pub seed: u64,
    /// Which law.
    pub law: Law,
    /// What the alert says, who it was, and what was answered.
    pub story: String,
}

/// What came of checking one world.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What the world had to offer, and what was answered.
    pub tally: Tally,
    /// The laws that it broke.
    pub broken: Vec<Broken>,
}

/// No chain of gateways in a world is longer.
const HOPS_MAX: usize = 8;

/// Runs the world of a seed and checks every law in it.
#[must_use]
pub fn check(seed: u64) -> Checked {
    let world = World::from_seed(seed);
    let mut checked = Checked::default();
    let known = world.known(Order::Arrival);
    let answers = answer_all(&known, &world);
    checked.tally.world(&world);
    checked.one_answer_each(&world, &answers);
    checked.same_bytes(&world, &answers);
    checked.order_changes_nothing(&world, &answers);
    checked.sieve_changes_nothing(&world, &known, &answers);
    checked.open_questions_miss_nothing(&world, &known, &answers);
    checked.switches_only_hide(&world, &known, &answers);
    checked.certain_is_right(&world, &known, &answers, "once everything had arrived");
    for moment in world.moments() {
        checked.before_the_end(&world, moment, &answers);
    }
    let oracle = Oracle::new(&known.site, &known.sessions);
    for (staged, answer) in world.alerts.iter().zip(&answers) {
        for end in End::BOTH {
            let verdict = oracle.verdict(&staged.alert, end);
            let truth = (&staged.truth[end], staged.carried.as_ref());
            checked.tally.end(&world, ends(answer, end), &verdict, truth);
            if world.plan.temper == Temper::Complete && covered(&known, world.nat_logs(), staged) {
                checked.complete(&world, staged, answer, end, &verdict);
            }
        }
    }
    checked
}

/// Answers every alert of a world from what is known of it.
#[must_use]
pub fn answer_all(known: &Knowledge, world: &World) -> Vec<Trace> {
    let site = SiteMap::of(known.site.clone());
    let (memory, room) = (memory(known, |_| true), Arena::new());
    let answer = |staged: &Staged| settle(&staged.alert, &site, |question| memory.answer(question, &room));
    world.alerts.iter().map(answer).collect()
}

/// The same from no more of it than a sieve keeps for these alerts, as a batch does that holds them.
#[must_use]
pub fn answer_all_sieved(known: &Knowledge, world: &World) -> Vec<Trace> {
    let site = SiteMap::of(known.site.clone());
    let silences = site.logs.iter().filter_map(|log| log.idle_timeout);
    let margins = Margins {
        clock_bound: site.widest_clock_bound(),
        silence: silences.fold(Site::LATE_END, Duration::max),
        balancers: site.gateways.iter().any(|gateway| gateway.kind == GatewayKind::Balancer),
    };
    let half_told = half_told(known);
    let mut wants = Wants::nothing(&site, margins);
    world
        .alerts
        .iter()
        .for_each(|staged| wants.add(staged.alert.protocol, staged.alert.ends, staged.alert.at));
    for round in 1.. {
        let sieve = Sieve::of(wants);
        let keeps = |session: &Session| {
            let reach = Some(session.reach()).filter(|_| !half_told.contains(&session.log()));
            sieve.keeps(&session.translation, session.request.as_deref(), reach)
        };
        let (memory, room) = (memory(known, keeps), Arena::new());
        let further = RefCell::new(BTreeSet::new());
        let answer = |question: &Question| {
            if !sieve.covers(question) {
                further.borrow_mut().insert(question.clone());
            }
            memory.answer(question, &room)
        };
        let traces = world.alerts.iter().map(|staged| settle(&staged.alert, &site, answer)).collect();
        let further = further.into_inner();
        // One round for each gateway in a row; a sieve that still lacks something then is broken.
        match sieve.into_wants().filter(|_| !further.is_empty() && round <= HOPS_MAX) {
            None => return traces,
            Some(more) => wants = more,
        }
        further.iter().for_each(|question| wants.ask(question));
    }
    unreachable!("the rounds end")
}

/// The logs whose sessions may bound each other: not every record of theirs tells both edges.
fn half_told(known: &Knowledge) -> BTreeSet<Option<LogIx>> {
    let open = |session: &&Session| !(session.start.from().is_finite() && session.end.to().is_finite());
    known.sessions.iter().filter(open).map(Session::log).collect()
}

/// What is known of the sessions that `keeps` keeps, and of who held what.
fn memory(known: &Knowledge, mut keeps: impl FnMut(&Session) -> bool) -> Memory {
    let mut memory = Memory::default();
    known.sessions.iter().filter(|session| keeps(session)).for_each(|session| memory.insert(session.clone()));
    known.site.tenures.iter().for_each(|tenure| memory.insert_tenure(tenure.clone()));
    memory
}

impl Checked {
    fn one_answer_each(&mut self, world: &World, answers: &[Trace]) {
        for (staged, answer) in world.alerts.iter().zip(answers) {
            let written = serde_json::to_string(answer).is_ok();
            let short = End::BOTH.iter().filter_map(|&end| ends(answer, end).masked()).all(|masked| {
                masked.hops.len() <= HOPS_MAX && masked.candidates.iter().all(|c| c.hops.len() <= HOPS_MAX)
            });
            if answer.alert_id != staged.alert.id || !written || !short {
                self.breaks(world, Law::OneAnswerEach, staged, answer, "");
            }
        }
    }

    fn same_bytes(&mut self, world: &World, answers: &[Trace]) {
        let again = World::from_seed(world.seed);
        let repeated = answer_all(&again.known(Order::Arrival), &again);
        self.compare(world, Law::SameSeedSameBytes, answers, &repeated);
    }

    fn sieve_changes_nothing(&mut self, world: &World, known: &Knowledge, answers: &[Trace]) {
        self.compare(world, Law::SieveChangesNothing, answers, &answer_all_sieved(known, world));
    }

    fn order_changes_nothing(&mut self, world: &World, answers: &[Trace]) {
        let mixed = answer_all(&world.known(Order::Mixed(world.seed)), world);
        self.compare(world, Law::OrderChangesNothing, answers, &mixed);
    }

    fn compare(&mut self, world: &World, law: Law, answers: &[Trace], others: &[Trace]) {
        for ((staged, answer), other) in world.alerts.iter().zip(answers).zip(others) {
            if bytes(answer) != bytes(other) {
                self.breaks(world, law, staged, answer, &format!("the other answer: {}", bytes(other)));
            }
        }
    }

    /// Looks at a world while its records still come: what is certain must be right already, and
    /// what is final must stay.
    fn before_the_end(&mut self, world: &World, moment: Us, last: &[Trace]) {
        let known = world.known_at(moment, Order::Arrival);
        let answers = answer_all(&known, world);
        let when = format!("{moment} us after the world began");
        self.certain_is_right(world, &known, &answers, &when);
        // Without an inventory a log's first record changes what the site is: that re-opens everything.
        // With several logs of a gateway the first to pass the alert makes the answer final.
        if world.plan.temper != Temper::Complete || !world.plan.declared || several_logs(world) {
            return;
        }
        for ((staged, answer), last) in world.alerts.iter().zip(&answers).zip(last) {
            for end in End::BOTH {
                // Nor does anybody know a balancer whose address nobody told until its log speaks.
                if staged.carried.is_some() && !world.balancers.as_ref().is_some_and(Balancers::is_declared) {
                    continue;
                }
                let name = |trace| named(ends(trace, end), staged.alert.protocol);
                // What a rule says is refuted by a log that turns out to be complete without it.
                if answer.is_final
                    && last.is_final
                    && name(answer) != name(last)
                    && !by_rule(ends(answer, end))
                {
                    let story = format!("final {when}; in the end: {}", bytes(last));
                    self.breaks(world, Law::FinalStays, staged, answer, &story);
                }
            }
        }
    }

    /// Whoever is named with certainty was it; whoever is said to have been tried was tried.
    fn certain_is_right(&mut self, world: &World, known: &Knowledge, answers: &[Trace], when: &str) {
        if world.plan.temper == Temper::BeyondBounds {
            return;
        }
        for (staged, answer) in world.alerts.iter().zip(answers) {
            for end in End::BOTH {
                let masked = ends(answer, end).masked();
                let Some(masked) = masked.filter(|masked| masked.certainty == Some(Certainty::Certain))
                else {
                    continue;
                };
                let refused = matches!(staged.truth[end], Truth::Among { refused: true, .. });
                if !right(masked, staged, end) || (refused && masked.status == Status::Traced) {
                    self.breaks(world, Law::NeverTheInnocent, staged, answer, when);
                }
                if !balanced::attempts_were_received(masked, staged) {
                    self.breaks(world, Law::AttemptsWereReceived, staged, answer, when);
                }
                if balanced::rests_on_a_claim(masked, known) {
                    self.breaks(world, Law::ClaimsProveNothing, staged, answer, when);
                }
            }
        }
    }

    fn complete(&mut self, world: &World, staged: &Staged, answer: &Trace, end: End, verdict: &Verdict) {
        let protocol = staged.alert.protocol;
        let mut said = named(ends(answer, end), protocol);
        let mut meant: BTreeSet<Place> = verdict.places().into_iter().cloned().collect();
        // The gateway itself has no inside endpoint; an answer may name it by its outside.
        let itself = shown(&Place::new(staged.alert.realm.clone(), staged.alert.ends[end]), protocol);
        said.remove(&itself);
        meant.remove(&itself);
        let story = format!("{end:?}; named {said:?}; the oracle: {verdict:?}");
        // One log of a gateway may rule out what another leaves open.
        let fits = if several_logs(world) { said.is_subset(&meant) } else { said == meant };
        if !fits {
            self.breaks(world, Law::CandidatesAreTheOracles, staged, answer, &story);
        }
        let status = ends(answer, end).status();
        let wrong = ends(answer, end).masked().is_some_and(|masked| !right(masked, staged, end));
        // A rule stands for what no log shows: those logs are complete in everything else.
        // What a gateway kept for itself stands in no log that shows only what it forwarded.
        // What a balancer did not send on stands in no log at all, or speaks of no backend.
        let kept = match &staged.carried {
            Some(carried) => !carried.on_record,
            None => staged.truth[end] == Truth::Gateway && world.logs.iter().any(|log| !log.plan.inbound),
        };
        if answer.is_final && status == Status::Traced && wrong && !by_rule(ends(answer, end)) && !kept {
            self.breaks(world, Law::CompleteLogsAreRight, staged, answer, &story);
        }
        if verdict.decided().is_some() && status != Status::Traced {
            self.breaks(world, Law::DecidableIsTraced, staged, answer, &story);
        }
        let remains = |chain: &Vec<Place>| chain.iter().any(|place| said.contains(&shown(place, protocol)));
        let lost = match &staged.truth[end] {
            Truth::Behind(chain) => !remains(chain),
            Truth::Among { chains, .. } => !chains.iter().all(remains),
            _ => false,
        };
        if status == Status::Ambiguous && lost && !kept {
            self.breaks(world, Law::TruthRemains, staged, answer, &story);
        }
    }

    fn breaks(&mut self, world: &World, law: Law, staged: &Staged, answer: &Trace, story: &str) {
        let alert = &staged.alert;
        let story = format!(
            "  alert   {} {} {:?} -> {:?} at {}, opened by {:?}\n  truth   {:?} -> {:?}, {:?} us\n  answer  {}\n  {story}",
            alert.id.0,
            alert.protocol,
            alert.ends.src,
            alert.ends.dest,
            alert.at,
            alert.opened_by,
            staged.truth.src,
            staged.truth.dest,
            staged.at,
            bytes(answer),
        );
        self.broken.push(Broken { seed: world.seed, law, story });
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, law, story } = self;
        writeln!(f, "seed {seed} breaks {law:?}; replay with cargo xtask sim --seed {seed} --verbose")?;
        f.write_str(story)
    }
}

/// Whether what an end names is who it was. An end that names nobody is never wrong.
fn right(masked: &MaskedEnd, staged: &Staged, end: End) -> bool {
    let Some(place) = masked.inside.as_ref().filter(|_| masked.candidates.is_empty()) else {
        return true;
    };
    let chain = match &staged.truth[end] {
        Truth::Behind(chain) => chain,
        Truth::Among { chains, .. } => match chains.as_slice() {
            [one] => one,
            // Proven as far as all of them go together.
            [first, ..] if masked.status == Status::Partial && first.len() > 1 => first,
            _ => return false,
        },
        _ => return false,
    };
    // That it went on from the shared address itself is right if it went on at all.
    let itself = Place::new(staged.alert.realm.clone(), staged.alert.ends[end]);
    if masked.status == Status::Partial && *place == itself {
        return true;
    }
    let same = |truth: &Place| shown(truth, staged.alert.protocol) == shown(place, staged.alert.protocol);
    match masked.status {
        // Proven up to somewhere on the way.
        Status::Partial => chain.iter().any(same),
        _ => chain.last().is_some_and(same),
    }
}

/// The inside endpoints that an end names, one or several.
fn named(end: &EndTrace, protocol: Protocol) -> BTreeSet<Place> {
    // Under an alias that nobody told us everything is a guess, and none of it an answer.
    let Some(masked) = end.masked().filter(|masked| masked.reason != Some(Reason::AliasUnknown)) else {
        return BTreeSet::new();
    };
    if masked.candidates.is_empty() {
        masked.inside.iter().map(|place| shown(place, protocol)).collect()
    } else {
        masked.candidates.iter().map(|candidate| shown(&candidate.inside, protocol)).collect()
    }
}

/// Whether a rule stands in an answer where no record does.
fn by_rule(end: &EndTrace) -> bool {
    end.masked().is_some_and(|masked| masked.hops.iter().any(|hop| hop.session.is_none()))
}

fn several_logs(world: &World) -> bool {
    world.logs.windows(2).any(|pair| pair[0].plan.gateway == pair[1].plan.gateway)
}

/// A place as an alert of this protocol can tell it from others: echoes have no ports.
fn shown(place: &Place, protocol: Protocol) -> Place {
    Place { port: place.port.filter(|_| protocol.has_ports()), ..place.clone() }
}

fn ends(trace: &Trace, end: End) -> &EndTrace {
    match end {
        End::Src => &trace.src,
        End::Dest => &trace.dest,
    }
}

/// Whether the alert lies in the time that every log tells of that may tell of it: the NATs' logs, or
/// those of the balancers and of the NAT before them.
fn covered(known: &Knowledge, of_nats: usize, staged: &Staged) -> bool {
    let (of_nats, of_balancers) = known.site.logs.split_at(of_nats);
    let logs = if staged.carried.is_some() { of_balancers } else { of_nats };
    logs.iter().all(|log| {
        let span = staged.alert.at.widened(log.clock_bound);
        log.coverage.since <= span.from() && span.to() <= log.coverage.until
    })
}

fn bytes(trace: &Trace) -> String {
    serde_json::to_string(trace).unwrap_or_default()
}
