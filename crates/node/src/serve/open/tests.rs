//! What open alerts take.

use super::*;
use std::net::{IpAddr, Ipv4Addr};
use unmasq_model::{Endpoint, GatewayIx, Protocol, RequestsQuestion, SessionsQuestion};

/// A moment of the log, so many seconds after the first one.
fn second(at: u32) -> LogTime {
    LogTime::from_unix_seconds(1_700_000_000 + i64::from(at)).unwrap()
}

/// What the trace of an alert asks that crosses a NAT and the NAT of a node behind it, and may be about a balancer: six
/// keys.
pub(in crate::serve) fn typical(number: u32) -> Vec<Question> {
    let ip = |net: u32, host: u32| IpAddr::V4(Ipv4Addr::from(net << 24 | host));
    let port = |salt: u32| u16::try_from(number.wrapping_mul(salt) >> 16 | 1024).unwrap();
    let remote = Endpoint::new(ip(8, number.wrapping_mul(2_654_435_761) >> 8), Some(443));
    let during = Span::at(second(number / 100)).widened(Duration::from_secs(6));
    let crossed = |gateway, outside, port| {
        Question::Sessions(SessionsQuestion {
            gateway,
            protocol: Some(Protocol::TCP),
            outside: (outside, Some(port)),
            remote: Some(remote),
            during,
        })
    };
    vec![
        crossed(Some(GatewayIx(0)), Some(ip(5, number % 16)), port(40_503)),
        crossed(None, None, port(40_503)),
        crossed(Some(GatewayIx(1)), Some(ip(10, number % 5_000)), port(30_011)),
        Question::Requests(RequestsQuestion {
            gateway: GatewayIx(2),
            protocol: Protocol::TCP,
            client: Some(remote),
            during: during.widened(Duration::from_secs(600)),
        }),
    ]
}

fn resident(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kilobytes = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    kilobytes.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Says what they took, to which what other tests take meanwhile is added:
/// `cargo test -p unmasq-node --lib -- --nocapture a_million_open_alerts`
#[test]
fn a_million_open_alerts_take_300_bytes_each() {
    const ALERTS: u32 = 1_000_000;
    let (mut open, before) = (OpenAlerts::default(), resident("VmRSS:"));
    for number in 0..ALERTS {
        let at = Arrival::from_unix_us(second(number / 100).as_unix_us());
        open.add(number.into(), SaidSoFar::nothing(at), at.plus(Duration::from_secs(90)));
        let heard = Heard { print: u128::from(number), is_final: true, unique: None };
        for number in open.next(at, 2_000, false) {
            let asked = typical(u32::try_from(number).unwrap());
            let outcome = open.hear(number, heard, at, Patience::default()).unwrap();
            // Of four answers one is not final.
            let unsettled =
                Some(second(u32::try_from(number).unwrap() / 100)).filter(|_| number.is_multiple_of(4));
            open.heard(number, outcome, &asked, unsettled);
        }
    }
    let each = |bytes: u64| bytes.saturating_sub(before) / u64::from(ALERTS);
    let (now, most) = (each(resident("VmRSS:")), each(resident("VmHWM:")));
    println!("{} open alerts: {now} B each, at most {most} B while they came", open.count());
    open.trace_all_again();
    let again = each(resident("VmRSS:"));
    println!("all about to be traced again: {again} B each");
    assert!(now.max(again) <= 300);
}
