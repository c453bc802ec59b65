use super::check;

#[test]
fn in_small_worlds_the_service_keeps_its_promises() {
    // In 310 a late record shows that a log began earlier than was said.
    for seed in (0..6).chain([310]) {
        let checked = check(seed, false).unwrap();
        assert!(checked.broken.is_empty(), "{}", checked.broken.join("\n"));
    }
}

#[test]
fn a_seed_means_the_same_steps() {
    let seed = 7;
    assert_eq!(check(seed, false).unwrap().tally.print, check(seed, false).unwrap().tally.print);
}
