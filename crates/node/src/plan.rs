//! What will be read: which files make one log, in which format, of which gateway.

use crate::{NodeError, Unread, coverage::Stated, inputs::each_once};
use jiff::tz::TimeZone;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use unmasq_decode::{Decoder, Format, Hints, Names, ProcessFormat, alert};
use unmasq_io::{
    inventory::{Inventory, LogFile},
    source::{
        Found, Frames, Input, LINE_LIMIT, Location, Meter, Origin, ReadError, SAMPLE_BYTES, expand,
        expand_in, families, open,
    },
};
use unmasq_model::{GatewayName, LogTime, Realm, SourceName};

/// Everything that a run may know of: the inventory, and the files.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The site's description.
    pub inventory: Option<PathBuf>,
    /// A store of sessions, in place of logs.
    pub store: Option<PathBuf>,
    /// Session logs; if there are none, those that the inventory names.
    pub sessions: Vec<SessionsArg>,
    /// Session logs that are sent to a service, beside those: folders of files. That there is nothing yet is no error.
    pub heard: Vec<SessionsArg>,
    /// Process records.
    pub processes: Vec<String>,
    /// For times that carry no zone.
    pub zone: Option<TimeZone>,
    /// How far clocks may be from the sensor's, where the inventory does not say.
    pub clock_bound: Option<Duration>,
    /// The realm in which the sensor listens, where the inventory's is not meant.
    pub sensor_realm: Option<Realm>,
}

/// Session logs as somebody typed them: `PATH`, `FORMAT:PATH` or `FORMAT[LAYOUT]:PATH`, where `PATH`
/// may be a folder, a pattern or `-`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionsArg {
    /// The format, if it was said.
    pub format: Option<Format>,
    /// The writer's own format string, if it was said.
    pub layout: Option<Arc<str>>,
    /// The path, folder or pattern.
    pub path: String,
}

impl From<&str> for SessionsArg {
    fn from(text: &str) -> Self {
        // A layout may have brackets and colons of its own.
        let with_layout = text.rsplit_once("]:").and_then(|(head, path)| {
            let (format, layout) = head.split_once('[')?;
            Some((format, Some(layout), path))
        });
        let plain = text.split_once(':').map(|(format, path)| (format, None, path));
        for (format, layout, path) in with_layout.into_iter().chain(plain) {
            if let Ok(format) = format.parse() {
                return Self { format: Some(format), layout: layout.map(Arc::from), path: path.into() };
            }
        }
        Self { format: None, layout: None, path: text.into() }
    }
}

/// One log that will be read.
pub(crate) struct LogPlan {
    pub(crate) name: SourceName,
    pub(crate) gateway: GatewayName,
    pub(crate) files: Vec<Found>,
    pub(crate) format: Format,
    /// How the format was found, for the report.
    pub(crate) how: String,
    pub(crate) facts: LogFacts,
    /// Standard input, if that is the log: it can be opened only once, and telling its format did.
    pub(crate) opened: RefCell<Option<Input>>,
    /// What short pipes brought, by the place of their file, so that they can be read again.
    pub(crate) remembered: RefCell<BTreeMap<u32, Arc<[u8]>>>,
}

/// What somebody said about a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFacts {
    pub(crate) zone: Option<TimeZone>,
    pub(crate) clock_bound: Option<Duration>,
    pub(crate) since: Option<LogTime>,
    pub(crate) until: Option<LogTime>,
    pub(crate) complete: bool,
    pub(crate) layout: Option<Arc<str>>,
    pub(crate) taken: Option<LogTime>,
    pub(crate) names: Arc<Names>,
}

impl LogFacts {
    /// What the inventory says about a log of it.
    pub(crate) fn of(log: &LogFile, inventory: &Inventory) -> Self {
        let names = inventory.balancers.iter().find(|balancer| balancer.gateway == log.gateway);
        Self {
            layout: log.log_format.as_deref().map(Arc::from),
            taken: log.taken,
            names: names.map(|balancer| Arc::clone(&balancer.names)).unwrap_or_default(),
            zone: log.zone.clone(),
            clock_bound: log.clock_bound,
            since: log.since,
            until: log.until,
            complete: log.complete,
        }
    }
}

impl LogFacts {
    /// What of it is about the time that the log covers.
    pub(crate) fn stated(&self) -> Stated {
        let Self { clock_bound, since, until, complete, .. } = *self;
        Stated { clock_bound, since, until, complete }
    }
}

/// A pipe that brings no more than this is remembered.
const REMEMBERED_BYTES: usize = 16 * 1024 * 1024;

impl LogPlan {
    /// Opens the file of that number; `again`: it may be opened once more later.
    ///
    /// # Errors
    /// As [`open`].
    pub(crate) fn open(&self, number: u32, again: bool, meter: &Meter) -> Result<Input, ReadError> {
        let found = &self.files[number as usize];
        if let Some(bytes) = self.remembered.borrow().get(&number) {
            let bytes = io::Cursor::new(Arc::clone(bytes));
            return Input::from_reader(found.location.to_string(), bytes, meter);
        }
        let mut input = self.opened.take().map_or_else(|| open(&found.location, meter), Ok)?;
        if again && found.bytes.is_none() {
            let all = input.sample(REMEMBERED_BYTES + 1);
            if all.len() <= REMEMBERED_BYTES {
                self.remembered.borrow_mut().insert(number, all.into());
            }
        }
        Ok(input)
    }

    /// Whether one of its files can be opened only once, and was.
    pub(crate) fn is_gone(&self) -> bool {
        let remembered = self.remembered.borrow();
        (0u32..)
            .zip(&self.files)
            .any(|(number, found)| found.bytes.is_none() && !remembered.contains_key(&number))
    }

    /// A decoder for one of its files.
    pub(crate) fn decoder(&self, file: &Location) -> Result<Box<dyn Decoder>, NodeError> {
        let LogFacts { zone, layout, taken, names, since, .. } = self.facts.clone();
        // A file is not older than its log, whatever a copy made of its time.
        let hints = Hints { zone, layout, taken, written: last_written(file).max(since), names };
        self.format.decoder(&hints).map_err(|why| NodeError::BadLayout { file: file.to_string(), why })
    }
}

/// When a file was last written to; now, for standard input.
pub(crate) fn last_written(file: &Location) -> Option<LogTime> {
    match file {
        Location::File(path) => fs::metadata(path).and_then(|facts| facts.modified()).ok().and_then(log_time),
        Location::Stdin => log_time(now()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is piped in is written now; no answer depends on more of it than the year"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn log_time(moment: SystemTime) -> Option<LogTime> {
    let us = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_micros();
    LogTime::from_unix_us(i64::try_from(us).ok()?)
}

/// The logs to read, in order of name; what cannot be read is reported.
///
/// # Errors
/// When a file that somebody named is in no format that can be told.
pub(crate) fn logs(
    sources: &Sources,
    inventory: Option<&Inventory>,
    unread: &mut Vec<Unread>,
) -> Result<Vec<LogPlan>, NodeError> {
    let heard = given(&sources.heard, inventory, &mut Vec::new())?;
    let mut plans = match inventory {
        Some(inventory) if sources.sessions.is_empty() => declared(inventory, &heard, unread)?,
        _ => given(&sources.sessions, inventory, unread)?,
    };
    plans.extend(heard);
    tell_apart(&mut plans);
    for plan in &mut plans {
        plan.facts.zone = plan.facts.zone.take().or_else(|| sources.zone.clone());
    }
    plans.sort_by(|a, b| (&a.name, &a.files[0].location).cmp(&(&b.name, &b.files[0].location)));
    Ok(plans)
}

/// The logs that the inventory names, as far as their forms can be read. Files that one key of it
/// names by a pattern are the pieces of one log if they are called so. What is heard is not read from a file of its name.
fn declared(
    inventory: &Inventory,
    heard: &[LogPlan],
    unread: &mut Vec<Unread>,
) -> Result<Vec<LogPlan>, NodeError> {
    let mut by_key: BTreeMap<&str, (&LogFile, Vec<Found>)> = BTreeMap::new();
    let mut later = Vec::new();
    let is_file = |log: &&LogFile| heard.iter().all(|heard| heard.name != log.name);
    for log in inventory.logs.iter().filter(is_file) {
        match (&log.format, log.format.as_ref().map(|name| name.parse::<Format>())) {
            (Some(name), Some(Err(_))) => later.push(format!("{} ({name})", log.name)),
            _ => match expand_in(Path::new(""), &log.path.to_string_lossy()) {
                Ok(found) => by_key.entry(&log.key).or_insert((log, Vec::new())).1.extend(found),
                Err(error) => unread.push(Unread::missing(log.name.as_str(), &error)),
            },
        }
    }
    if !later.is_empty() {
        unread.push(Unread::not_readable_yet(&later));
    }
    let mut plans = Vec::new();
    for (log, found) in by_key.into_values() {
        for family in families(found) {
            let format = match log.format.as_ref().map(|name| name.parse::<Format>()) {
                Some(Ok(format)) => {
                    Some(Recognised { format, how: "the inventory says so".into(), opened: None })
                }
                _ => detected(&family.files, unread)?,
            };
            let Some(Recognised { format, how, opened }) = format else { continue };
            let (name, gateway) = (family.stem.as_str().into(), log.gateway.clone());
            plans.push(LogPlan {
                name,
                gateway,
                files: family.files,
                format,
                how,
                facts: LogFacts::of(log, inventory),
                opened: RefCell::new(opened),
                remembered: RefCell::default(),
            });
        }
    }
    tell_apart(&mut plans);
    Ok(plans)
}

/// The logs that were given by hand. One that the inventory names too is that gateway's; any other is
/// a gateway of its own, called like the file.
fn given(
    args: &[SessionsArg],
    inventory: Option<&Inventory>,
    unread: &mut Vec<Unread>,
) -> Result<Vec<LogPlan>, NodeError> {
    let mut files = Vec::new();
    let mut layouts: BTreeMap<Location, Arc<str>> = BTreeMap::new();
    for arg in args {
        match expand(&arg.path) {
            Ok(found) => {
                if let Some(layout) = &arg.layout {
                    layouts.extend(found.iter().map(|found| (found.location.clone(), Arc::clone(layout))));
                }
                files.extend(found.into_iter().map(|found| (found, arg.format)));
            }
            Err(error) => unread.push(Unread::missing(&arg.path, &error)),
        }
    }
    let files = each_once(files)?;
    let mut plans = Vec::new();
    for (format, found) in by_format(files) {
        for family in families(found) {
            let format = match format {
                Some(format) => Some(Recognised { format, how: "you said so".into(), opened: None }),
                None => detected(&family.files, unread)?,
            };
            let Some(Recognised { format, how, opened }) = format else { continue };
            // A piece of a rotated log is that log's, even alone.
            let named = |log: &&LogFile| {
                family.stem == log.name.as_str()
                    || family.files.iter().any(|found| found.location.name() == log.name)
            };
            let logs = inventory
                .into_iter()
                .flat_map(|inventory| inventory.logs.iter().map(move |log| (log, inventory)));
            let declared = logs.into_iter().find(|(log, _)| named(log));
            let mut facts = declared.map(|(log, inventory)| LogFacts::of(log, inventory)).unwrap_or_default();
            facts.layout = layouts.get(&family.files[0].location).cloned().or(facts.layout);
            plans.push(LogPlan {
                name: family.stem.as_str().into(),
                gateway: declared.map_or_else(|| family.stem.as_str().into(), |(log, _)| log.gateway.clone()),
                files: family.files,
                format,
                how,
                facts,
                opened: RefCell::new(opened),
                remembered: RefCell::default(),
            });
        }
    }
    tell_apart(&mut plans);
    Ok(plans)
}

/// The files of each format. The pieces of one log are in one format: what was stated for some of them
/// holds for all, unless two were.
fn by_format(files: Vec<(Found, Option<Format>)>) -> BTreeMap<Option<Format>, Vec<Found>> {
    let stated: BTreeMap<Location, Option<Format>> =
        files.iter().map(|(found, format)| (found.location.clone(), *format)).collect();
    let stated_for = |found: &Found| stated.get(&found.location).copied().flatten();
    let mut grouped: BTreeMap<Option<Format>, Vec<Found>> = BTreeMap::new();
    for family in families(files.into_iter().map(|(found, _)| found).collect()) {
        let formats: BTreeSet<Format> = family.files.iter().filter_map(stated_for).collect();
        let common = formats.first().copied().filter(|_| formats.len() == 1);
        for found in family.files {
            let format = stated_for(&found).or(common);
            grouped.entry(format).or_default().push(found);
        }
    }
    grouped
}

/// Logs of one name in several folders are called by their paths.
fn tell_apart(plans: &mut [LogPlan]) {
    let names: Vec<SourceName> = plans.iter().map(|plan| plan.name.clone()).collect();
    for plan in plans {
        if names.iter().filter(|name| **name == plan.name).count() > 1 {
            // The oldest piece of a rotated log goes away some day; its name stays.
            let path = match &plan.files[0].location {
                Location::File(path) => path.with_file_name(plan.name.as_str()).display().to_string(),
                Location::Stdin => Location::Stdin.to_string(),
            };
            if plan.gateway.as_str() == plan.name.as_str() {
                plan.gateway = path.as_str().into();
            }
            plan.name = path.into();
        }
    }
}

/// The format of a log, once somebody or something told it.
struct Recognised {
    format: Format,
    how: String,
    opened: Option<Input>,
}

/// The format of a log by its first file that has anything in it. A file that merely lay in a folder
/// may be something else and is then left out.
fn detected(files: &[Found], unread: &mut Vec<Unread>) -> Result<Option<Recognised>, NodeError> {
    let mut nothing = Vec::new();
    for found in files {
        let why = match open(&found.location, &Meter::default()) {
            Ok(mut input) => {
                if !input.sample(1).is_empty() {
                    return detected_in(found, input, unread);
                }
                Frames::new(input, LINE_LIMIT).next_frame().err()
            }
            Err(error) => Some(error),
        };
        nothing.push(
            why.map_or_else(
                || Unread::empty(&found.location.to_string()),
                |error| Unread::unreadable(&error),
            ),
        );
    }
    unread.extend(nothing);
    Ok(None)
}

fn detected_in(
    found: &Found,
    mut input: Input,
    unread: &mut Vec<Unread>,
) -> Result<Option<Recognised>, NodeError> {
    let file = found.location.to_string();
    let sample = input.sample(SAMPLE_BYTES);
    let guesses = unmasq_decode::detect(sample);
    match guesses.as_slice() {
        [best, rest @ ..]
            if best.percent >= SURE && rest.iter().all(|other| other.percent * 2 < best.percent) =>
        {
            let opened = (found.location == Location::Stdin).then_some(input);
            Ok(Some(Recognised {
                format: best.format,
                how: format!("{} % of its first lines fit", best.percent),
                opened,
            }))
        }
        _ if found.origin == Origin::Searched => {
            unread.push(Unread::no_session_log(&file));
            Ok(None)
        }
        guesses => Err(NodeError::UnknownFormat {
            candidates: guesses
                .iter()
                .map(|guess| format!("{} ({} %)", guess.format, guess.percent))
                .collect(),
            hint: hint(sample, &file),
            file,
        }),
    }
}

/// A guess is taken if at least this share of the first lines fit, in percent.
const SURE: u8 = 60;

fn hint(sample: &[u8], file: &str) -> String {
    if let Some(guess) = alert::detect(sample).first() {
        return format!("it looks like alerts ({}): give it with --alerts", guess.format);
    }
    if !ProcessFormat::detect(sample).is_empty() {
        return "it looks like process records: give it with --processes".into();
    }
    let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    format!("say which it is: FORMAT:{file}, where FORMAT is one of {}", names.join(", "))
}
