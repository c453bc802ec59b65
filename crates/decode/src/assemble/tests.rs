use super::*;
use crate::EventKind::{self, Destroy, New, Update};
use proptest::prelude::*;
use std::time::Duration;
use unmasq_model::{Endpoint, LogTime, Protocol, Role, Span};

/// A moment this many milliseconds into the test.
fn ms(ms: i64) -> LogTime {
    LogTime::from_unix_us((1_000_000_000 + ms) * 1000).unwrap()
}

fn span(from: i64, to: i64) -> Span {
    Span::new(ms(from), ms(to)).unwrap()
}

/// The whole second that begins at `from`.
fn second(from: i64) -> Span {
    Span::between(ms(from), ms(from).plus(Duration::from_micros(999_999)))
}

fn secs(s: u64) -> Option<Duration> {
    Some(Duration::from_secs(s))
}

fn translation(protocol: Protocol, inside: u8) -> Translation {
    let at = |last, port| Endpoint::new([192, 0, 2, last].into(), Some(port));
    Translation {
        protocol: Some(protocol),
        role: Role::Client,
        outside: at(1, 1000).into(),
        remote: Some(at(2, 80)),
        inside: Some(at(inside, 5000)),
        inside_remote: Some(at(2, 80)),
    }
}

fn event(kind: EventKind, at: i64) -> Event {
    let lag = if kind == Destroy { Duration::from_secs(120) } else { Duration::from_millis(25) };
    Event { entry: Some(7), ..Event::new(kind, Span::at(ms(at)), lag) }
}

fn in_state(kind: EventKind, at: i64, state: &'static str, timeout: u64) -> Event {
    Event { state: Some(state), timeout: secs(timeout), ..event(kind, at) }
}

fn sighting(line: u64, protocol: Protocol, fact: Fact) -> Sighting {
    let translation = translation(protocol, 9);
    Sighting {
        gateway: GatewayIx(0),
        evidence: Evidence { log: LogIx(0), file: 0, line, record: format!("line {line}").into() },
        record: Record { gateway: None, inside_realm: None, translation, request: None, fact },
    }
}

fn of(protocol: Protocol, events: &[Event]) -> Vec<Session> {
    let lines = events.iter().zip(1..);
    assemble(lines.map(|(event, line)| sighting(line, protocol, Fact::Event(event.clone()))).collect())
}

/// The only session of these UDP events.
fn one(events: &[Event]) -> Session {
    let mut sessions = of(Protocol::UDP, events);
    assert_eq!(sessions.len(), 1, "{sessions:#?}");
    sessions.remove(0)
}

/// The only session of these TCP events.
fn one_tcp(events: &[Event]) -> Session {
    let mut sessions = of(Protocol::TCP, events);
    assert_eq!(sessions.len(), 1, "{sessions:#?}");
    sessions.remove(0)
}

fn lines(session: &Session) -> Vec<u64> {
    session.evidence.iter().map(|evidence| evidence.line).collect()
}

#[test]
fn a_new_line_comes_up_to_25_ms_after_its_packet() {
    let session = one(&[event(New, 0)]);
    assert_eq!(session.start, span(-25, 0));
    assert_eq!(session.end, Span::between(ms(-25), LogTime::FOREVER));
    assert_eq!(session.proven, None);
}

#[test]
fn a_late_destroy_is_not_the_end() {
    let session =
        one(&[event(New, 0), event(Update, 10), Event { lasted: secs(5), ..event(Destroy, 40_000) }]);
    assert_eq!(session.start, span(-25, 0));
    assert_eq!(session.end, span(-15, 6_000));
}

#[test]
fn a_destroy_without_more_ends_it_at_the_latest() {
    let session = one(&[event(New, 0), event(Destroy, 40_000)]);
    assert_eq!((session.end, session.proven), (span(-25, 40_000), None));
}

#[test]
fn the_stop_that_the_kernel_says_bounds_the_end() {
    let destroy = Event { stopped: Some(second(5_000)), ..event(Destroy, 40_000) };
    assert_eq!(one(&[event(New, 0), destroy]).end, Span::between(ms(-25), second(5_000).to()));
}

#[test]
fn a_stop_before_a_sign_of_life_is_not_believed() {
    let destroy = Event { stopped: Some(second(5_000)), ..event(Destroy, 40_000) };
    assert_eq!(one(&[event(New, 0), event(Update, 20_000), destroy]).end, span(19_975, 40_000));
}

#[test]
fn without_new_the_kernels_start_is_the_start() {
    let destroy = Event { started: Some(second(-9_000)), lasted: secs(5), ..event(Destroy, 40_000) };
    let session = one(&[destroy]);
    assert_eq!(session.start, second(-9_000));
    assert_eq!(session.end, Span::between(ms(-9_000), second(-9_000).to().plus(Duration::from_secs(6))));
}

#[test]
fn without_new_a_duration_bounds_the_start() {
    let session = one(&[Event { lasted: secs(5), ..event(Destroy, 200_000) }]);
    assert_eq!(session.start, span(200_000 - 120_000 - 5_000 - 1_000, 196_000));
    assert_eq!(session.end, span(74_000, 200_000));
    // It was there when it was first heard of.
    let session = one(&[event(Update, 190_000), Event { lasted: secs(5), ..event(Destroy, 200_000) }]);
    assert_eq!(session.start, span(74_000, 190_000));
}

#[test]
fn without_anything_it_may_always_have_been_there() {
    let session = one(&[event(Update, 0), event(Update, 50)]);
    assert_eq!(session.start, Span::between(LogTime::BEGINNING, ms(0)));
    assert_eq!(session.end, Span::between(ms(25), LogTime::FOREVER));
    assert_eq!(one(&[event(Destroy, 0)]).reach(), Span::between(LogTime::BEGINNING, ms(0)));
}

#[test]
fn a_connection_that_timed_out_was_silent_for_the_time_out() {
    let events = |destroy| [event(New, 0), in_state(Update, 1_000, "TIME_WAIT", 120), destroy];
    let destroy = Event { lasted: secs(123), ..event(Destroy, 150_000) };
    let session = one_tcp(&events(destroy.clone()));
    // Released 121.975 … 124 s after its start, silent for 120 of them.
    assert_eq!(session.end, span(1_975, 4_000));
    let stated = Event { state: Some("TIME_WAIT"), ..destroy.clone() };
    assert_eq!(one_tcp(&events(stated)).end, session.end);
    // A state that no line told of, time left, or another protocol: nothing can be inferred.
    let moved_on = Event { state: Some("CLOSE"), ..destroy.clone() };
    assert_eq!(one_tcp(&events(moved_on)).end, span(975, 124_000));
    let killed = Event { timeout: secs(3), ..destroy.clone() };
    assert_eq!(one_tcp(&events(killed)).end, span(975, 124_000));
    assert_eq!(one(&events(destroy)).end, span(975, 124_000));
}

#[test]
fn a_connection_that_was_killed_early_tells_nothing_of_its_last_packet() {
    let destroy = Event { lasted: secs(9), ..event(Destroy, 9_500) };
    let session = one_tcp(&[event(New, 0), in_state(Update, 1_000, "TIME_WAIT", 120), destroy]);
    assert_eq!(session.end, span(975, 9_500));
}

#[test]
fn an_open_connection_may_speak_until_its_release() {
    let destroy = Event { lasted: secs(500_000), ..event(Destroy, 500_100_000) };
    let session = one_tcp(&[event(New, 0), in_state(Update, 1_000, "ESTABLISHED", 432_000), destroy]);
    assert_eq!(session.end, span(975, 500_001_000));
}

#[test]
fn kernel_times_prove_the_life_that_they_are_about() {
    let destroy = Event {
        started: Some(second(0)),
        stopped: Some(second(9_000)),
        lasted: secs(8),
        ..event(Destroy, 20_000)
    };
    let proven = Some(Span::between(second(0).to(), ms(9_000)));
    assert_eq!(one(std::slice::from_ref(&destroy)).proven, proven);
    // The `NEW` may be of an earlier life in the same second.
    assert_eq!(one(&[event(New, 300), destroy.clone()]).proven, proven);
    let only_lasted = Event { stopped: None, ..destroy.clone() };
    let until = ms(8_000).minus(Duration::from_micros(1));
    assert_eq!(one(&[event(New, 300), only_lasted]).proven, Some(Span::between(second(0).to(), until)));
    let only_started = Event { stopped: None, lasted: None, ..destroy };
    assert_eq!(one(&[event(New, 300), only_started]).proven, None);
}

#[test]
fn a_duration_proves_only_what_holds_for_two_lives_joined() {
    let session = one(&[event(New, 0), Event { lasted: secs(60), ..event(Destroy, 70_000) }]);
    assert_eq!(session.proven, Some(span(11_000, 58_975)));
    let short = one(&[event(New, 0), Event { lasted: secs(5), ..event(Destroy, 70_000) }]);
    assert_eq!(short.proven, None);
}

#[test]
fn two_lives_of_one_id_are_told_apart_by_when_the_second_began() {
    let destroy =
        Event { started: Some(second(60_000)), stopped: Some(second(65_000)), ..event(Destroy, 70_000) };
    let sessions = of(Protocol::UDP, &[event(New, 0), event(Update, 10), event(Update, 61_000), destroy]);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].end, Span::between(ms(-15), LogTime::FOREVER));
    assert_eq!(lines(&sessions[0]), [1, 2]);
    assert_eq!(sessions[1].start, second(60_000));
    assert_eq!(lines(&sessions[1]), [3, 4]);
    let by_duration = Event { lasted: secs(5), ..event(Destroy, 900_000) };
    assert_eq!(of(Protocol::UDP, &[event(New, 0), by_duration]).len(), 2);
}

#[test]
fn a_destroy_of_something_older_does_not_end_the_new_one() {
    let older = Event { started: Some(second(-60_000)), lasted: secs(3), ..event(Destroy, 10) };
    let sessions = of(Protocol::UDP, &[event(New, 0), older]);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].start, second(-60_000));
    assert_eq!(sessions[1].end.to(), LogTime::FOREVER);
}

#[test]
fn a_new_line_begins_another_life() {
    let sessions =
        of(Protocol::UDP, &[event(New, 0), event(New, 5_000), event(Destroy, 9_000), event(Update, 9_500)]);
    let reaches: Vec<_> = sessions.iter().map(Session::reach).collect();
    assert_eq!(
        reaches,
        [
            Span::between(LogTime::BEGINNING, LogTime::FOREVER),
            Span::between(ms(-25), LogTime::FOREVER),
            span(4_975, 9_000)
        ]
    );
}

#[test]
fn a_clock_that_jumps_breaks_nothing() {
    let ahead = Event { started: Some(second(90_000_000)), lasted: secs(3), ..event(Destroy, 1_000) };
    let sessions = of(Protocol::UDP, &[event(New, 5_000), event(Update, 0), ahead]);
    for session in &sessions {
        assert!(session.start.from() <= session.end.to());
        assert_eq!(session.proven, None);
    }
    assert_eq!(sessions.len(), 2);
}

#[test]
fn the_first_and_the_last_line_are_the_evidence() {
    let events = [event(New, 0), event(Update, 10), event(Update, 20), event(Destroy, 30)];
    assert_eq!(lines(&one(&events)), [1, 4]);
    assert_eq!(lines(&one(&events[1..])), [1, 3]);
    assert_eq!(lines(&one(&events[..2])), [1, 2]);
    assert_eq!(lines(&one(&events[..1])), [1]);
}

#[test]
fn a_line_that_stands_in_two_files_counts_once() {
    let events = [event(New, 0), event(Update, 0), event(Destroy, 30)];
    let once = one(&events);
    let twice = events.iter().zip(1..).flat_map(|(event, line)| {
        let mut other = sighting(line, Protocol::UDP, Fact::Event(event.clone()));
        other.evidence.file = 1;
        [sighting(line, Protocol::UDP, Fact::Event(event.clone())), other]
    });
    assert_eq!(assemble(twice.collect()), [once]);
}

#[test]
fn another_id_another_entry() {
    let other = Event { entry: Some(8), ..event(New, 5) };
    assert_eq!(of(Protocol::UDP, &[event(New, 0), other, event(Destroy, 900)]).len(), 2);
}

#[test]
fn copies_of_a_whole_session_are_one_with_all_evidence() {
    let whole = || Fact::Whole { start: span(0, 0), end: span(5, 9), proven: None };
    let mut sightings: Vec<_> = [3, 1, 3, 2].map(|line| sighting(line, Protocol::TCP, whole())).into();
    sightings.push(sighting(4, Protocol::UDP, whole()));
    let sessions = assemble(sightings);
    assert_eq!(sessions.iter().map(lines).collect::<Vec<_>>(), [vec![1, 2, 3], vec![4]]);
    assert_eq!((sessions[0].start, sessions[0].end), (span(0, 0), span(5, 9)));
}

fn any_time() -> impl Strategy<Value = LogTime> {
    prop_oneof![
        8 => (0..200_000_i64).prop_map(ms),
        1 => Just(LogTime::from_unix_us(0).unwrap()),
        1 => Just(LogTime::from_unix_us(253_402_207_200_000_000).unwrap()),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(New), Just(Update), Just(Destroy)];
    let state = proptest::option::of(prop_oneof![Just("TIME_WAIT"), Just("CLOSE"), Just("ESTABLISHED")]);
    let length = || {
        proptest::option::of(prop_oneof![9 => 0..200_u64, 1 => Just(u64::MAX)].prop_map(Duration::from_secs))
    };
    let times = || proptest::option::of((any_time(), any_time()).prop_map(|(a, b)| Span::between(a, b)));
    let entry = proptest::option::of(0..2_u64);
    (kind, any_time(), entry, length(), state, length(), times(), times()).prop_map(
        |(kind, at, entry, timeout, state, lasted, started, stopped)| Event {
            kind,
            at,
            lag: Duration::from_secs(u64::from(kind == Destroy)),
            entry,
            timeout,
            state,
            lasted,
            started,
            stopped,
        },
    )
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    let fact = prop_oneof![
        9 => any_event().prop_map(Fact::Event),
        1 => (any_time(), any_time()).prop_map(|(a, b)| {
            let span = Span::between(a, b);
            Fact::Whole { start: Span::at(span.from()), end: span, proven: None }
        }),
    ];
    (fact, 0..6_u64, 0..2_u32, prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP)]).prop_map(
        |(fact, line, log, protocol)| {
            let mut sighting = sighting(line, protocol, fact);
            sighting.evidence.log = LogIx(log);
            sighting
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (one, other) in proptest::collection::vec(any_sighting(), 0..24)
            .prop_flat_map(|sightings| (Just(sightings.clone()), Just(sightings).prop_shuffle()))
    ) {
        prop_assert_eq!(assemble(one), assemble(other));
    }

    #[test]
    fn every_session_is_in_order_and_has_evidence(sightings in proptest::collection::vec(any_sighting(), 1..24)) {
        let sessions = assemble(sightings);
        prop_assert!(!sessions.is_empty());
        prop_assert!(sessions.is_sorted());
        for session in sessions {
            prop_assert!(session.start.from() <= session.end.to());
            prop_assert!(!session.evidence.is_empty());
            prop_assert!(session.evidence.is_sorted());
        }
    }
}
