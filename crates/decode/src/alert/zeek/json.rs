//! The JSON lines of Zeek (`LogAscii::use_json`), one file a log or all in one stream with `_path`.

use super::{Field, Kind, NAMES, read as read_line};
use crate::{Unreadable, alert::Reading, json::Object};
use std::borrow::Cow;

pub(in crate::alert) fn read(line: &Object<'_>) -> Reading {
    if !is_of_zeek(line) {
        return Reading::Unreadable(Unreadable::because(
            "it is not of Zeek: it has no `ts`, or is of no log that Zeek writes",
        ));
    }
    let kind = Kind::of(line.scalar("_path").as_deref(), |field| get(line, field).is_some());
    read_line(kind, |field| get(line, field))
}

/// Whether any log of Zeek has such lines.
pub(in crate::alert) fn fits(line: &Object<'_>) -> bool {
    is_of_zeek(line)
}

fn is_of_zeek(line: &Object<'_>) -> bool {
    let marks = [Field::Note, Field::State].into_iter().any(|field| get(line, field).is_some());
    let named = |name| line.at(name).is_some();
    named("ts") && (marks || named("_path") || named("id.orig_h") || named("id_orig_h"))
}

fn get<'a>(line: &Object<'a>, wanted: Field) -> Option<Cow<'a, str>> {
    NAMES.iter().filter(|(field, _)| *field == wanted).find_map(|(_, name)| line.at(name))
}
