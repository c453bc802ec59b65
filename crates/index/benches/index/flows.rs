//! Sessions to measure with: made up, but of the shape that a cloud's egress has, and the same in every run.

use std::net::{IpAddr, Ipv4Addr};
use unmasq_index::{Row, Written};
use unmasq_model::{Endpoint, GatewayIx, LogIx, LogTime, Protocol, Role, Span, Translation};

/// What all of them begin after.
const START: u64 = 1_795_345_000;

/// What they begin within, in seconds.
pub(crate) const SECONDS: u64 = 6 * 3_600;

/// How many outside addresses there are.
const OUTSIDES: u64 = 64;

/// One session of a client, from a whole second to a later one.
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) translation: Translation,
    pub(crate) start: LogTime,
    pub(crate) end: LogTime,
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    /// The upper bits are the better ones.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % sides
    }

    fn port(&mut self) -> u16 {
        u16::try_from(1_024 + self.roll(64_000)).unwrap()
    }
}

/// The address so many after `first`, with a port.
fn endpoint(first: [u8; 4], after: u64, port: u16) -> Endpoint {
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::from(first)) + u32::try_from(after).unwrap());
    Endpoint::new(IpAddr::V4(ip), Some(port))
}

/// The moment so many seconds after all began.
pub(crate) fn second(after: u64) -> LogTime {
    LogTime::from_unix_seconds((START + after).cast_signed()).unwrap()
}

/// `count` of them; another seed gives others, which have nearly no tuple in common with these.
pub(crate) fn flows(seed: u64, count: usize) -> Vec<Flow> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let flow = |_| {
        let remote = endpoint([198, 18, 0, 0], dice.roll(1 << 17), 443);
        let start = dice.roll(SECONDS);
        Flow {
            translation: Translation {
                protocol: Some(if dice.roll(8) == 0 { Protocol::UDP } else { Protocol::TCP }),
                role: Role::Client,
                outside: endpoint([203, 0, 113, 0], dice.roll(OUTSIDES), dice.port()).into(),
                remote: Some(remote),
                inside: Some(endpoint([10, 0, 0, 0], dice.roll(1 << 16), dice.port())),
                inside_remote: Some(remote),
            },
            start: second(start),
            end: second(start + 2 + dice.roll(30)),
        }
    };
    (0..count).map(flow).collect()
}

/// Each as an index holds it: written in whole seconds, line after line of one log.
pub(crate) fn rows(flows: &[Flow]) -> Vec<Row> {
    let opened = |at: LogTime| Span::between(at, at.plus(std::time::Duration::from_millis(999)));
    let row = |(line, flow): (u64, &Flow)| {
        let written = Written { gateway: GatewayIx(0), log: LogIx(0), file: 0, line, realm: None };
        Row::of(&flow.translation, opened(flow.start), opened(flow.end), &written).unwrap()
    };
    (1..).zip(flows).map(row).collect()
}
