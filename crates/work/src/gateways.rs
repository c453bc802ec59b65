//! Which gateways were met, and how their switches were turned.

use crate::{Reader, Work, WorkError};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unmasq_model::{Arrival, GatewayName, LogTime, Switch, Switches};

/// Which of a gateway's two switches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchClass {
    /// That for alerts about attacks.
    Attack,
    /// That for alerts about sensitive data that left.
    Sensitive,
}

impl SwitchClass {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Attack, Self::Sensitive];

    /// What it is called, where it is written down.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Sensitive => "sensitive",
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// How a switch was turned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turned {
    /// Which one.
    pub class: SwitchClass,
    /// From when on, in log time.
    pub at: LogTime,
    /// Whether it is on from then on.
    pub on: bool,
    /// Who turned it: the name of a token, or `configuration`.
    pub who: String,
}

/// A gateway that was met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownGateway {
    /// When it was met first.
    pub met: Arrival,
    /// Whether its switches were on before anybody turned them.
    pub initially: bool,
    /// How they were turned, in that order.
    pub turned: Vec<Turned>,
}

impl KnownGateway {
    /// What that comes to. Each act is from its moment on: if our clock was set back in between, what was said before
    /// of later moments is over.
    #[must_use]
    pub fn switches(&self) -> Switches {
        let of = |class: SwitchClass| {
            let mut kept: Vec<(LogTime, bool)> = Vec::new();
            for turned in self.turned.iter().filter(|turned| turned.class == class) {
                kept.retain(|(at, _)| *at <= turned.at);
                kept.push((turned.at, turned.on));
            }
            let mut switch = Switch::initially(self.initially);
            kept.into_iter().for_each(|(at, on)| switch.turn(at, on));
            switch
        };
        Switches { attack: of(SwitchClass::Attack), sensitive: of(SwitchClass::Sensitive) }
    }
}

impl Work {
    /// Notes gateways that were met now, with whether their switches are on. One that is known already stays as it is.
    ///
    /// # Errors
    /// When they cannot be written; then none of them is.
    pub fn meet<'g>(
        &mut self,
        gateways: impl IntoIterator<Item = (&'g GatewayName, bool)>,
        now: Arrival,
    ) -> Result<(), WorkError> {
        self.whole(|transaction| {
            let insert = "INSERT OR IGNORE INTO gateways (name, met, initially) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(insert)?;
            for (name, on) in gateways {
                insert.execute(params![name.as_str(), now.as_unix_us(), on])?;
            }
            Ok(())
        })
    }

    /// Turns both switches of a gateway that the configuration names by now.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn configure(&mut self, gateway: &GatewayName, at: LogTime) -> Result<(), WorkError> {
        self.whole(|transaction| {
            SwitchClass::ALL
                .into_iter()
                .try_for_each(|class| turn(transaction, gateway, class, (at, true), CONFIGURATION))
        })
    }
}

/// Who turned a switch that nobody turned.
const CONFIGURATION: &str = "configuration";

pub(crate) fn turn(
    transaction: &Transaction<'_>,
    gateway: &GatewayName,
    class: SwitchClass,
    (at, on): (LogTime, bool),
    who: &str,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO switches (gateway, class, at, is_on, who) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.execute(insert, params![gateway.as_str(), class.name(), at.as_unix_us(), on, who])?;
    Ok(())
}

impl Reader {
    /// All gateways that were met.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub fn gateways(&self) -> Result<BTreeMap<GatewayName, KnownGateway>, WorkError> {
        let mut known = BTreeMap::new();
        let query = "SELECT name, met, initially FROM gateways";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let column = |error| self.failed()(error);
            let name = GatewayName::from(row.get::<_, String>(0).map_err(column)?);
            let met = Arrival::from_unix_us(row.get(1).map_err(column)?);
            let initially = row.get(2).map_err(column)?;
            known.insert(name, KnownGateway { met, initially, turned: Vec::new() });
        }
        let query = "SELECT gateway, class, at, is_on, who FROM switches ORDER BY sequence";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let turned = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .map_err(self.failed())?;
        for turned in turned {
            let (gateway, class, at, on, who) = turned.map_err(self.failed())?;
            let damaged = || WorkError::damaged(&self.path, "a switch is none that there is");
            let class = SwitchClass::called(&class).ok_or_else(damaged)?;
            let at = LogTime::from_unix_us(at).ok_or_else(damaged)?;
            let known = known.get_mut(&GatewayName::from(gateway)).ok_or_else(damaged)?;
            known.turned.push(Turned { class, at, on, who });
        }
        Ok(known)
    }
}
