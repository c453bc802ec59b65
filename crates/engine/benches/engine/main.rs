//! How fast records are dropped that concern no alert, and alerts are traced: `cargo bench -p unmasq-engine`.
//!
//! One core, everything in memory.

#[path = "../../../index/benches/index/flows.rs"]
mod flows;
mod known;

use divan::{Bencher, black_box, counter::ItemsCount};
use unmasq_engine::settle;
use unmasq_index::Arena;
use unmasq_model::{Alert, Status};

/// Records of one round, and alerts of one: more than a core's own cache holds.
const RECORDS: usize = 100_000;
const ALERTS: usize = 20_000;

fn main() {
    divan::main();
}

/// Asks for records that nearly all concern no alert. What a million alerts want is no longer in a core's
/// own cache.
#[divan::bench(args = [100_000, 1_000_000])]
fn sieve_keeps(bencher: Bencher<'_, '_>, alerts: usize) {
    let sieve = known::sieve(&flows::flows(1, alerts));
    let records = known::plain(&flows::flows(2, RECORDS));
    assert!(known::kept(&sieve, &records) < RECORDS / 1_000);
    bencher
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| known::kept(black_box(&sieve), black_box(&records)));
}

/// Makes the sieve.
#[divan::bench(args = [100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn sieve_of(bencher: Bencher<'_, '_>, alerts: usize) {
    let alerts = flows::flows(1, alerts);
    bencher.counter(ItemsCount::new(alerts.len())).bench_local(|| known::sieve(black_box(&alerts)));
}

/// Traces alerts, each of which has its one session among so many.
#[divan::bench(args = [20_000, 1_000_000])]
fn settle_one_session(bencher: Bencher<'_, '_>, sessions: usize) {
    let flows = flows::flows(1, sessions);
    let (site, memory) = known::knowledge(&flows);
    let alerts: Vec<Alert> = flows.iter().take(ALERTS).map(known::alert).collect();
    let trace = |alert: &Alert| {
        let room = Arena::new();
        settle(alert, &site, |question| memory.answer(question, &room))
    };
    let traced = alerts.iter().filter(|alert| trace(alert).status == Status::Traced).count();
    assert!(traced > ALERTS * 99 / 100, "{traced} alerts were traced");
    bencher.counter(ItemsCount::new(alerts.len())).bench_local(|| {
        for alert in &alerts {
            black_box(trace(black_box(alert)));
        }
    });
}
