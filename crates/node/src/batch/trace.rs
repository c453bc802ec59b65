//! The last reading of the alerts: each is named, traced and written.

use super::{
    Batch, OutputForm,
    csv::Table,
    read::{AlertFile, AlertsReader, Line, Lines, Says},
    render::Renderer,
};
use crate::{
    Knowledge, NodeError, Progress, Summary, Unread,
    ordered::{Ordered, on_every_core},
};
use std::{collections::BTreeSet, io::Write};
use unmasq_decode::{
    Carrier, Unreadable,
    alert::{AlertFormat, AlertIds, AlertReader, Fingerprint, Reading},
};
use unmasq_engine::unreadable;
use unmasq_io::source::{Found, Meter, content, open_found};
use unmasq_model::{AlertId, Realm};

pub(super) fn all(
    batch: &Batch,
    knowledge: &Knowledge,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<Summary, NodeError> {
    let mut summary = Summary { unread: batch.unread.clone(), ..Summary::default() };
    let mut writer = Writer { out, ended: true, unended: false };
    if batch.options.output == OutputForm::Csv {
        writer.write(Table::HEADER.as_bytes())?;
    }
    let mut ids = AlertIds::default();
    let realms = knowledge.realms();
    for (found, format) in &batch.inputs {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        match open_found(found, &meter) {
            Ok(input) => match AlertFile::new(found, input, format.clone(), &batch.options)? {
                Some(file) => {
                    summary.inputs.push((found.location.name(), file.format.name().to_owned()));
                    let (format, carrier) = (file.format.clone(), file.format.carrier());
                    let tracing = Tracing { batch, knowledge, realms: &realms, found, format, carrier };
                    (ids, writer, summary) = tracing.file(file, ids, writer, summary)?;
                }
                None => summary.unread.push(Unread::no_alerts(&found.location.to_string())),
            },
            Err(error) => summary.unread.push(Unread::unreadable(&error)),
        }
        progress.end();
    }
    writer.out.flush().map_err(NodeError::Write)?;
    Ok(summary)
}

/// The realm in which an alert means its ends: its own word if the site knows such a realm, else
/// its sensor's.
pub(crate) fn realm_of(sensor: &Realm, realms: &BTreeSet<Realm>, named: Option<&Realm>) -> Realm {
    named.filter(|realm| realms.contains(*realm)).unwrap_or(sensor).clone()
}

/// One file's alerts being traced.
struct Tracing<'t> {
    batch: &'t Batch,
    knowledge: &'t Knowledge,
    realms: &'t BTreeSet<Realm>,
    found: &'t Found,
    format: AlertFormat,
    carrier: Carrier,
}

/// What stands in one place for all: the lines of a file are counted, and alerts named, in order.
struct Names {
    ids: AlertIds,
    lines: u64,
}

/// Where lines are written, in order, and what is said about them.
struct Written<'o> {
    writer: Writer<'o>,
    summary: Summary,
    failed: Option<NodeError>,
}

/// What one of those who trace has for itself.
struct Own {
    /// The sensor's realm. Every trace names it again and again; to count the users of one that all share
    /// would cost more than all else about a name.
    sensor: Realm,
    table: Table,
    renderer: Renderer,
    counted: Summary,
    done: Done,
}

/// What came of some lines.
#[derive(Default)]
struct Done {
    bytes: Vec<u8>,
    /// Lines that could not be read, and alerts that could not be used, with the numbers of their lines.
    troubles: Vec<(u64, Trouble, Unreadable)>,
    failed: Option<NodeError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Skipped,
    Unusable,
}

impl<'t> Tracing<'t> {
    fn file<'o>(
        &self,
        file: AlertFile,
        ids: AlertIds,
        writer: Writer<'o>,
        summary: Summary,
    ) -> Result<(AlertIds, Writer<'o>, Summary), NodeError> {
        let names = Ordered::new(Names { ids, lines: 0 });
        let written = Ordered::new(Written { writer, summary, failed: None });
        let counts = on_every_core(|| {
            let _guards = (names.guarded(), written.guarded());
            let mut reader = AlertsReader::new(AlertReader::read);
            let mut own = Own {
                sensor: self.knowledge.site.sensor_realm.as_str().into(),
                table: Table::default(),
                renderer: Renderer::default(),
                counted: Summary::default(),
                done: Done::default(),
            };
            while let Some(mut lines) = file.next(&mut reader, &self.batch.options.field) {
                let prints = self.fingerprints(&lines);
                let (named, before) = names.pass(lines.number, |names| names.next(&lines.lines, prints));
                self.lines(&mut lines, named, before, &mut own);
                written.pass(lines.number, |written| {
                    if written.take(self.found, &mut own.done).is_err() {
                        file.stop();
                    }
                });
                reader.done_with(lines);
            }
            own.counted
        });
        let Written { mut writer, mut summary, failed } = written.into_inner();
        if let Some(failed) = failed {
            return Err(failed);
        }
        counts.into_iter().for_each(|counted| summary.append(counted));
        summary.unread.extend(file.into_trouble(self.found));
        writer.unended = !writer.ended;
        Ok((names.into_inner().ids, writer, summary))
    }

    /// What the alerts of some lines are named by.
    fn fingerprints(&self, lines: &Lines<Reading>) -> Vec<Fingerprint> {
        let prints = lines.lines.iter().filter_map(|line| {
            let identity = match &line.says {
                Says::Read(Reading::Alert(facts)) => &facts.identity,
                Says::Read(Reading::Unusable(alert)) => &alert.identity,
                _ => return None,
            };
            let bytes = self.alert_bytes(lines, line);
            Some(AlertIds::fingerprint(identity, &bytes, &self.batch.options.field))
        });
        prints.collect()
    }

    fn alert_bytes<'l>(&self, lines: &'l Lines<Reading>, line: &Line<Reading>) -> std::borrow::Cow<'l, [u8]> {
        let first = lines.number == 0 && line.range.start == 0;
        self.carrier.alert_of(content(&lines.bytes[line.range.clone()], first), &self.batch.options.field)
    }

    fn lines(&self, lines: &mut Lines<Reading>, named: Vec<AlertId>, before: u64, own: &mut Own) {
        let Own { sensor, table, renderer, counted, done } = own;
        let options = &self.batch.options;
        let (mut named, mut number) = (named.into_iter(), before);
        self.knowledge.bring_near(lines.lines.iter().filter_map(|line| match &line.says {
            Says::Read(Reading::Alert(facts)) => Some(facts.key()),
            _ => None,
        }));
        for Line { range, says } in lines.lines.drain(..) {
            let bytes = &lines.bytes[range];
            let blank = bytes.trim_ascii_start().is_empty();
            number += u64::from(!matches!(says, Says::More));
            counted.lines += u64::from(!matches!(says, Says::More) && !blank);
            let mut next_id = || named.next().expect("every alert was named");
            let (trace, identity, alert) = match says {
                Says::Read(Reading::Alert(facts)) => {
                    let mut facts = *facts;
                    let identity = std::mem::take(&mut facts.identity);
                    let realm = realm_of(sensor, self.realms, facts.realm.as_ref());
                    let alert = facts.into_alert(next_id(), realm);
                    let trace = self.knowledge.trace(&alert);
                    counted.count(&self.knowledge.site, &alert, &trace);
                    (trace, identity, Some(alert))
                }
                Says::Read(Reading::Unusable(alert)) if alert.why == Unreadable::NeedsZone => {
                    let file = self.found.location.to_string();
                    done.failed.get_or_insert(NodeError::NeedsZone { file, line: number });
                    return;
                }
                Says::Read(Reading::Unusable(alert)) => {
                    counted.count_unusable();
                    done.troubles.push((number, Trouble::Unusable, alert.why));
                    (unreadable(next_id()), alert.identity, None)
                }
                other => {
                    match other {
                        Says::Read(Reading::NotAnAlert) => counted.not_alerts += u64::from(!blank),
                        Says::Read(Reading::Unreadable(why)) | Says::Refused(why) => {
                            done.troubles.push((number, Trouble::Skipped, why));
                        }
                        _ => {}
                    }
                    if options.output == OutputForm::Alerts && !options.only_alerts {
                        done.bytes.extend_from_slice(bytes);
                    }
                    continue;
                }
            };
            match options.output {
                OutputForm::Csv => table.rows(&identity, &trace, &mut done.bytes),
                OutputForm::Told(form) => {
                    let own = self.carrier.alert_of(content(bytes, number == 1), &options.field);
                    let raw = (&self.format, own.as_ref());
                    renderer.tell(form, raw, alert.as_ref(), options, trace, &mut done.bytes);
                }
                OutputForm::Alerts => {
                    if renderer.put(self.carrier, bytes, options, trace, &mut done.bytes).is_err() {
                        let (file, field) = (self.found.location.to_string(), options.field.clone());
                        done.failed.get_or_insert(NodeError::ForeignField { file, line: number, field });
                        return;
                    }
                }
            }
        }
    }
}

impl Names {
    /// Names the alerts of the next lines, and says how many lines came before those.
    fn next(&mut self, lines: &[Line<Reading>], prints: Vec<Fingerprint>) -> (Vec<AlertId>, u64) {
        let before = self.lines;
        self.lines += lines.iter().filter(|line| !matches!(line.says, Says::More)).count() as u64;
        (prints.into_iter().map(|print| self.ids.named(print)).collect(), before)
    }
}

impl Written<'_> {
    /// Takes what came of the next lines, and leaves room for more.
    fn take(&mut self, found: &Found, done: &mut Done) -> Result<(), ()> {
        if self.failed.is_some() {
            return Err(());
        }
        let file = found.location.name();
        for (line, trouble, why) in done.troubles.drain(..) {
            let skips = match trouble {
                Trouble::Skipped => &mut self.summary.skips,
                Trouble::Unusable => &mut self.summary.unusable,
            };
            skips.add(file.as_str(), line, &why);
        }
        self.failed = self.writer.write(&done.bytes).err().or(done.failed.take());
        done.bytes.clear();
        if self.failed.is_some() { Err(()) } else { Ok(()) }
    }
}

/// Writes lines after each other, whichever files they come from.
struct Writer<'o> {
    out: &'o mut (dyn Write + Send),
    /// Whether what was written last ended its line.
    ended: bool,
    /// Whether a file before this one left its last line without a newline.
    unended: bool,
}

impl Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        // The last line of the file before had no newline; it must not run into this one.
        if std::mem::take(&mut self.unended) {
            self.out.write_all(b"\n").map_err(NodeError::Write)?;
        }
        self.out.write_all(bytes).map_err(NodeError::Write)?;
        self.ended = bytes.ends_with(b"\n");
        Ok(())
    }
}
