//! `unmasq demo`: the first thing that a newcomer runs.

use crate::run::{Ran, Workplace};
use std::fs;

#[test]
fn the_story_is_told() {
    insta::assert_snapshot!("demo", Workplace::new().run("demo").well().out);
}

#[cfg(unix)]
#[test]
fn it_needs_no_place_to_write() {
    use std::os::unix::fs::PermissionsExt;
    let place = Workplace::new();
    fs::set_permissions(place.path("."), fs::Permissions::from_mode(0o555)).unwrap();
    place.run("demo").well();
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), 0);
    fs::set_permissions(place.path("."), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_files_that_it_leaves_can_be_used_as_it_says() {
    let place = Workplace::new();
    let story = place.run("demo --keep some/lab").well().out;
    let (_, steps) = story.split_once("Try it yourself\n").unwrap();
    let mut steps = steps.lines().map(str::trim);
    assert_eq!(steps.next(), Some("cd some/lab"));
    let mut run = 0;
    for step in steps {
        let step: Vec<&str> = step.strip_prefix("unmasq ").unwrap().split(' ').collect();
        let mut command = place.command(env!("CARGO_BIN_EXE_unmasq"));
        Ran::of(command.current_dir(place.path("some/lab")).args(step).spawn().unwrap()).well();
        run += 1;
    }
    assert_eq!(run, 2);
    assert!(place.path("some/lab/traced.json").is_file());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let place = Workplace::new();
    place.write("file", "");
    place.run("demo --keep file/lab").exits(1).says("file/lab");
}
