//! The file, as those who write and read it see it.

use std::path::PathBuf;
use tempfile::TempDir;
use unmasq_io::source::Content;
use unmasq_model::{AlertId, Arrival, GatewayName, LogTime, SourceName, Span};
use unmasq_work::{Act, LastSaid, NewAlert, Position, Reader, Revision, SwitchClass, Taken, Work, WorkError};

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work.sqlite");
    (folder, path)
}

fn at(us: i64) -> Arrival {
    Arrival::from_unix_us(us)
}

/// Takes one alert; without a kind its id is its own.
fn take(
    work: &mut Work,
    kind: Option<u8>,
    id: &str,
    arrived: i64,
    position: Option<&Position>,
) -> Option<Taken> {
    let name = |number: u32| AlertId(format!("{id}{number}").into());
    let source = SourceName::from("eve.json");
    let alert = NewAlert {
        kind: kind.map(|kind| [kind; 16]),
        name: Box::new(name),
        arrived: at(arrived),
        source: &source,
        format: "suricata-eve",
        facts: None,
        raw: b"{\"a\":1}\xff\n",
    };
    work.take(&[alert], position).unwrap().remove(0)
}

fn revision(alert: u64, revision: u32, print: u128) -> Revision {
    Revision {
        alert,
        revision,
        said: at(7),
        print,
        is_final: revision > 1,
        body: format!("{{\"r\":{revision}}}"),
    }
}

#[test]
fn an_alert_comes_out_as_it_went_in() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    let taken = take(&mut work, None, "a", 5, None).unwrap();
    let stored = work.alert("a1").unwrap().unwrap();
    assert_eq!(
        (stored.number, stored.arrived, &stored.raw[..]),
        (taken.number, at(5), &b"{\"a\":1}\xff\n"[..])
    );
    assert_eq!(work.alerts([taken.number, 99]).unwrap(), [stored]);
    assert_eq!(work.alert("b1").unwrap(), None);
}

#[test]
fn what_has_an_id_comes_once_and_what_has_none_is_counted() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    assert!(take(&mut work, None, "a", 1, None).is_some());
    assert_eq!(take(&mut work, None, "a", 2, None), None, "a detector's own id that came before");
    let mut named = |kind, arrived| {
        take(&mut work, Some(kind), &format!("k{kind}-"), arrived, None).unwrap().id.to_string()
    };
    assert_eq!([named(1, 1), named(1, 5), named(2, 6), named(1, 7)], ["k1-1", "k1-2", "k2-1", "k1-3"]);
    assert_eq!(work.drop_before(at(2), 100).unwrap(), 2, "the first of its kind goes");
    let next = take(&mut work, Some(1), "k1-", 9, None).unwrap();
    assert_eq!(next.id.to_string(), "k1-4", "no later one is given the name of one that is still there");
}

#[test]
fn a_position_is_stored_with_its_alerts() {
    let (_folder, path) = file();
    let source = SourceName::from("eve.json");
    let position = |bytes| Position { source: source.clone(), head: Content::of(b"{"), bytes, lines: 1 };
    let mut work = Work::open(&path).unwrap();
    take(&mut work, None, "a", 1, Some(&position(8)));
    take(&mut work, None, "b", 1, Some(&position(16)));
    drop(work);
    let again = Work::open(&path).unwrap();
    assert_eq!(again.positions(&source).unwrap(), [position(16)]);
    assert_eq!(again.positions(&"other".into()).unwrap(), []);
}

#[test]
fn revisions_are_said_once_and_told_in_order() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    let one = take(&mut work, None, "a", 1, None).unwrap().number;
    let other = take(&mut work, None, "b", 2, None).unwrap().number;
    work.say(&[revision(one, 1, 10), revision(other, 1, 20)]).unwrap();
    work.say(&[revision(one, 2, 11), revision(one, 1, 99), revision(1234, 1, 5)]).unwrap();
    let said = work.said_after(0, 100).unwrap();
    let told: Vec<_> = said.iter().map(|said| (&*said.id.0, said.revision, &*said.body)).collect();
    assert_eq!(told, [("a1", 1, "{\"r\":1}"), ("b1", 1, "{\"r\":1}"), ("a1", 2, "{\"r\":2}")]);
    assert_eq!(work.said_after(said[0].sequence, 1).unwrap(), said[1..2]);
    assert_eq!(work.said_within(0, 100, 1).unwrap(), said[..1], "at least one, whatever it weighs");
    assert_eq!(work.last_sequence().unwrap(), said[2].sequence);
    assert_eq!(work.revisions("a1").unwrap().len(), 2);
    let last = work.last_said(0, 100).unwrap();
    let expected = [
        LastSaid { alert: one, arrived: at(1), said: Some((2, 11, true)) },
        LastSaid { alert: other, arrived: at(2), said: Some((1, 20, false)) },
    ];
    assert_eq!(last, expected);
    assert_eq!(work.told("file").unwrap(), 0);
    work.set_told("file", said[1].sequence).unwrap();
    assert_eq!(work.told("file").unwrap(), said[1].sequence);
    work.drop_before(at(100), 1).unwrap();
    assert_eq!(work.said_after(0, 100).unwrap().len(), 1, "what is dropped takes its traces with it");
}

#[test]
fn one_writes_and_others_read_and_copy() {
    let (folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    assert!(matches!(Work::open(&path).unwrap_err(), WorkError::Busy { .. }));
    take(&mut work, None, "a", 1, None);
    let reader = work.reader().unwrap();
    take(&mut work, None, "b", 1, None);
    assert!(reader.alert("b1").unwrap().is_some());
    let copy = folder.path().join("copy.sqlite");
    reader.backup(&copy).unwrap();
    assert!(reader.backup(&copy).is_err(), "what is there is not written over");
    assert!(Reader::open(&copy).unwrap().alert("b1").unwrap().is_some());
    assert!(Reader::open(&folder.path().join("none.sqlite")).is_err());
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let (_folder, path) = file();
    drop(Work::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Work::open(&path).unwrap_err(), WorkError::Later { found: 99, .. }));
}

#[test]
fn a_reader_sees_whether_the_file_was_made() {
    let (_folder, path) = file();
    std::fs::write(&path, "").unwrap();
    assert!(!Reader::open(&path).unwrap().is_made().unwrap());
    let _work = Work::open(&path).unwrap();
    assert!(Reader::open(&path).unwrap().is_made().unwrap());
}

#[test]
fn paging_gives_each_once() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    let numbers: Vec<u64> =
        (0..7).map(|i| take(&mut work, None, &format!("a{i}-"), i, None).unwrap().number).collect();
    for number in &numbers {
        let body = format!("{{\"status\":\"traced\",\"of\":{number}}}");
        work.say(&[Revision { body, ..revision(*number, 1, 1) }]).unwrap();
    }
    work.say(&[revision(numbers[2], 2, 2)]).unwrap();
    let (mut alerts, mut after) = (Vec::new(), 0);
    loop {
        let page = work.alerts_after(after, 3).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = last.number;
        alerts.extend(page);
    }
    assert_eq!(alerts.iter().map(|alert| alert.number).collect::<Vec<_>>(), numbers);
    let standing = |place: usize| alerts[place].last.as_ref().map(|last| (last.revision, &*last.status));
    assert_eq!((standing(0), standing(2)), (Some((1, "traced")), Some((2, ""))));

    let all = work.traces_after(0, 100, usize::MAX).unwrap();
    assert_eq!(all.len(), 8);
    assert_eq!(work.traces_after(all[2].sequence, 2, usize::MAX).unwrap(), all[3..5]);
    assert_eq!(work.traces_after(0, 100, 1).unwrap(), all[..1], "at least one, so that everybody gets on");
    assert!(work.traces_after(all[7].sequence, 5, usize::MAX).unwrap().is_empty());
    let of = |id: &str, most| work.last_traces(id, most).unwrap();
    assert_eq!((of("a2-1", 9), of("a2-1", 1)), (vec![all[7].clone(), all[2].clone()], vec![all[7].clone()]));
    assert!(of("nobody", 9).is_empty());
}

#[test]
fn switches_keep_their_history_and_whoever_turned_them() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    let gateway = GatewayName::from("ngw-1");
    let moment = |seconds| LogTime::from_unix_seconds(seconds).unwrap();
    work.meet([(&gateway, false)], at(1)).unwrap();
    work.meet([(&gateway, true)], at(2)).unwrap();
    let act =
        Act::Switch { gateway: gateway.clone(), class: SwitchClass::Sensitive, on: true, at: moment(100) };
    work.act(&act, "anna", at(3)).unwrap();
    drop(work);
    let mut work = Work::open(&path).unwrap();
    let known = &work.gateways().unwrap()[&gateway];
    assert_eq!((known.met, known.initially, known.turned[0].who.as_str()), (at(1), false, "anna"));
    let switches = known.switches();
    assert!(switches.sensitive.is_on() && !switches.sensitive.was_on(Span::at(moment(99))));
    assert!(!switches.attack.is_on());
    work.configure(&gateway, moment(200)).unwrap();
    assert!(work.gateways().unwrap()[&gateway].switches().attack.was_on(Span::at(moment(200))));
    let done = work.acts_after(0, 10).unwrap();
    assert_eq!((done.len(), done[0].who.as_str(), done[0].act.as_str()), (1, "anna", "switch"));
    assert!(done[0].what.contains("1970-01-01T00:01:40Z"), "{}", done[0].what);
    let unknown =
        Act::Switch { gateway: "ngw-2".into(), class: SwitchClass::Attack, on: true, at: moment(1) };
    assert!(work.act(&unknown, "anna", at(4)).is_err());
    assert_eq!(work.acts_after(0, 10).unwrap().len(), 1, "what was not done is not written down");
}

#[test]
fn a_backfill_marks_the_alerts_that_came_in_its_time() {
    let (_folder, path) = file();
    let mut work = Work::open(&path).unwrap();
    let numbers: Vec<u64> = [(1, "a"), (5, "b"), (9, "c")]
        .into_iter()
        .map(|(arrived, id)| take(&mut work, None, id, arrived, None).unwrap().number)
        .collect();
    let concerned = work.act(&Act::Backfill { from: at(5), to: at(9) }, "anna", at(10)).unwrap();
    assert_eq!(concerned.into_iter().collect::<Vec<_>>(), [numbers[1]]);
    let marked: Vec<bool> = work.alerts(numbers).unwrap().iter().map(|alert| alert.regardless).collect();
    assert_eq!(marked, [false, true, false]);
}
