use std::num::NonZero;
use unmasq_testkit::{
    laws::{Checked, check},
    tally::Tally,
    world::{Connection, Entry, World},
};

/// Checks the worlds of some seeds, spread over the machine's cores; in order of seed.
fn check_all(seeds: std::ops::Range<u64>) -> Vec<Checked> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let seeds: Vec<u64> = seeds.collect();
    let share = seeds.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = seeds
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(|&seed| check(seed)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no world panics")).collect()
    })
}

#[test]
fn a_thousand_small_worlds() {
    let mut tally = Tally::default();
    for checked in check_all(0..1_000) {
        tally.add(&checked.tally);
        if let Some(broken) = checked.broken.first() {
            panic!("{broken}");
        }
    }
    // A law that no world ever tests is no law.
    for hard in [
        "entry that another host's follows",
        "truth: behind several gateways",
        "truth: the gateway itself",
        "truth: nobody",
        "answer: traced, certain (complete logs)",
        "answer: traced, certain (other logs)",
        "answer: traced, likely (other logs)",
        "answer: ambiguous",
        "answer: partial",
        "answer: untraced",
        "reason: ambiguous, clock-bound",
        "reason: ambiguous, no-ports",
        "oracle: decidable (complete logs)",
        "oracle: undecidable (complete logs)",
        "truth: one of several backends of a connection",
        "balancer: request that was tried again",
        "balancer: request that it answered itself",
        "balancer: request: decidable (complete logs)",
        "balancer: request: undecidable (complete logs)",
        "balancer: request: traced, certain",
        "balancer: request: traced, likely",
        "balancer: request: ambiguous, same-request",
        "balancer: request: answer with attempts",
        "balancer: request: answer through two gateways",
        "balancer: connection: decidable (complete logs)",
        "balancer: connection: undecidable (complete logs)",
        "balancer: connection: traced, certain",
        "balancer: connection: traced, likely",
        "balancer: connection: ambiguous, same-request",
        "balancer: connection: answer through two gateways",
        "balancer: connection: untraced, network-layer",
    ] {
        assert!(tally.count(hard) >= 20, "too few worlds have `{hard}`:\n{tally}");
    }
}

#[test]
fn no_translated_tuple_is_ever_held_twice_at_once() {
    let key = |e: &Entry| (e.translation.protocol, e.translation.outside, e.translation.remote);
    for seed in 0..300 {
        for nat in &World::from_seed(seed).history.nats {
            for (place, entry) in nat.entries.iter().enumerate() {
                let later = &nat.entries[place + 1..];
                for rival in later.iter().filter(|other| key(other) == key(entry)) {
                    assert!(entry.stop <= rival.start(), "seed {seed}: {entry:?} overlaps {rival:?}");
                }
                assert!(entry.packets.iter().all(|(at, _, _)| *at <= entry.stop), "seed {seed}: {entry:?}");
            }
        }
    }
}

#[test]
fn a_client_port_has_one_connection_to_a_listener_at_a_time() {
    let key = |c: &Connection| (c.balancer, c.listener, c.client);
    for balancers in (0..300).filter_map(|seed| World::from_seed(seed).balancers) {
        for (place, connection) in balancers.connections.iter().enumerate() {
            let others =
                || balancers.connections[place + 1..].iter().filter(|other| key(other) == key(connection));
            let apart =
                |other: &Connection| connection.closed < other.opened || other.closed < connection.opened;
            assert!(others().all(apart), "{connection:?}");
            assert!(
                connection.exchanges.iter().all(|e| connection.opened < e.start && e.end < connection.closed)
            );
        }
    }
}

#[test]
fn seeds_that_once_broke_a_law_stay_mended() {
    const SEEDS: [u64; 41] = [
        1_019, 1_099, 1_112, 2_577, 2_670, 2_697, 2_749, 2_835, 3_349, 3_922, 4_924, 5_394, 7_459, 9_681,
        14_253, 17_450, 18_720, 20_490, 23_096, 24_798, 25_910, 27_315, 32_377, 41_636, 57_879,
        62_971, // Balancers.
        16, 20, 30, 129, 198, 343, 418, 699, 771, 975, 1_330, 1_582, 1_712, 2_502, 3_038,
    ];
    for seed in SEEDS {
        if let Some(broken) = check(seed).broken.first() {
            panic!("{broken}");
        }
    }
}
