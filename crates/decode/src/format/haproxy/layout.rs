//! HAProxy's `log-format`: `%` items with flags, names and sample expressions.

use crate::{
    BadLayout,
    layout::{Layout, Name, Part, Shape},
};

/// An item that tells something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    ClientIp,
    ClientPort,
    PeerIp,
    PeerPort,
    FrontendIp,
    FrontendPort,
    Frontend,
    Backend,
    Server,
    ServerIp,
    ServerPort,
    SourceIp,
    SourcePort,
    AcceptDate,
    AcceptSeconds,
    AcceptMillis,
    RequestDate,
    Handshake,
    Idle,
    Active,
    Total,
    Status,
    State,
    Retries,
    Request,
    Method,
    Uri,
    Path,
    Query,
    Host,
    Agent,
    Captured,
}

impl Name for Item {
    fn number(self) -> usize {
        self as usize
    }
}

/// The items by their short names, with their shapes.
const ITEMS: [(&str, Item, Shape); 36] = [
    ("ci", Item::ClientIp, Shape::Word),
    ("cp", Item::ClientPort, Shape::Number),
    ("fi", Item::FrontendIp, Shape::Word),
    ("fp", Item::FrontendPort, Shape::Number),
    ("f", Item::Frontend, Shape::Word),
    ("ft", Item::Frontend, Shape::Word),
    ("b", Item::Backend, Shape::Word),
    ("s", Item::Server, Shape::Word),
    ("si", Item::ServerIp, Shape::Word),
    ("sp", Item::ServerPort, Shape::Number),
    ("bi", Item::SourceIp, Shape::Word),
    ("bp", Item::SourcePort, Shape::Number),
    ("t", Item::AcceptDate, Shape::Clock),
    ("T", Item::AcceptDate, Shape::Clock),
    ("Tl", Item::AcceptDate, Shape::Clock),
    ("Ts", Item::AcceptSeconds, Shape::Number),
    ("ms", Item::AcceptMillis, Shape::Number),
    ("tr", Item::RequestDate, Shape::Clock),
    ("trg", Item::RequestDate, Shape::Clock),
    ("trl", Item::RequestDate, Shape::Clock),
    ("Th", Item::Handshake, Shape::Number),
    ("Ti", Item::Idle, Shape::Number),
    ("Ta", Item::Active, Shape::Number),
    ("Tt", Item::Total, Shape::Number),
    ("ST", Item::Status, Shape::Number),
    ("ts", Item::State, Shape::Word),
    ("tsc", Item::State, Shape::Word),
    ("rc", Item::Retries, Shape::Number),
    ("r", Item::Request, Shape::Unquoted),
    ("HM", Item::Method, Shape::Unquoted),
    ("HU", Item::Uri, Shape::Unquoted),
    ("HP", Item::Path, Shape::Unquoted),
    ("HPO", Item::Path, Shape::Unquoted),
    ("HQ", Item::Query, Shape::Unquoted),
    ("hr", Item::Captured, Shape::Captures),
    // An answer's captured headers tell nothing here.
    ("hs", Item::Captured, Shape::Captures),
];

/// Numbers that tell nothing here, but whose shape helps to divide a line.
const NUMBERS: [&str; 18] = [
    "ac", "fc", "bc", "sc", "sq", "bq", "lc", "B", "U", "TR", "Tw", "Tc", "Tr", "Td", "Tq", "Tu", "pid", "rt",
];

/// Sample expressions that mean the same as an item, or a header.
const SAMPLES: [(&str, Item, Shape); 26] = [
    ("src", Item::ClientIp, Shape::Word),
    ("src_port", Item::ClientPort, Shape::Number),
    ("fc_src", Item::PeerIp, Shape::Word),
    ("fc_src_port", Item::PeerPort, Shape::Number),
    ("dst", Item::FrontendIp, Shape::Word),
    ("dst_port", Item::FrontendPort, Shape::Number),
    ("fe_name", Item::Frontend, Shape::Word),
    ("be_name", Item::Backend, Shape::Word),
    ("srv_name", Item::Server, Shape::Word),
    ("bc_dst", Item::ServerIp, Shape::Word),
    ("bc_dst_port", Item::ServerPort, Shape::Number),
    ("bc_src", Item::SourceIp, Shape::Word),
    ("bc_src_port", Item::SourcePort, Shape::Number),
    ("txn.status", Item::Status, Shape::Number),
    ("txn.sess_term_state", Item::State, Shape::Word),
    ("txn.timer.total", Item::Active, Shape::Number),
    ("method", Item::Method, Shape::Word),
    ("capture.req.method", Item::Method, Shape::Word),
    ("capture.req.uri", Item::Uri, Shape::Free),
    ("pathq", Item::Uri, Shape::Free),
    ("req.hdr(host)", Item::Host, Shape::Free),
    ("req.fhdr(host)", Item::Host, Shape::Free),
    ("hdr(host)", Item::Host, Shape::Free),
    ("req.hdr(user-agent)", Item::Agent, Shape::Free),
    ("req.fhdr(user-agent)", Item::Agent, Shape::Free),
    ("hdr(user-agent)", Item::Agent, Shape::Free),
];

/// Which flags hold for an item.
#[derive(Clone, Copy, Default)]
struct Flags {
    quoted: bool,
    hexadecimal: bool,
}

/// Compiles a format string.
///
/// # Errors
/// When it is none, or has no client.
pub(super) fn compile(text: &str) -> Result<Layout<Item>, BadLayout> {
    let layout = Layout::new(parts(text)?)?;
    if !layout.has(Item::ClientIp) && !layout.has(Item::PeerIp) {
        return Err(BadLayout("it has no `%ci`: nothing tells the client".to_owned()));
    }
    Ok(layout)
}

fn parts(text: &str) -> Result<Vec<Part<Item>>, BadLayout> {
    let mut parts: Vec<Part<Item>> = Vec::new();
    let mut global = Flags::default();
    let mut literal = String::new();
    let text = without_backslashes(text);
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '%' if rest.starts_with('%') => {
                literal.push('%');
                rest = &rest[1..];
            }
            '%' => {
                let (item, after) = Written::take(rest, global)?;
                rest = after;
                if item.name == "o" {
                    global = item.flags;
                    continue;
                }
                parts.push(Part::Text(std::mem::take(&mut literal)));
                let before = parts.len();
                parts.extend(item.parts()?);
                // Where nothing was captured, the blank after it is missing too; the field has it.
                let captures = matches!(parts[before..], [Part::Field(_, Shape::Captures)]);
                if captures {
                    rest = rest.trim_start_matches(' ');
                }
            }
            // Several blanks are written as one.
            ' ' if literal.ends_with(' ') || (literal.is_empty() && parts.is_empty()) => {}
            c => literal.push(c),
        }
    }
    parts.push(Part::Text(literal));
    Ok(parts)
}

/// A backslash before a blank or a quote is how a configuration file writes it.
fn without_backslashes(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        bare.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    bare
}

/// One item as it is written: `%{+Q}r`, `%(name)ci`, `%[src,conv]`.
struct Written<'a> {
    flags: Flags,
    name: &'a str,
    is_sample: bool,
}

impl<'a> Written<'a> {
    /// The item that `text`, behind a percent sign, begins with, and what follows it.
    fn take(text: &'a str, global: Flags) -> Result<(Self, &'a str), BadLayout> {
        let open = |bracket: char| BadLayout(format!("`%{}` has no closing `{bracket}`", head(text)));
        let (mut flags, mut rest) = (global, text);
        // A name and flags, in whichever order.
        loop {
            if let Some(named) = rest.strip_prefix('(') {
                rest = named.split_once(')').ok_or_else(|| open(')'))?.1;
            } else if let Some(flagged) = rest.strip_prefix('{') {
                let (written, after) = flagged.split_once('}').ok_or_else(|| open('}'))?;
                flags.change(written)?;
                rest = after;
            } else {
                break;
            }
        }
        if let Some(sample) = rest.strip_prefix('[') {
            let end = end_of_sample(sample).ok_or_else(|| open(']'))?;
            return Ok((Self { flags, name: &sample[..end], is_sample: true }, &sample[end + 1..]));
        }
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        // Names are of any length and may run into a word: the longest that is one counts.
        let known = (1..=end).rev().find(|&end| is_item(&rest[..end]));
        let end = known.ok_or_else(|| BadLayout(format!("`%{}` is no item of a log format", head(text))))?;
        Ok((Self { flags, name: &rest[..end], is_sample: false }, &rest[end..]))
    }

    /// What it stands for in a line.
    fn parts(&self) -> Result<Vec<Part<Item>>, BadLayout> {
        let (item, shape) = if self.is_sample { sample(self.name) } else { item(self.name) };
        if self.flags.hexadecimal && item.is_some() && shape != Shape::Unquoted {
            return Err(BadLayout(format!("`%{}` is written in hexadecimal", self.name)));
        }
        if !self.flags.quoted || matches!(shape, Shape::Number | Shape::Clock) {
            return Ok(vec![Part::Field(item, shape)]);
        }
        let shape = if shape == Shape::Captures { Shape::Unquoted } else { shape };
        let quote = || Part::Text("\"".to_owned());
        Ok(vec![quote(), Part::Field(item, shape), quote()])
    }
}

impl Flags {
    fn change(&mut self, written: &str) -> Result<(), BadLayout> {
        for flag in written.split(',').map(str::trim).filter(|flag| !flag.is_empty()) {
            let on = flag.starts_with('+');
            match flag.trim_start_matches(['+', '-']) {
                "Q" => self.quoted = on,
                "X" => self.hexadecimal = on,
                // Escapes change nothing in what is relied upon; a dash for what is missing is always there.
                "E" | "M" => {}
                _ => return Err(BadLayout(format!("the flag `{flag}` is not read"))),
            }
        }
        Ok(())
    }
}

fn item(name: &str) -> (Option<Item>, Shape) {
    match ITEMS.iter().find(|(known, ..)| *known == name) {
        // What an answer captured is not what the request did.
        Some((_, Item::Captured, shape)) if name != "hr" => (None, *shape),
        Some((_, item, shape)) => (Some(*item), *shape),
        None if NUMBERS.contains(&name) => (None, Shape::Number),
        None => (None, Shape::Free),
    }
}

fn sample(expression: &str) -> (Option<Item>, Shape) {
    let expression = expression.trim().to_ascii_lowercase();
    let found = SAMPLES.iter().find(|(known, ..)| *known == expression);
    found.map_or((None, Shape::Free), |(_, item, shape)| (Some(*item), *shape))
}

/// Whether HAProxy knows an item of that name.
fn is_item(name: &str) -> bool {
    const OTHERS: [&str; 13] =
        ["CC", "CS", "H", "HV", "ID", "hrl", "hsl", "sslc", "sslv", "Tsc", "trb", "OG", "o"];
    ITEMS.iter().any(|(known, ..)| *known == name) || NUMBERS.contains(&name) || OTHERS.contains(&name)
}

/// Where a sample expression ends: at the bracket that is in no parentheses.
fn end_of_sample(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (c == ']' && depth == 0).then_some(at)
    })
}

/// The first characters of what is wrong.
fn head(text: &str) -> &str {
    text.char_indices().nth(16).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        compile(text).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_is_named() {
        assert!(fault("%ci:%cp %{+Q").ends_with("`%{+Q` has no closing `}`"));
        assert!(fault("%ci:%cp %[src").ends_with("`%[src` has no closing `]`"));
        assert!(fault("%ci:%zz").ends_with("`%zz` is no item of a log format"));
        assert!(fault("%{+X}ci:%cp").ends_with("`%ci` is written in hexadecimal"));
        assert!(fault("%{+json}o %(c)ci").ends_with("the flag `+json` is not read"));
        assert!(fault("[%t] %ft").ends_with("it has no `%ci`: nothing tells the client"));
        assert!(fault("plain").ends_with("it has no field"));
    }

    #[test]
    fn a_layout_may_be_written_as_in_a_configuration_file() {
        let layout =
            compile(r"%{+Q}o\ %{-Q}(ip)ci:%cp\ [%tr]  %ft %[capture.req.hdr(0),json(a[b])] 100%% %r")
                .unwrap();
        let mut division = crate::layout::Division::default();
        let cells = layout
            .read(r#"192.0.2.1:80 [22/Nov/2026:10:57:50.823] "fe" "x" 100% "GET / HTTP/1.1""#, &mut division)
            .unwrap();
        assert_eq!(cells.get(Item::ClientPort), Ok(Some("80")));
        assert_eq!(cells.get(Item::Frontend), Ok(Some("fe")));
        assert_eq!(cells.get(Item::Request), Ok(Some("GET / HTTP/1.1")));
    }
}
