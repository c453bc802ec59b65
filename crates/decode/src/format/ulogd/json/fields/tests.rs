use super::*;
use crate::{damaged::damaged, json::Object};
use proptest::prelude::*;

const SAMPLES: [&str; 3] = [
    include_str!("../../../../../../../corpus/ulogd-json/forms/input.jsonl"),
    include_str!("../../../../../../../corpus/ulogd-json/hostile/input.jsonl"),
    include_str!("../../../../../../../corpus/ulogd-json/lab-events/input.jsonl"),
];

/// Holds the members of lines that one reader reads to those of whole objects.
fn hold<'a>(lines: impl IntoIterator<Item = &'a str>) {
    let mut reader = Reader::new();
    for line in lines {
        let (fields, object) = (reader.read(line), Object::parse(line));
        assert_eq!(fields.is_some(), object.is_some(), "{line}");
        let (Some(fields), Some(object)) = (fields, object) else { continue };
        for (name, written) in NAMES.into_iter().zip(fields.0) {
            assert_eq!(written.is_some(), object.has(name), "{name} of {line}");
            assert_eq!(written.and_then(scalar), object.scalar(name), "{name} of {line}");
        }
    }
}

fn samples() -> Vec<&'static str> {
    SAMPLES.iter().flat_map(|sample| sample.lines()).collect()
}

#[test]
fn the_members_of_the_samples_are_those_of_whole_objects() {
    hold(samples());
}

proptest! {
    /// One reader for all lines: what one of them is like must not show in what the next is read as.
    #[test]
    fn the_members_of_damaged_lines_are_those_of_whole_objects(
        damages in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..20_usize, prop_oneof![
                any::<char>().prop_map(String::from),
                "\"(src_ip|ct\\.event|c\\\\u0074\\.event)\": (1|null|\"\"|\\{\\}), |[{}\\[\\]\",:\\\\]|",
            ]),
            1..12,
        ),
    ) {
        hold(damaged(&samples(), &damages).iter().map(String::as_str));
    }
}
