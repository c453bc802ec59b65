use super::*;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["a", "name", "longer_name", "longer_names", "", "é"];

fn members() -> Members<6> {
    Members::new(NAMES)
}

/// Whether a line is read as the slow way reads it, by a reader that has seen `before`.
fn holds(before: &[&str], line: &str) -> bool {
    let mut fast = members();
    for line in before {
        fast.read(line);
    }
    let slow = members().surely(line).map(|places| places.of(line));
    let mut places = Places::nowhere();
    let in_bytes = fast.clone().find_in_bytes(line.as_bytes(), &mut places).then(|| places.of(line));
    assert_eq!(in_bytes, slow, "{line}");
    assert!(flat(line).is_none_or(|places| Some(places.of(line)) == slow), "{line}");
    [
        fast.scan(line, &mut |_, _| None).is_none_or(|places| Some(places.of(line)) == slow),
        fast.read(line) == slow,
        fast.read(line) == slow,
    ] == [true; 3]
}

/// The values of a flat object, if it is taken for one.
fn flat(line: &str) -> Option<Places<6>> {
    let (mut members, mut places) = (members(), Places::nowhere());
    members.flat.find(line.as_bytes(), &members.names, &mut places).then_some(places)
}

#[test]
fn a_flat_object_is_read_in_any_order() {
    let unasked = r#""no_name_of_ours":"and a text","another":0,"a_name_that_is_long":"","x,":"1:","":"""#;
    for ours in [
        r#""a":1,"name":"x","longer_name":12345678901234,"longer_names":"203.0.113.1""#,
        r#""longer_names":"a text that is longer than others","name":"","a":"{,:}""#,
        r#""longer_name":0,"longer_names":"12","a":7"#,
    ] {
        for line in [format!("{{{ours},{unasked}}}"), format!("{{{unasked},{ours}}}\r\n")] {
            let slow = members().surely(&line).map(|places| places.of(&line));
            assert!(slow.is_some());
            assert_eq!(flat(&line).map(|places| places.of(&line)), slow, "{line}");
        }
    }
}

#[test]
fn what_is_not_quite_a_flat_object_is_none() {
    let line =
        r#"{"a":12,"name":"x","longer_name":"203.0.113.1","others":"a text of some length, and so on"}"#;
    assert!(flat(line).is_some());
    for (from, to) in [
        (",", ""),
        (",", ",,"),
        (",", "}"),
        (":", ""),
        (":", "::"),
        ("\"", ""),
        ("\"", "\"\""),
        ("}", ""),
        ("}", ",}"),
        ("}", "}}"),
        ("{", ""),
        ("{", "{,"),
        ("12", ""),
        ("12", "012"),
        ("12", "1 2"),
        ("12", "-12"),
        ("12", "1.2"),
        ("12", "null"),
        ("12", "[1,2]"),
        ("12", "{\"b\":1}"),
        ("12", "1\"b"),
        ("x", "\\u0041"),
        ("x", "é"),
        ("x", "\u{1}"),
        ("x", "\",\"b"),
        ("name", "a"),
        (":", ": "),
    ] {
        for (at, _) in line.match_indices(from) {
            let changed = format!("{}{to}{}", &line[..at], &line[at + from.len()..]);
            let slow = members().surely(&changed).map(|places| places.of(&changed));
            assert!(flat(&changed).is_none_or(|places| Some(places.of(&changed)) == slow), "{changed}");
            assert!(slow.is_some() || flat(&changed).is_none(), "{changed}");
        }
    }
}

#[test]
fn values_are_found_as_they_are_written() {
    let mut members = members();
    let line = r#" { "name" : "x\"y" ,"b":[1,{"a":2}],"a":-1.5e3, "longer_name":{"a":[]} , "é":null } "#;
    for _ in 0..3 {
        let want = [Some("-1.5e3"), Some(r#""x\"y""#), Some(r#"{"a":[]}"#), None, None, Some("null")];
        assert_eq!(members.read(line), Some(want));
    }
    assert_eq!(members.read("\u{feff}{}\r\n"), Some([None; 6]));
    assert_eq!(
        members.read(r#"{"a":1,"a":1,"name":2}"#),
        Some([Some(""), Some("2"), None, None, None, None])
    );
    assert_eq!(members.read(r#"{"a":1,"\u0061":1}"#).map(|found| found[0]), Some(Some("")));
}

#[test]
fn what_is_no_text_is_no_object() {
    let mut members = members();
    let line = r#"{"a":1,"name":"xy"}"#;
    for _ in 0..3 {
        assert!(members.find_in_bytes(line.as_bytes(), &mut Places::nowhere()));
        for (at, byte) in [(14, 0xff), (15, 0xe9), (2, 0x80), (17, 0xc3)] {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] = byte;
            assert!(!members.find_in_bytes(&bytes, &mut Places::nowhere()), "{at}");
        }
    }
}

#[test]
fn a_line_of_the_known_shape_is_still_held_to_json() {
    let mut members = members();
    let line = r#"{"a":1,"b":"x","name":true}"#;
    for (from, to) in [
        ("1", "01"),
        ("1", "1."),
        ("1", "+1"),
        ("1", ""),
        ("1", "-"),
        ("1", "1e"),
        ("1", "1 2"),
        ("1", "tru"),
        ("x", "\t"),
        ("x", "\\"),
        ("x", "\\x"),
        ("x", "\\u12g4"),
        ("x", "\""),
        ("true", "truE"),
        ("true", "nul"),
        ("true", "[1,]"),
        ("true", "[,]"),
        ("true", "{,}"),
        ("true", "{\"a\"}"),
        ("true", "[1}"),
        ("}", "} x"),
        ("}", ""),
        ("}", "}}"),
        ("}", ",}"),
        ("{", "{{"),
    ] {
        assert!(members.read(line).is_some());
        assert_eq!(members.read(&line.replacen(from, to, 1)), None, "{from} as {to}");
    }
}

#[test]
fn no_nest_is_too_deep_and_no_line_too_long_to_be_read() {
    for depth in [62, 63, 64, 65, 10_000] {
        let line = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(holds(&[&line], &line), "{depth}");
    }
    let many: Vec<_> = (0..2_000).map(|at| format!("\"x{at}\":{at}")).collect();
    let line = format!("{{{},\"a\":1}}", many.join(","));
    assert!(holds(&[&line], &line));
    let mut members = members();
    members.read(&line);
    assert!(!members.shape.known && members.shape.parts.len() <= PARTS);
}

#[test]
fn texts_and_names_of_every_length_are_read_wherever_the_line_ends() {
    for length in 0..200 {
        let (long, digits) = ("x".repeat(length), "1".repeat(length));
        for line in [
            format!("{{\"a\":\"{long}\"}}"),
            format!("{{\"a\":{digits}}}"),
            format!("{{\"a\":{digits} , \"name\":\"{long}\" }}"),
            format!("{{\"{long}\":1,\"name\":2}}"),
        ] {
            assert!(holds(&[&line], &line), "{line}");
            for byte in ["\"", "\\", "\u{1}", "é", "{", ","] {
                for at in (0..line.len()).rev().take(20).chain(0..20.min(line.len())) {
                    let (mut changed, mut longer) = (line.clone(), line.clone());
                    changed.replace_range(at..=at, byte);
                    longer.insert_str(at, byte);
                    assert!(holds(&[&line], &changed), "{line} {changed}");
                    assert!(holds(&[&line], &longer), "{line} {longer}");
                    assert!(holds(&[&line], &line[..at]), "{line} {at}");
                }
            }
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(
            &[
                "1",
                "-0",
                "0.5",
                "1e9",
                "-2.5E+10",
                "true",
                "false",
                "null",
                "\"\"",
                "01",
                "1.",
                "nul",
                "\"\u{1}\""
            ][..]
        )
        .prop_map(str::to_owned),
        r#"[a-z,:{}\[\] é]{0,20}"#.prop_map(|text| serde_json::Value::from(text).to_string()),
        r#""(\\[nrtbfu/"\\]|[0-9a-f]{4}|.){0,12}""#,
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            object(inner, 4),
        ]
    })
}

fn object(value: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        4 => "[a-z_]{1,14}",
        1 => Just("\\u0061".to_owned()),
    ];
    let space = prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    let member = (name, space, value).prop_map(|(name, s, value)| format!("{s}\"{name}\"{s}:{s}{value}{s}"));
    prop::collection::vec(member, 0..most).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn flat_object() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        prop::sample::select(&NAMES[..5]).prop_map(str::to_owned),
        "[a-z_:,]{0,14}",
        "[a-z_]{15,40}",
    ];
    let value = prop_oneof!["[1-9][0-9]{0,17}", "0", "\"[0-9.]{0,15}\"", "\"[a-z:, {}]{0,40}\""];
    let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(member, 2..12).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #[test]
    fn a_flat_object_reads_as_any_does(
        lines in prop::collection::vec(flat_object(), 1..6),
        at in any::<prop::sample::Index>(),
        put in prop_oneof![Just(""), Just("\""), Just(","), Just(":"), Just("\":"), Just(",\""), Just("0"), Just("}"), Just(" ")],
        length in 0..3_usize,
    ) {
        for line in &lines {
            prop_assert!(holds(&lines.iter().map(String::as_str).collect::<Vec<_>>(), line), "{line}");
            let mut changed = line.clone();
            let at = at.index(line.len());
            changed.replace_range(at..(at + length).min(line.len()), put);
            prop_assert!(holds(&[line], &changed), "{changed}");
        }
    }

    #[test]
    fn both_ways_read_the_same(
        line in object(value(), 7),
        cut in any::<prop::sample::Index>(),
        byte in prop::sample::select(&b"\"\\{}[]:, 0-.eE\x01tn"[..]),
    ) {
        prop_assert!(holds(&[], &line), "{line}");
        // The same shape with one byte changed, or cut short.
        let mut changed = line.clone().into_bytes();
        changed[cut.index(line.len())] = byte;
        let changed = String::from_utf8_lossy(&changed).into_owned();
        prop_assert!(holds(&[&line], &changed), "{line} {changed}");
        let short = line.get(..cut.index(line.len())).unwrap_or_default();
        prop_assert!(holds(&[&line], short), "{line} {short}");
    }

    #[test]
    fn an_object_that_is_read_at_once_reads_the_same(inner in object(value(), 4), other in object(value(), 4), line in object(value(), 4)) {
        // Two lines of one shape, with an object of ours in a wanted place.
        let with = |inner: &str| line.replacen('{', &format!("{{\"name\":{inner},"), 1).replace(",}", "}");
        let (mut outer, mut nested) = (members(), members());
        for line in [with(&inner), with(&inner), with(&other), with(&inner)] {
            let mut read = None;
            let found = outer.read_nested(&line, &mut |slot, rest| {
                read = nested.read_front(rest).filter(|_| slot == 1);
                read.map(|(_, length)| length)
            });
            let slow = members().surely(&line).map(|places| places.of(&line));
            if let Some(found) = found {
                prop_assert_eq!(Some(found), slow, "{}", line);
                let inner = found[1].unwrap_or_default();
                match read {
                    Some((read, length)) if !inner.is_empty() => {
                        prop_assert_eq!((Some(read), length), (members().surely(inner).map(|places| places.of(inner)), inner.len()), "{}", line);
                    }
                    _ => drop(nested.read(inner)),
                }
            }
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,60}", json in r#"[{}\[\]":,\\ a0.e-]{0,40}"#) {
        for text in [text, json] {
            prop_assert!(holds(&["{}"], &text), "{text}");
        }
    }
}
