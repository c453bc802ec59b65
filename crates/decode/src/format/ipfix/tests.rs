use super::*;
use crate::Fact;
use unmasq_model::{LogTime, Role, Span, Translation};

/// 2026-11-22T10:58:00Z.
const SENT: u32 = 1_795_345_080;

/// Data of a template's records: each value with its element and as its bytes.
type Values<'a> = &'a [(u16, &'a [u8])];

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &u16::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
}

fn template(set_id: u16, id: u16, values: Values<'_>) -> Vec<u8> {
    let mut body = [id.to_be_bytes(), u16::try_from(values.len()).unwrap().to_be_bytes()].concat();
    for (element, bytes) in values {
        body.extend(element.to_be_bytes());
        body.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    }
    set(set_id, &body)
}

fn data(id: u16, values: Values<'_>) -> Vec<u8> {
    set(id, &values.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect::<Vec<u8>>())
}

fn ipfix(domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let length = u16::try_from(sets.len() + 16).unwrap().to_be_bytes();
    [&[0, 10], &length[..], &SENT.to_be_bytes(), &[0; 4], &domain.to_be_bytes(), &sets].concat()
}

fn netflow9(uptime: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    [&[0, 9, 0, 1], &uptime.to_be_bytes()[..], &SENT.to_be_bytes(), &[0; 8], &sets.concat()].concat()
}

fn all(told: Told, messages: &[Vec<u8>]) -> Said {
    let (mut decoder, mut said) = (FlowMessages::new(told), Said::default());
    let mut position = 0;
    for message in messages {
        decoder.read_at(position, message, &mut said);
        position += message.len() as u64;
    }
    decoder.finish(&mut said);
    said
}

/// What one flow record of NetFlow v9 with an uptime of 100 s says.
fn flow(values: Values<'_>) -> Vec<Record> {
    let times: Values<'_> = &[(22, &[0, 1, 0x5f, 0x90]), (21, &[0, 1, 0x73, 0x18])];
    let values = [times, values].concat();
    let message = netflow9(100_000, &[template(0, 256, &values), data(256, &values)]);
    let said = all(Told::Flows, &[message]);
    assert_eq!(said.unreadable, []);
    said.records.into_iter().map(|cited| cited.record).collect()
}

fn translations(records: &[Record]) -> Vec<Translation> {
    records.iter().map(|record| record.translation).collect()
}

fn us(span: Span) -> (i64, i64) {
    let since = |at: LogTime| at.as_unix_us() - i64::from(SENT) * 1_000_000;
    (since(span.from()), since(span.to()))
}

const OURS: &[u8] = &[10, 0, 0, 14];
const OUTSIDE: &[u8] = &[203, 0, 113, 10];
const REMOTE: &[u8] = &[198, 51, 100, 66];
const NOTHING: &[u8] = &[0; 4];
const CREATED: Values<'_> = &[
    (230, &[4]),
    (4, &[6]),
    (8, OURS),
    (225, OUTSIDE),
    (7, &[1, 0]),
    (227, &[2, 0]),
    (12, REMOTE),
    (11, &[0, 80]),
];

#[test]
fn data_waits_for_its_template_and_keeps_its_place() {
    let late = [ipfix(1, &[data(256, CREATED)]), ipfix(1, &[template(2, 256, CREATED)])];
    let said = all(Told::Events, &late);
    assert_eq!((said.records.len(), said.unreadable.len()), (1, 0));
    assert_eq!(said.records[0].position, 20);
    let expected = "natEvent=4 protocolIdentifier=6 sourceIPv4Address=10.0.0.14 \
                    postNATSourceIPv4Address=203.0.113.10 sourceTransportPort=256 \
                    postNAPTSourceTransportPort=512 destinationIPv4Address=198.51.100.66 \
                    destinationTransportPort=80";
    assert_eq!(&*said.records[0].text, expected);
    let said = all(Told::Events, &[ipfix(2, &[data(256, CREATED)]), late[1].clone()]);
    assert_eq!(said.unreadable, [(20, Unreadable::because("data whose template did not come"))]);
    assert_eq!((said.waiting.len(), said.waiting[0].start), (1, 20));
}

#[test]
fn a_template_counts_from_where_it_stands() {
    let mut other = CREATED.to_vec();
    other.reverse();
    let said = all(
        Told::Events,
        &[
            ipfix(1, &[template(2, 256, CREATED), data(256, CREATED)]),
            ipfix(1, &[template(2, 256, &other), data(256, &other)]),
            ipfix(2, &[template(2, 256, CREATED)]),
            ipfix(1, &[data(256, &other)]),
        ],
    );
    assert_eq!(said.records.len(), 3);
    assert!(said.records.iter().all(|cited| cited.record == said.records[0].record));
}

#[test]
fn what_goes_out_and_what_comes_back_name_one_inside() {
    let out: Values<'_> = &[
        (4, &[6]),
        (8, OURS),
        (7, &[1, 0]),
        (12, REMOTE),
        (11, &[0, 80]),
        (225, OUTSIDE),
        (227, &[2, 0]),
        (226, NOTHING),
    ];
    let back: Values<'_> = &[
        (4, &[6]),
        (8, REMOTE),
        (7, &[0, 80]),
        (12, OURS),
        (11, &[1, 0]),
        (226, OUTSIDE),
        (228, &[2, 0]),
        (225, NOTHING),
    ];
    let (out, back) = (flow(out), flow(back));
    assert_eq!((out.len(), back.len()), (1, 1));
    let names = |t: Translation| (t.outside, t.remote, t.inside, t.role);
    assert_eq!(names(out[0].translation), names(back[0].translation));
    assert_eq!(out[0].translation.role, Role::Unknown);
    // Both private: nobody can tell which side is ours, and the way out tells it.
    let inner: &[u8] = &[192, 168, 7, 7];
    let back: Values<'_> = &[
        (4, &[6]),
        (8, REMOTE),
        (7, &[0, 80]),
        (12, OURS),
        (11, &[1, 0]),
        (226, inner),
        (228, &[2, 0]),
        (225, NOTHING),
    ];
    assert_eq!(flow(back), []);
}

#[test]
fn a_published_server_is_inside() {
    let records = flow(&[
        (4, &[6]),
        (8, REMOTE),
        (7, &[1, 0]),
        (12, OUTSIDE),
        (11, &[0, 22]),
        (225, REMOTE),
        (226, OURS),
        (228, &[8, 0]),
    ]);
    let [told] = translations(&records)[..] else { panic!("{records:#?}") };
    assert_eq!(told.outside.to_string(), "203.0.113.10:22");
    assert_eq!(told.inside.unwrap().to_string(), "10.0.0.14:2048");
    assert_eq!(told.remote.unwrap().to_string(), "198.51.100.66:256");
}

#[test]
fn a_flow_that_was_not_translated_says_nothing() {
    assert_eq!(flow(&[(4, &[6]), (8, OURS), (7, &[1, 0]), (12, REMOTE), (225, NOTHING), (226, NOTHING)]), []);
    assert_eq!(flow(&[(4, &[6]), (8, OURS), (7, &[1, 0]), (12, REMOTE), (225, OURS), (226, REMOTE)]), []);
}

#[test]
fn uptimes_are_counted_back_from_the_message_also_over_their_wrap() {
    let values: Values<'_> =
        &[(4, &[6]), (8, OURS), (225, OUTSIDE), (22, &[0xff, 0xff, 0xff, 0xff]), (21, &[0, 0, 0, 1])];
    let said = all(Told::Flows, &[netflow9(999, &[template(0, 256, values), data(256, values)])]);
    let Fact::Whole { start, end, .. } = said.records[0].record.fact else { panic!("an event") };
    assert_eq!((us(start), us(end)), ((-1_000_000, -1), (-998_000, 1_999)));
    // 50 days up: the counter is 50 days less 2³² ms.
    let made = ((u64::from(SENT) - 50 * 86_400) * 1000).to_be_bytes();
    let first = u32::try_from(50_u64 * 86_400_000 - (1 << 32) - 3_000).unwrap();
    let (first, last) = (first.to_be_bytes(), (first + 1_000).to_be_bytes());
    let values: Values<'_> = &[(160, &made), (4, &[6]), (8, OURS), (225, OUTSIDE), (22, &first), (21, &last)];
    let said = all(Told::Flows, &[ipfix(1, &[template(2, 256, values), data(256, values)])]);
    let Fact::Whole { start, end, .. } = said.records[0].record.fact else { panic!("an event") };
    assert_eq!((us(start), us(end)), ((-3_000_000, -2_999_001), (-2_000_000, -1_999_001)));
}

#[test]
fn ntp_times_are_read_to_the_microsecond() {
    let half = ((u64::from(SENT) + 2_208_988_800) << 32 | 1 << 31).to_be_bytes();
    let values = [CREATED, &[(324, &half)]].concat();
    let said = all(Told::Events, &[ipfix(1, &[template(2, 256, &values), data(256, &values)])]);
    let Fact::Event(event) = &said.records[0].record.fact else { panic!("a flow") };
    assert_eq!(us(Span::at(event.at)), (500_000, 500_000));
}

#[test]
fn a_million_templates_are_not_kept() {
    let mut decoder = FlowMessages::new(Told::Events);
    let mut said = Said::default();
    for n in 0..1_000_000_u32 {
        let id = u16::try_from(256 + n % 60_000).unwrap();
        decoder.read_at(0, &ipfix(n / 60_000, &[template(2, id, CREATED)]), &mut said);
    }
    assert!(decoder.templates.len() <= 8192);
    assert_eq!(said, Said::default());
}

#[test]
fn data_without_templates_is_given_up_in_time() {
    let mut decoder = FlowMessages::new(Told::Events);
    let mut said = Said::default();
    for n in 0..100_000 {
        decoder.read_at(n, &ipfix(1, &[data(256, CREATED)]), &mut said);
    }
    assert_eq!(said.unreadable.len(), 100_000 - 16 * 1024);
    decoder.finish(&mut said);
    assert_eq!(said.unreadable.len(), 100_000);
}

#[test]
fn fields_of_nothing_cost_nothing() {
    let nothing: Vec<(u16, &[u8])> = vec![(8, &[]); 16_000];
    let values = [&nothing[..], &[(230, &[4])]].concat();
    let many = set(256, &[4; 65_000]);
    let messages = [ipfix(1, &[template(2, 256, &values)]), ipfix(1, &[many])];
    let said = all(Told::Events, &messages);
    assert_eq!((said.records.len(), said.unreadable.len()), (0, 65_000));
    let header = message::parse(&messages[0]).unwrap().0;
    let template = definitions(&header, 2, &messages[0][20..]).next().unwrap().unwrap().1;
    assert_eq!(template.fields.len(), 1);
}
