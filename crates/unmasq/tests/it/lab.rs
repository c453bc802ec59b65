//! The recorded lab, held against its truth.

use crate::run::Workplace;
use unmasq_testkit::lab::{Score, score};

fn scored(clock_bound: &str) -> Score {
    let place = Workplace::with_lab();
    let lab = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";
    let traced = place.run(&format!("{lab} --quiet --clock-bound {clock_bound}")).well().out;
    score(&traced, &place.read("truth.jsonl")).unwrap()
}

#[test]
fn nobody_innocent_is_named_and_nearly_everybody_else_is() {
    for bound in ["50ms", "500ms", "1s", "2s"] {
        let score = scored(bound);
        assert_eq!(score.wrong().count(), 0, "at {bound}:\n{score}");
        let clients = &score.clients;
        assert_eq!(clients.ends, 139);
        assert!(clients.right >= 133, "at {bound}:\n{score}");
        assert_eq!(clients.right + clients.ambiguous, clients.ends, "at {bound}:\n{score}");
    }
}

#[test]
fn whoever_was_called_through_a_rule_is_named() {
    let score = scored("500ms");
    assert_eq!((score.servers.ends, score.servers.right), (9, 9), "{score}");
    assert_eq!((score.edges.ends, score.edges.right), (2, 2), "{score}");
    assert_eq!((score.balanced.ends, score.balanced.right), (53, 53), "{score}");
}
