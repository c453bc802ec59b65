//! The reference in the documents, made of the commented example.

use super::EXAMPLE;
use std::fmt::Write;

/// One table of the file.
#[derive(Default)]
struct Section {
    /// As it is written, such as `[[listen]]`; nothing for what stands before any.
    name: String,
    what: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    value: String,
    is_default: bool,
    what: String,
}

/// Every key with its meaning, as Markdown.
fn reference() -> String {
    let mut text = "# Configuration reference\n\n\
        Made of `unmasq config example` by `UNMASQ_ACCEPT=1 cargo test -p unmasq --bin unmasq -- reference`. Paths are meant from the \
        folder that\nthe file lies in; durations are written `500ms`, `90s`, `20m`, `6h`, `90d`. An unknown key is refused.\n"
        .to_owned();
    for Section { name, what, keys } in sections() {
        let title = if name.is_empty() { "Before any table".to_owned() } else { format!("`{name}`") };
        let _ = write!(text, "\n## {title}\n\n");
        if !what.is_empty() {
            let _ = write!(text, "{what}\n\n");
        }
        text += "| key | | means |\n| --- | --- | --- |\n";
        for Key { name, value, is_default, what } in keys {
            let how = if is_default { "default" } else { "for example" };
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(text, "| `{name}` | {how} `{}` | {} |", cell(&value), cell(&what));
        }
    }
    text
}

fn sections() -> Vec<Section> {
    let (mut sections, mut said) = (vec![Section::default()], Vec::new());
    for line in EXAMPLE.lines().skip(3) {
        let (is_default, bare) = match line.strip_prefix("#= ") {
            Some(bare) => (true, bare),
            None => (false, line.strip_prefix("# ").unwrap_or(line)),
        };
        if bare.starts_with('[') && bare.ends_with(']') {
            let what = std::mem::take(&mut said).join(" ");
            sections.push(Section { name: bare.to_owned(), what, keys: Vec::new() });
        } else if let Some((name, value)) = bare.split_once(" = ").filter(|(name, _)| is_key(name)) {
            let (value, note) = value.split_once("  # ").unwrap_or((value, ""));
            said.extend(Some(note.trim()).filter(|note| !note.is_empty()));
            let what = std::mem::take(&mut said).join(" ");
            let (name, value) = (name.to_owned(), value.trim().to_owned());
            if let Some(section) = sections.last_mut() {
                section.keys.push(Key { name, value, is_default, what });
            }
        } else if !bare.is_empty() {
            said.push(bare);
        }
    }
    sections
}

fn is_key(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter))
}

#[test]
fn the_committed_reference_is_this_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("UNMASQ_ACCEPT").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == reference(),
        "docs/configuration.md is stale: UNMASQ_ACCEPT=1 cargo test -p unmasq --bin unmasq -- reference"
    );
}

#[test]
fn nothing_is_left_without_a_meaning() {
    for Section { name, keys, .. } in sections() {
        assert!(!keys.is_empty(), "{name} has no key");
        for key in keys {
            assert!(!key.what.is_empty(), "{name} {} says nothing", key.name);
        }
    }
}
