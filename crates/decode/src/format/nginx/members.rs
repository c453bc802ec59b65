//! The members of a JSON line that hold variables, called as these or as the layout says.

use super::layout::Var;
use crate::json;
use std::collections::BTreeMap;

/// The values of one line by the numbers of their variables, as they are written; `None` is one that is not
/// there.
pub(super) type Found<'a> = json::Found<'a, { Var::COUNT }>;

/// Finds them.
#[derive(Clone)]
pub(super) struct Members {
    members: json::Members<{ Var::COUNT }>,
    /// Which member holds a variable, by its number; `None` if none does. Several variables may share one.
    places: [Option<usize>; Var::COUNT],
}

impl Members {
    /// Of members that are called so, by the names of their variables; without names, as these.
    pub(super) fn new(names: Option<&BTreeMap<String, String>>) -> Self {
        let mut asked: Vec<&str> = Vec::with_capacity(Var::COUNT);
        let places = Var::ALL.map(|(variable, ..)| {
            let name = names.map_or(Some(variable), |names| names.get(variable).map(String::as_str))?;
            let known = asked.iter().position(|known| *known == name);
            Some(known.unwrap_or_else(|| {
                asked.push(name);
                asked.len() - 1
            }))
        });
        // For what is not logged there is a name as well, which no place leads to.
        let unasked: Vec<_> = (0..2 * Var::COUNT).map(|number| format!("-{number}")).collect();
        let others: Vec<_> =
            unasked.iter().map(String::as_str).filter(|name| !asked.contains(name)).collect();
        asked.extend(others);
        Self { members: json::Members::new(std::array::from_fn(|slot| asked[slot])), places }
    }

    /// Whether a log has such a member.
    pub(super) fn has(&self, var: Var) -> bool {
        self.places[var as usize].is_some()
    }

    /// The values of a line that is one object and nothing else; `None` if it is none.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Option<Found<'a>> {
        // Where a header stands before the object, what is known of the object's shape need not suffer.
        if !line.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r']).starts_with('{') {
            return None;
        }
        let found = self.members.read(line)?;
        Some(self.places.map(|place| found[place?]))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::layout, *};
    use crate::json::{Object, scalar};

    #[test]
    fn a_variable_stands_at_its_number() {
        for (number, (name, var, _)) in Var::ALL.into_iter().enumerate() {
            assert_eq!((var as usize, var.name()), (number, name));
        }
    }

    #[test]
    fn a_variable_has_the_member_that_the_layout_says_and_no_other() {
        let layouts = [
            None,
            Some(r#"{"ip":"$remote_addr","at":$msec,"-0":"$status","":"$request","status":"$uri"}"#),
            Some(r#"{"remote_addr":"$msec","msec":"$remote_addr","a\u0062":"${http_host}"}"#),
            Some(r#"{"ip":"$remote_addr","ip":"$realip_remote_addr","t":"$msec","t":"$time_local"}"#),
        ];
        let lines = [
            r#"{"ip":"192.0.2.1","at":1.5,"-0":200,"":"GET / HTTP/1.1","status":"x","-1":1,"-2":2}"#,
            r#"{"remote_addr":"192.0.2.1","msec":"1","ab":"x\u0020y","status":404,"request":null}"#,
            r#"{"ip":"192.0.2.1","ip":"192.0.2.2","t":"","\u0074":1,"msec":[{"ip":1}],"\u002d0":7}"#,
            r#" {"remote_addr" : "-" } "#,
            "\u{feff}{}",
            "<13>{}",
            "[]",
        ];
        for layout in layouts {
            let names = layout.map(|layout| layout::members(layout).unwrap());
            let mut members = Members::new(names.as_ref());
            for line in lines.iter().chain(&lines).flat_map(|line| [line, line]) {
                let (found, object) = (members.read(line), Object::parse(line));
                assert_eq!(found.is_some(), object.is_some(), "{line}");
                let (Some(found), Some(object)) = (found, object) else { continue };
                for (name, var, _) in Var::ALL {
                    let name = names.as_ref().map_or(Some(name), |names| Some(&**names.get(name)?));
                    let value = found[var as usize];
                    assert_eq!(members.has(var), name.is_some());
                    assert_eq!(value.is_some(), name.is_some_and(|name| object.has(name)), "{line}");
                    assert_eq!(value.and_then(scalar), name.and_then(|name| object.scalar(name)), "{line}");
                }
            }
        }
    }
}
