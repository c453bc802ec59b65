use super::*;
use proptest::{collection::vec, prelude::*};

impl Name for u8 {
    fn number(self) -> usize {
        self.into()
    }
}

fn text(text: &str) -> Part<u8> {
    Part::Text(text.to_owned())
}

const fn field(name: u8, shape: Shape) -> Part<u8> {
    Part::Field(Some(name), shape)
}

/// Two fields of a line, `?` where they are not decided, or nothing if the line is none of the layout's.
fn divide(parts: &[Part<u8>], line: &str) -> Option<[String; 2]> {
    let layout = Layout::new(parts.to_vec()).unwrap();
    let mut division = Division::default();
    let cells = layout.read(line, &mut division)?;
    let cell = |name| cells.get(name).map_or("?".to_owned(), |cell| cell.unwrap_or("none").to_owned());
    Some([cell(1), cell(2)])
}

fn told<const N: usize>(cells: [&str; N]) -> Option<[String; N]> {
    Some(cells.map(str::to_owned))
}

#[test]
fn an_address_with_colons_ends_at_the_last_of_them() {
    let parts = [field(1, Shape::Word), text(":"), field(2, Shape::Number), text(" [")];
    assert_eq!(divide(&parts, "192.0.2.1:80 ["), told(["192.0.2.1", "80"]));
    assert_eq!(divide(&parts, "2001:db8::66:37284 ["), told(["2001:db8::66", "37284"]));
    assert_eq!(divide(&parts, "2001:db8::66:37284 [x"), None, "the line goes on");
}

#[test]
fn what_a_client_could_have_written_is_not_decided() {
    let parts = |shape| [text("\""), field(1, shape), text("\" to="), field(2, Shape::Word)];
    let line = r#""GET /" to=10.0.0.9" to=10.0.0.1"#;
    assert_eq!(divide(&parts(Shape::Free), line), told(["GET /\" to=10.0.0.9", "10.0.0.1"]));
    let twice = r#""GET /" to=a" to=b" to=c"#;
    assert_eq!(divide(&parts(Shape::Free), twice).unwrap()[1], "c", "a word has no quotes");
    let parts = [field(1, Shape::Free), text(" "), field(2, Shape::Free), text(" "), field(3, Shape::Free)];
    assert_eq!(divide(&parts, "a b c"), told(["a", "b"]));
    assert_eq!(divide(&parts, "a b c d"), told(["?", "?"]));
}

#[test]
fn a_field_that_nobody_asks_for_may_be_undecided() {
    let parts = [
        field(1, Shape::Word),
        text(" "),
        Part::Field(None, Shape::Free),
        text(" "),
        Part::Field(None, Shape::Free),
    ];
    assert_eq!(divide(&parts, "192.0.2.1 a b c"), told(["192.0.2.1", "none"]));
}

#[test]
fn a_list_keeps_its_blanks() {
    let parts = [field(1, Shape::List), text(" "), field(2, Shape::List)];
    assert_eq!(divide(&parts, "a:1, b:2 : c:3 502, - : 200"), told(["a:1, b:2 : c:3", "502, - : 200"]));
    assert_eq!(divide(&parts, "- -"), told(["-", "-"]));
}

#[test]
fn captures_may_be_missing_with_their_blank() {
    let parts = [text("0/0 "), field(1, Shape::Captures), text("\""), field(2, Shape::Unquoted), text("\"")];
    assert_eq!(divide(&parts, r#"0/0 {a|b} "x""#), told(["{a|b}", "x"]));
    assert_eq!(divide(&parts, r#"0/0 "x""#), told(["", "x"]));
    assert_eq!(divide(&parts, r#"0/0 {a "x""#), None);
}

#[test]
fn a_width_is_filled_with_blanks() {
    let parts = [text("x "), field(1, Shape::Padded), text(" "), field(2, Shape::Word)];
    assert_eq!(divide(&parts, "x     12 a"), told(["12", "a"]));
    assert_eq!(divide(&parts, "x 123456 a"), told(["123456", "a"]));
    assert_eq!(divide(&parts, "x        "), None);
}

#[test]
fn a_hostile_line_is_given_up_soon() {
    let mut parts = Vec::new();
    for _ in 0..200 {
        parts.extend([field(1, Shape::Free), text("a")]);
    }
    let layout = Layout::new(parts).unwrap();
    let is_read = |line: &str| layout.read(line, &mut Division::default()).is_some();
    assert!(!is_read(&"a".repeat(LINE)));
    assert!(!is_read(&"a".repeat(LINE + 1)));
    assert!(is_read(&"a".repeat(200)));
    let endless = (0..2 * PARTS).map(|_| field(1, Shape::Word));
    assert!(Layout::new(endless).is_err());
}

const SHAPES: [Shape; 9] = [
    Shape::Number,
    Shape::Padded,
    Shape::Word,
    Shape::Clock,
    Shape::List,
    Shape::Unquoted,
    Shape::Escaped,
    Shape::Free,
    Shape::Captures,
];

/// Fields and literals in any order; the fields are called after their places, those that are asked for.
fn parts(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Part<u8>>> {
    let literal = proptest::sample::select(&["", " ", " ", ":", "/", "\"", " \"", "\" ", " a", "}"][..]);
    let shape = proptest::sample::select(&SHAPES[..]);
    vec((shape, any::<bool>(), literal), count).prop_map(|fields| {
        let fields = (0_u8..).zip(fields).flat_map(|(name, (shape, is_asked, literal))| {
            [Part::Field(is_asked.then_some(name), shape), text(literal)]
        });
        fields.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_was_written_is_read_again(ip in "[0-9a-f:.]{1,20}", port in 0..65536_u32, agent in "[^\"]{0,30}", last in "[^\"]{0,9}") {
        let parts = [
            field(1, Shape::Word), text(":"), Part::Field(None, Shape::Number),
            text(" \""), field(2, Shape::Unquoted), text("\" \""), Part::Field(None, Shape::Unquoted), text("\""),
        ];
        let line = format!("{ip}:{port} \"{agent}\" \"{last}\"");
        prop_assert_eq!(divide(&parts, &line), told([&ip, &agent]));
    }

    #[test]
    fn the_quick_way_is_the_plain_one(
        parts in parts(1..9),
        values in vec("[a1]{0,3}|[a1/:]{0,3}|[a1 :/\"{}.,é-]{0,4}", 9),
        damage in proptest::option::of((0..40_usize, "[a1 :/\"{}.,-]?")),
    ) {
        let Ok(layout) = Layout::new(parts.clone()) else { return Ok(()) };
        let mut values = values.iter();
        let written = parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Field(..) => values.next().map_or("", String::as_str),
        });
        let mut line: String = written.collect();
        if let Some((at, other)) = damage && line.is_char_boundary(at) && line.is_char_boundary(at + 1) {
            line.replace_range(at..(at + 1).min(line.len()), &other);
        }
        let mut division = Division::default();
        let read = layout.read(&line, &mut division).map(|cells| slowly::values(&cells));
        prop_assert_eq!(read, slowly::read(&layout, &line), "{}", line);
    }

    #[test]
    fn layouts_in_turn_are_as_each_by_itself(
        layouts in vec(parts(1..5), 1..5),
        lines in vec("[a1]{0,3}[ :/][a1]{0,3}([ :/\"][a1]{0,3}){0,3}", 1..4),
        wanted in vec(any::<bool>(), 5),
    ) {
        let layouts: Vec<_> = layouts.into_iter().filter_map(|parts| Layout::new(parts).ok()).collect();
        let together = Layouts::new(layouts.clone());
        let mut division = Division::default();
        for line in &lines {
            let read = together.find_map(line, &mut division, |at, cells| wanted[at].then(|| (at, slowly::values(&cells))));
            let each = layouts.iter().enumerate().find_map(|(at, layout)| {
                let cells = slowly::read(layout, line).filter(|_| wanted[at])?;
                Some((at, cells))
            });
            prop_assert_eq!(read, each, "{}", line);
        }
    }

    #[test]
    fn no_line_is_a_panic(line in ".{0,60}", shapes in vec(0..9_usize, 1..8)) {
        for between in ["", " ", ":"] {
            let parts = shapes.iter().flat_map(|&at| [field(1, SHAPES[at]), text(between)]);
            if let Some(cells) = Layout::new(parts).unwrap().read(&line, &mut Division::default()) {
                let _ = cells.get(1);
            }
        }
    }
}
