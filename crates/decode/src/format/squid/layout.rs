//! Squid's `logformat`: `%` codes with a way of quoting, a width and an argument.

use crate::{
    BadLayout,
    layout::{Layout, Name, Part, Shape},
};

/// A code that tells something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    ClientAddr,
    ClientPort,
    ClientLocalAddr,
    ClientLocalPort,
    LocalAddr,
    LocalPort,
    ServerAddr,
    ServerPort,
    OutAddr,
    OutPort,
    Seconds,
    Millis,
    Time,
    Elapsed,
    Result,
    Hierarchy,
    Url,
}

impl Name for Code {
    fn number(self) -> usize {
        self as usize
    }
}

impl Code {
    const ALL: [(&'static str, Self, Shape); 18] = [
        (">a", Self::ClientAddr, Shape::Word),
        (">p", Self::ClientPort, Shape::Number),
        (">la", Self::ClientLocalAddr, Shape::Word),
        (">lp", Self::ClientLocalPort, Shape::Number),
        ("la", Self::LocalAddr, Shape::Word),
        ("lp", Self::LocalPort, Shape::Number),
        ("<a", Self::ServerAddr, Shape::Word),
        ("<p", Self::ServerPort, Shape::Number),
        ("<la", Self::OutAddr, Shape::Word),
        ("<lp", Self::OutPort, Shape::Number),
        ("ts", Self::Seconds, Shape::Number),
        ("tu", Self::Millis, Shape::Number),
        ("tl", Self::Time, Shape::Clock),
        ("tg", Self::Time, Shape::Clock),
        ("tr", Self::Elapsed, Shape::Number),
        ("Ss", Self::Result, Shape::Word),
        ("Sh", Self::Hierarchy, Shape::Word),
        ("ru", Self::Url, Shape::Padded),
    ];

    /// Codes that tell nothing here, but whose shape helps to divide a line.
    const SHAPES: [(&'static str, Shape); 10] = [
        (">Hs", Shape::Number),
        ("<Hs", Shape::Number),
        ("Hs", Shape::Number),
        ("<st", Shape::Number),
        (">st", Shape::Number),
        ("st", Shape::Number),
        ("dt", Shape::Number),
        ("rm", Shape::Padded),
        ("un", Shape::Padded),
        ("ui", Shape::Padded),
    ];

    /// Its name, with the percent sign, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ClientAddr => "%>a",
            Self::ClientPort => "%>p",
            Self::ClientLocalAddr => "%>la",
            Self::ClientLocalPort => "%>lp",
            Self::LocalAddr => "%la",
            Self::LocalPort => "%lp",
            Self::ServerAddr => "%<a",
            Self::ServerPort => "%<p",
            Self::OutAddr => "%<la",
            Self::OutPort => "%<lp",
            Self::Seconds => "%ts",
            Self::Millis => "%tu",
            Self::Time => "%tl",
            Self::Elapsed => "%tr",
            Self::Result => "%Ss",
            Self::Hierarchy => "%Sh",
            Self::Url => "%ru",
        }
    }

    fn part(code: &str, has_width: bool) -> Part<Self> {
        let bare = code.strip_prefix("http::").unwrap_or(code);
        let known =
            Self::ALL.iter().find(|(name, ..)| *name == bare).map(|(_, code, shape)| (Some(*code), *shape));
        let shape = Self::SHAPES.iter().find(|(name, _)| *name == bare).map(|(_, shape)| (None, *shape));
        let (code, shape) = known.or(shape).unwrap_or((None, Shape::Free));
        Part::Field(code, if has_width && shape != Shape::Clock { Shape::Padded } else { shape })
    }
}

/// Compiles a format string.
///
/// # Errors
/// When it is none, or lacks what every record needs: the client, the server, a time and a duration.
pub(super) fn compile(text: &str) -> Result<Layout<Code>, BadLayout> {
    let layout = Layout::new(parts(text)?)?;
    for code in [Code::ClientAddr, Code::ServerAddr, Code::Elapsed] {
        if !layout.has(code) {
            return Err(BadLayout(format!("it has no `{}`", code.name())));
        }
    }
    if !layout.has(Code::Seconds) && !layout.has(Code::Time) {
        return Err(BadLayout("it has none of `%ts`, `%tl` and `%tg`".to_owned()));
    }
    Ok(layout)
}

fn parts(text: &str) -> Result<Vec<Part<Code>>, BadLayout> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('%') {
        parts.push(Part::Text(literal.to_owned()));
        if let Some(after) = after.strip_prefix('%') {
            parts.push(Part::Text("%".to_owned()));
            rest = after;
            continue;
        }
        let (part, after) = field(after)?;
        parts.push(part);
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

/// One code and what follows it: `["[]['#/]`, `-`, `03`, `.2`, `{argument}`, the code, `{argument}`.
fn field(text: &str) -> Result<(Part<Code>, &str), BadLayout> {
    let quoted = text.strip_prefix(['"', '[', '\'', '#', '/']).unwrap_or(text);
    if quoted.starts_with('-') {
        return Err(BadLayout(format!("`%{}`: values that blanks follow are not told apart", head(text))));
    }
    let code = quoted.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let has_width = code.len() != quoted.len() && !quoted.starts_with('0');
    let code = argument(code)?;
    let sided = code.strip_prefix(['<', '>']).unwrap_or(code);
    let named = sided.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
    // `ssl::>sni`, `http::<st`, `icap::tt`: the name of a family comes first.
    let named = match named.strip_prefix("::") {
        Some(rest) => {
            let rest = rest.strip_prefix(['<', '>']).unwrap_or(rest);
            rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
        }
        None => named,
    };
    let name = &code[..code.len() - named.len()];
    if name.trim_start_matches(['<', '>']).is_empty() {
        return Err(BadLayout(format!("`%{}` names no code", head(text))));
    }
    Ok((Code::part(name, has_width), argument(named)?))
}

/// What follows an argument in braces, if there is one.
fn argument(text: &str) -> Result<&str, BadLayout> {
    match text.strip_prefix('{') {
        Some(inner) => match inner.split_once('}') {
            Some((_, rest)) => Ok(rest),
            None => Err(BadLayout(format!("`{}` has no closing brace", head(text)))),
        },
        None => Ok(text),
    }
}

/// The first characters of what is wrong.
fn head(text: &str) -> &str {
    text.char_indices().nth(16).map_or(text, |(end, _)| &text[..end])
}
