//! Records that are stored together.

use crate::{Other, Plain};
use unmasq_model::{GatewayName, Realm, SourceName};
use unmasq_segment::Names;

/// Records that are stored together, in any order.
#[derive(Clone, Debug, Default)]
pub struct Lot {
    /// Plain sessions, each once for every hour that it is [filed](crate::hours::filed) under.
    pub rows: Vec<Plain>,
    /// What their names are.
    pub names: Book,
    /// All other records.
    pub others: Vec<Other>,
}

impl Lot {
    /// Adds what another has.
    pub fn append(&mut self, other: Self) {
        let Self { mut rows, names, mut others } = other;
        if self.rows.is_empty() && self.names == Book::default() {
            (self.rows, self.names) = (rows, names);
        } else {
            let here = self.names.numbers_of(&names.0);
            rows.iter_mut().for_each(|row| here.renumber(row));
            self.rows.append(&mut rows);
        }
        self.others.append(&mut others);
    }
}

/// Names that get numbers as they come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Book(Names);

/// What the names of another book have for numbers in this one.
struct Numbers {
    gateways: Vec<u32>,
    realms: Vec<u32>,
    logs: Vec<u32>,
    files: Vec<u32>,
}

impl Numbers {
    fn renumber(&self, row: &mut Plain) {
        row.gateway = self.gateways[row.gateway as usize];
        row.log = self.logs[row.log as usize];
        row.file = self.files[row.file as usize];
        row.set_realm(row.realm().map(|realm| self.realms[realm as usize]));
    }
}

impl Book {
    /// The number of a gateway.
    pub fn gateway(&mut self, name: &GatewayName) -> u32 {
        number(&mut self.0.gateways, name)
    }

    /// The number of a realm.
    pub fn realm(&mut self, name: &Realm) -> u32 {
        number(&mut self.0.realms, name)
    }

    /// The number of a log.
    pub fn log(&mut self, name: &SourceName) -> u32 {
        number(&mut self.0.logs, name)
    }

    /// The number of a file.
    pub fn file(&mut self, name: &SourceName) -> u32 {
        number(&mut self.0.files, name)
    }

    /// All of them, by their numbers.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.0
    }

    fn numbers_of(&mut self, other: &Names) -> Numbers {
        Numbers {
            gateways: other.gateways.iter().map(|name| self.gateway(name)).collect(),
            realms: other.realms.iter().map(|name| self.realm(name)).collect(),
            logs: other.logs.iter().map(|name| self.log(name)).collect(),
            files: other.files.iter().map(|name| self.file(name)).collect(),
        }
    }
}

/// Few names, and those that come are nearly always among the last: to look from the end is fast enough.
fn number<N: Clone + PartialEq>(names: &mut Vec<N>, name: &N) -> u32 {
    let place = names.iter().rposition(|known| known == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    });
    u32::try_from(place).expect("fewer names than 2³²")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_that_are_put_together_keep_their_names() {
        let lot = |gateway: &str, realm: Option<&str>| {
            let mut lot = Lot::default();
            let mut row = Plain::default();
            row.gateway = lot.names.gateway(&gateway.into());
            row.log = lot.names.log(&"nat.log".into());
            row.file = lot.names.file(&"nat.log.1".into());
            row.set_realm(realm.map(|realm| lot.names.realm(&realm.into())));
            lot.rows.push(row);
            lot
        };
        let mut all = Lot::default();
        for (gateway, realm) in [("a", None), ("b", Some("vpc-b")), ("a", Some("vpc-a"))] {
            all.append(lot(gateway, realm));
        }
        let Book(names) = &all.names;
        let told = |row: &Plain| {
            let realm = row.realm().map(|realm| names.realms[realm as usize].as_str());
            (names.gateways[row.gateway as usize].as_str(), realm)
        };
        let told: Vec<_> = all.rows.iter().map(told).collect();
        assert_eq!(told, [("a", None), ("b", Some("vpc-b")), ("a", Some("vpc-a"))]);
        assert_eq!((names.logs.len(), names.files.len()), (1, 1));
    }
}
