//! Alerts in, the same alerts out, with what stands behind their shared addresses.

use crate::{
    Knowledge, NodeError, Progress, Summary, Unread, inputs::each_once, lines::line_of,
    mask::without_secrets, plan::last_written,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeSet, io::Write};
use unmasq_decode::{
    Hints, Unreadable,
    alert::{self, AlertFormat, AlertIds, AlertReader, Reading},
};
use unmasq_engine::unreadable;
use unmasq_io::source::{Found, Frame, Frames, Input, LINE_LIMIT, Meter, Origin, SAMPLE_BYTES, expand, open};
use unmasq_model::{
    Realm, Site, Trace,
    trace::{EndTrace, Proof},
};

/// Alerts as somebody typed them: `PATH` or `FORMAT:PATH`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertsArg {
    /// The format, if it was said.
    pub format: Option<AlertFormat>,
    /// The path, folder or pattern, or `-`.
    pub path: String,
}

/// How the answers are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The name of the member that is added to each alert.
    pub field: String,
    /// Whether lines that are not alerts are left out.
    pub only_alerts: bool,
    /// How much of the evidence is written.
    pub evidence: EvidenceDetail,
    /// For alerts whose times carry no zone.
    pub zone: Option<TimeZone>,
}

/// How much of the evidence is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EvidenceDetail {
    /// Where it is, and the record itself.
    #[default]
    Full,
    /// Where it is.
    Ref,
}

/// Traces every alert of `args` and writes all lines to `out`, in order of file name, then of line.
///
/// # Errors
/// When no alerts can be read at all, a file's format cannot be told, an alert has a foreign member
/// with the trace's name, its times need a zone that nobody gave, or `out` cannot be written.
pub fn trace_alerts(
    knowledge: &Knowledge,
    args: &[AlertsArg],
    options: &Options,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Summary, NodeError> {
    let mut summary = Summary::default();
    let found = expanded(args, &mut summary.unread)?;
    let realms = realms(&knowledge.site);
    let ids = AlertIds::default();
    let mut run = Run { knowledge, realms, options, out, ids, summary, ended: true, unended: false };
    for (found, format) in found {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        match open(&found.location, &meter) {
            Ok(input) => run.input(&found, input, format)?,
            Err(error) => run.summary.unread.push(Unread::unreadable(&error)),
        }
        progress.end();
    }
    run.out.flush().map_err(NodeError::Write)?;
    Ok(run.summary)
}

/// The files of `args`, each once, in order of name.
fn expanded(
    args: &[AlertsArg],
    unread: &mut Vec<Unread>,
) -> Result<Vec<(Found, Option<AlertFormat>)>, NodeError> {
    let mut inputs = Vec::new();
    let mut nothing = None;
    for arg in args {
        match expand(&arg.path) {
            Ok(found) => inputs.extend(found.into_iter().map(|found| (found, arg.format.clone()))),
            Err(source) => {
                unread.push(Unread::missing(&arg.path, &source));
                nothing = Some(NodeError::Expand { asked: arg.path.clone(), source });
            }
        }
    }
    if let Some(error) = nothing.filter(|_| inputs.is_empty()) {
        return Err(error);
    }
    let mut inputs = each_once(inputs)?;
    inputs.sort_by_key(|(found, _)| (found.location.name(), found.location.clone()));
    Ok(inputs)
}

/// One run over all alerts.
struct Run<'r> {
    knowledge: &'r Knowledge,
    /// The realms that the site knows.
    realms: BTreeSet<Realm>,
    options: &'r Options,
    out: &'r mut dyn Write,
    ids: AlertIds,
    summary: Summary,
    /// Whether what was written last ended its line.
    ended: bool,
    /// Whether a file before this one left its last line without a newline.
    unended: bool,
}

impl Run<'_> {
    fn input(
        &mut self,
        found: &Found,
        mut input: Input,
        format: Option<AlertFormat>,
    ) -> Result<(), NodeError> {
        let format = match format {
            Some(format) => format,
            None => match told(found, input.sample(SAMPLE_BYTES))? {
                Some(format) => format,
                None => {
                    self.summary.unread.push(Unread::no_alerts(&found.location.to_string()));
                    return Ok(());
                }
            },
        };
        self.summary.inputs.push((found.location.name(), format.name().to_owned()));
        let hints = Hints {
            zone: self.options.zone.clone(),
            written: last_written(&found.location),
            ..Hints::default()
        };
        let mut source = Source { found, reader: format.reader(hints), format };
        let mut frames = Frames::new(input, LINE_LIMIT);
        let mut empty = true;
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => self.frame(&mut source, frame)?,
                Ok(None) if empty => {
                    self.summary.unread.push(Unread::empty(&found.location.to_string()));
                    break;
                }
                Ok(None) => break,
                Err(error) => {
                    self.summary.unread.push(Unread::unreadable(&error));
                    break;
                }
            }
            empty = false;
        }
        self.unended = !self.ended;
        Ok(())
    }

    fn frame(&mut self, source: &mut Source<'_>, frame: Frame<'_>) -> Result<(), NodeError> {
        if frame.whole() {
            return self.line(source, frame);
        }
        if let Some(Err(why)) = line_of(&frame) {
            self.summary.lines += 1;
            self.summary.skips.add(source.found.location.name().as_str(), frame.line, &why);
        }
        self.pass(frame)
    }

    fn line(&mut self, source: &mut Source<'_>, frame: Frame<'_>) -> Result<(), NodeError> {
        self.summary.lines += 1;
        let (name, field) = (source.found.location.name(), &self.options.field);
        let file = || source.found.location.to_string();
        let carrier = source.format.carrier();
        let line = carrier.alert_of(frame.content(), field);
        let trace = match source.reader.read(&line) {
            Reading::Alert(facts) => {
                let id = self.ids.id(&facts.identity, &line, field);
                let realm = self.realm(facts.realm.as_ref());
                let alert = facts.into_alert(id, realm);
                let trace = self.knowledge.trace(&alert);
                self.summary.count(&self.knowledge.site, &alert, &trace);
                trace
            }
            Reading::Unusable(alert) if alert.why == Unreadable::NeedsZone => {
                return Err(NodeError::NeedsZone { file: file(), line: frame.line });
            }
            Reading::Unusable(alert) => {
                let id = self.ids.id(&alert.identity, &line, field);
                self.summary.count_unusable(name.as_str(), frame.line, &alert.why);
                unreadable(id)
            }
            Reading::NotAnAlert => {
                self.summary.not_alerts += 1;
                return self.pass(frame);
            }
            Reading::Unreadable(why) => {
                self.summary.skips.add(name.as_str(), frame.line, &why);
                return self.pass(frame);
            }
        };
        let json =
            serde_json::to_string(&detailed(trace, self.options.evidence)).expect("a trace is plain data");
        let traced = carrier.put(frame.bytes, field, &json).map_err(|_| NodeError::ForeignField {
            file: file(),
            line: frame.line,
            field: field.clone(),
        })?;
        self.write(&traced)
    }

    /// The realm in which an alert means its ends: its own word if the site knows such a realm, else
    /// its sensor's.
    fn realm(&self, named: Option<&Realm>) -> Realm {
        let known = named.filter(|realm| self.realms.contains(*realm));
        known.unwrap_or(&self.knowledge.site.sensor_realm).clone()
    }

    /// Hands a line on as it came.
    fn pass(&mut self, frame: Frame<'_>) -> Result<(), NodeError> {
        if self.options.only_alerts { Ok(()) } else { self.write(frame.bytes) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        let mut put = |bytes: &[u8]| self.out.write_all(bytes).map_err(NodeError::Write);
        match bytes {
            [] => return Ok(()),
            // The last line of the file before had no newline; it must not run into this one.
            _ if std::mem::take(&mut self.unended) => put(b"\n")?,
            _ => {}
        }
        put(bytes)?;
        self.ended = bytes.ends_with(b"\n");
        Ok(())
    }
}

/// One input of alerts, and how it is read.
struct Source<'f> {
    found: &'f Found,
    format: AlertFormat,
    reader: AlertReader,
}

/// Every realm that the site knows somebody in.
fn realms(site: &Site) -> BTreeSet<Realm> {
    let gateways = site.gateways.iter().flat_map(|gateway| [&gateway.outside_realm, &gateway.inside_realm]);
    gateways.chain(site.tenures.iter().map(|tenure| &tenure.realm)).cloned().collect()
}

/// The one form of alert that most of a file's first lines fit. A file that merely lay in a folder
/// may be something else.
fn told(found: &Found, sample: &[u8]) -> Result<Option<AlertFormat>, NodeError> {
    let guesses = alert::detect(sample);
    match guesses.as_slice() {
        [best, rest @ ..] if rest.iter().all(|other| other.percent < best.percent) => {
            Ok(Some(best.format.clone()))
        }
        // Nothing in it: nothing to be wrong about.
        [] if sample.trim_ascii().is_empty() => Ok(Some(AlertFormat::SuricataEve)),
        _ if found.origin == Origin::Searched => Ok(None),
        guesses => {
            let names: Vec<&str> = AlertFormat::PRESETS.iter().map(AlertFormat::name).collect();
            let file = found.location.to_string();
            Err(NodeError::UnknownFormat {
                candidates: guesses
                    .iter()
                    .map(|guess| format!("{} ({} %)", guess.format, guess.percent))
                    .collect(),
                hint: format!(
                    "say which it is: --alerts FORMAT:{file}, where FORMAT is one of {}; or describe other JSON \
                     alerts with --field-map FILE",
                    names.join(", ")
                ),
                file,
            })
        }
    }
}

/// The trace with as much of the evidence as is wanted, and no secret in it.
fn detailed(mut trace: Trace, detail: EvidenceDetail) -> Trace {
    for end in [&mut trace.src, &mut trace.dest] {
        let EndTrace::Masked(end) = end else { continue };
        let candidates = end.candidates.iter_mut().flat_map(|candidate| &mut candidate.hops);
        for proof in end.hops.iter_mut().chain(candidates).flat_map(|hop| &mut hop.evidence) {
            if let Proof::Record { record, .. } = proof {
                *record = match detail {
                    EvidenceDetail::Full => record.take().map(without_secrets),
                    EvidenceDetail::Ref => None,
                };
            }
        }
    }
    trace
}
