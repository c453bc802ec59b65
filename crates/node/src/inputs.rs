//! What was given on a command line, each file once, however often and in whatever words it was named.

use crate::NodeError;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt::Display,
    fs,
};
use unmasq_io::source::{Found, Location, Origin};

/// Every file of `given` once, in order of location, with the format that somebody stated for it.
///
/// The order in which they were given does not matter: a stated format wins over none, a name over a
/// folder that the file lies in, the shortest name over its others.
///
/// # Errors
/// When two formats were stated for one file.
pub(crate) fn each_once<F: Clone + PartialEq + Display>(
    given: Vec<(Found, Option<F>)>,
) -> Result<Vec<(Found, Option<F>)>, NodeError> {
    let mut files: BTreeMap<Location, (Found, Option<F>)> = BTreeMap::new();
    for (found, format) in given {
        match files.entry(itself(&found.location)) {
            Entry::Vacant(free) => {
                free.insert((found, format));
            }
            Entry::Occupied(mut known) => {
                let (first, stated) = known.get_mut();
                merge(first, found);
                match (stated.as_ref(), format) {
                    (Some(one), Some(other)) if *one != other => {
                        let mut formats = [one.to_string(), other.to_string()];
                        formats.sort();
                        return Err(NodeError::TwoFormats { file: first.location.to_string(), formats });
                    }
                    (None, format) => *stated = format,
                    _ => {}
                }
            }
        }
    }
    let mut files: Vec<_> = files.into_values().collect();
    files.sort_by(|(a, _), (b, _)| a.location.cmp(&b.location));
    Ok(files)
}

/// The file behind a location: `a.log` and `./a.log` are one. What cannot be looked at stands for itself.
fn itself(location: &Location) -> Location {
    match location {
        Location::File(path) => Location::File(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
        Location::Stdin => Location::Stdin,
    }
}

fn merge(known: &mut Found, other: Found) {
    let named = known.origin == Origin::Named || other.origin == Origin::Named;
    let length = |found: &Found| found.location.to_string().len();
    if (length(&other), &other.location) < (length(known), &known.location) {
        *known = other;
    }
    if named {
        known.origin = Origin::Named;
    }
}
