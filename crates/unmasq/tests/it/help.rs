//! What the program says about itself, as a new user reads it.

use crate::run::Workplace;

#[test]
fn the_help_texts_are_these() {
    let place = Workplace::new();
    for command in ["", "trace", "lookup", "inspect", "demo"] {
        let help = place.run(&format!("{command} --help")).well().out;
        let name = format!("help_{}", if command.is_empty() { "unmasq" } else { command });
        insta::assert_snapshot!(name, help);
    }
    insta::assert_snapshot!("help_in_short", place.run("-h").well().out);
}

#[test]
fn without_a_command_there_is_help() {
    let place = Workplace::new();
    place.run("").exits(2).says("Commands:").says("demo");
    place.run("trac").exits(2).says("trace");
}

#[test]
fn something_to_know_from_is_needed() {
    let place = Workplace::with_lab();
    place.run("trace --alerts eve.json").exits(1).says("--inventory").says("--sessions");
    place.run("lookup 203.0.113.10 --at 2026-11-22T10:58:00Z").exits(1).says("--sessions");
    place.run("lookup 203.0.113.10 --inventory inventory.json").exits(2).says("--at <TIME>|--from <TIME>");
}
