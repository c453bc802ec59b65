//! What the numbers of names stand for.

use crate::{Plain, column::Text, damaged::Broken};
use serde_json::{Value, json};
use unmasq_model::{GatewayName, Realm, SourceName};

/// Names by the numbers that rows have of them. A file's own are in order, each once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Names {
    /// Gateways, for [`Plain::gateway`].
    pub gateways: Vec<GatewayName>,
    /// Realms, for [`Plain::realm`].
    pub realms: Vec<Realm>,
    /// Logs, for [`Plain::log`].
    pub logs: Vec<SourceName>,
    /// Files of logs, for [`Plain::file`].
    pub files: Vec<SourceName>,
}

impl Names {
    /// One of the lists, as texts.
    pub(crate) fn texts(&self, text: Text) -> Box<dyn Iterator<Item = &str> + '_> {
        match text {
            Text::Gateway => Box::new(self.gateways.iter().map(GatewayName::as_str)),
            Text::Realm => Box::new(self.realms.iter().map(Realm::as_str)),
            Text::Log => Box::new(self.logs.iter().map(SourceName::as_str)),
            Text::File => Box::new(self.files.iter().map(SourceName::as_str)),
        }
    }

    fn of(list: impl Fn(Text) -> Vec<String>) -> Self {
        Self {
            gateways: list(Text::Gateway).into_iter().map(GatewayName::from).collect(),
            realms: list(Text::Realm).into_iter().map(Realm::from).collect(),
            logs: list(Text::Log).into_iter().map(SourceName::from).collect(),
            files: list(Text::File).into_iter().map(SourceName::from).collect(),
        }
    }

    /// All names of several files, in order.
    pub(crate) fn union(all: &[&Self]) -> Self {
        Self::of(|text| {
            let mut list: Vec<&str> = all.iter().flat_map(|names| names.texts(text)).collect();
            list.sort_unstable();
            list.dedup();
            list.into_iter().map(str::to_owned).collect()
        })
    }

    /// Those of which `used` says so.
    pub(crate) fn kept(&self, used: impl Fn(Text, usize) -> bool) -> Self {
        Self::of(|text| {
            let kept = self.texts(text).enumerate().filter(|&(i, _)| used(text, i));
            kept.map(|(_, name)| name.to_owned()).collect()
        })
    }

    /// How many bytes of memory they take.
    pub(crate) fn memory(&self) -> usize {
        // Each has a pointer with a length, and two counts beside its text.
        Text::ALL.iter().flat_map(|&text| self.texts(text)).map(|name| name.len() + 32).sum()
    }

    pub(crate) fn to_json(&self) -> String {
        let list = |text| self.texts(text).map(Value::from).collect::<Value>();
        json!({
            "gateways": list(Text::Gateway),
            "realms": list(Text::Realm),
            "logs": list(Text::Log),
            "files": list(Text::File),
        })
        .to_string()
    }

    pub(crate) fn from_json(json: &str) -> Result<Self, Broken> {
        let lists: Value = serde_json::from_str(json).map_err(|_| "the names are not JSON")?;
        let list = |key: &str| -> Option<Vec<String>> {
            let list = lists.get(key)?.as_array()?;
            let list: Vec<String> =
                list.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
            list.is_sorted_by(|a, b| a < b).then_some(list)
        };
        match [list("gateways"), list("realms"), list("logs"), list("files")] {
            [Some(gateways), Some(realms), Some(logs), Some(files)] => Ok(Self {
                gateways: gateways.into_iter().map(GatewayName::from).collect(),
                realms: realms.into_iter().map(Realm::from).collect(),
                logs: logs.into_iter().map(SourceName::from).collect(),
                files: files.into_iter().map(SourceName::from).collect(),
            }),
            _ => Err("the names are not four lists in order"),
        }
    }
}

/// From the numbers of some names to those of other, ordered names that have all of them.
pub(crate) struct Renumbering {
    lists: [Vec<u32>; 4],
}

impl Renumbering {
    pub(crate) fn new(from: &Names, to: &Names) -> Self {
        let lists = Text::ALL.map(|text| {
            let to: Vec<&str> = to.texts(text).collect();
            let number = |name| to.binary_search(&name).ok().and_then(|i| u32::try_from(i).ok());
            from.texts(text).map(|name| number(name).unwrap_or(u32::MAX)).collect()
        });
        Self { lists }
    }

    /// The same row with the other numbers; `None` if it has one that stands for nothing.
    pub(crate) fn apply(&self, row: &Plain) -> Option<Plain> {
        let [gateways, realms, logs, files] = &self.lists;
        let number = |list: &Vec<u32>, i: u32| list.get(usize::try_from(i).ok()?).copied();
        let mut row = *row;
        row.gateway = number(gateways, row.gateway)?;
        row.log = number(logs, row.log)?;
        row.file = number(files, row.file)?;
        if let Some(realm) = row.realm() {
            row.set_realm(Some(number(realms, realm)?));
        }
        Some(row)
    }
}
