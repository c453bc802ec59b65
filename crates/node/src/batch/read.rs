//! One file of alerts, read by as many as there are cores.

use super::{Options, inputs::told};
use crate::{
    NodeError, Unread,
    plan::last_written,
    reading::{BREAKS_OFF, TOO_LONG},
};
use std::{
    mem,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use unmasq_decode::{
    Hints, Unreadable,
    alert::{AlertFormat, AlertReader, Reading},
};
use unmasq_io::source::{Chunk, ChunkPart, Chunks, Found, Input, LINE_LIMIT, ReadError, SAMPLE_BYTES};

/// A file of alerts that several read.
pub(super) struct AlertFile {
    pub(super) format: AlertFormat,
    source: Mutex<Source>,
    /// Whether nobody needs any more of it.
    stopped: AtomicBool,
}

struct Source {
    chunks: Chunks,
    reader: AlertReader,
    turns: u64,
    broken: Option<ReadError>,
    empty: bool,
}

/// One of those who read.
#[derive(Default)]
pub(super) struct AlertsReader {
    reader: Option<(AlertReader, u64)>,
    buffer: Vec<u8>,
    lines: Vec<Line>,
}

/// Some lines of the file.
pub(super) struct Lines {
    /// The place of this among all, from 0.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line>,
}

/// One line: where it stands, with its end, and what it says.
pub(super) struct Line {
    pub(super) range: Range<usize>,
    pub(super) says: Says,
}

/// What a line says.
pub(super) enum Says {
    /// What its form has for it.
    Read(Reading),
    /// Nothing: it cannot be read whole.
    Refused(Unreadable),
    /// Nothing new: it is more of the line before.
    More,
}

impl AlertFile {
    /// `None` if there are no alerts in it of a form that is known.
    ///
    /// # Errors
    /// When its format cannot be told.
    pub(super) fn new(
        found: &Found,
        mut input: Input,
        format: Option<AlertFormat>,
        options: &Options,
    ) -> Result<Option<Self>, NodeError> {
        let format = match format {
            Some(format) => format,
            None => match told(found, input.sample(SAMPLE_BYTES))? {
                Some(format) => format,
                None => return Ok(None),
            },
        };
        let written = last_written(&found.location);
        let reader = format.reader(Hints { zone: options.zone.clone(), written, ..Hints::default() });
        let source = Source { chunks: Chunks::new(input), reader, turns: 0, broken: None, empty: true };
        Ok(Some(Self { format, source: Mutex::new(source), stopped: AtomicBool::new(false) }))
    }

    /// The next lines, for `reader`; `None` at the end.
    pub(super) fn next(&self, reader: &mut AlertsReader, field: &str) -> Option<Lines> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = match source.chunks.next_chunk(mem::take(&mut reader.buffer)) {
            Ok(chunk) => chunk?,
            Err(broken) => {
                source.broken = Some(broken);
                return None;
            }
        };
        source.empty = false;
        let mut lines = mem::take(&mut reader.lines);
        lines.clear();
        let turns = source.reader.turns(&chunk.bytes);
        if turns {
            source.turns += 1;
            self.read(&mut source.reader, &chunk, field, &mut lines);
            reader.reader = None;
        } else {
            let known = reader.reader.take().filter(|(_, turns)| *turns == source.turns);
            let (mut fork, turns) = known.unwrap_or_else(|| (source.reader.fork(), source.turns));
            drop(source);
            self.read(&mut fork, &chunk, field, &mut lines);
            reader.reader = Some((fork, turns));
        }
        Some(Lines { number: chunk.number, bytes: chunk.bytes, lines })
    }

    /// Nobody needs any more of it.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// What hindered its reading, once it has been read.
    pub(super) fn into_trouble(self, found: &Found) -> Option<Unread> {
        let Source { broken, empty, .. } = self.source.into_inner().unwrap_or_else(PoisonError::into_inner);
        match broken {
            Some(error) => Some(Unread::unreadable(&error)),
            None => empty.then(|| Unread::empty(&found.location.to_string())),
        }
    }

    fn read(&self, reader: &mut AlertReader, chunk: &Chunk, field: &str, lines: &mut Vec<Line>) {
        let all = 0..chunk.bytes.len();
        match chunk.part {
            ChunkPart::Lines => {
                for (range, line) in chunk.lines() {
                    let says = self.says(reader, range.len(), line, field);
                    lines.push(Line { range, says });
                }
            }
            ChunkPart::First => {
                lines.push(Line { range: all, says: Says::Refused(TOO_LONG) });
            }
            ChunkPart::Cut => {
                lines.push(Line { range: all, says: Says::Refused(BREAKS_OFF) });
            }
            ChunkPart::More => lines.push(Line { range: all, says: Says::More }),
        }
    }

    fn says(&self, reader: &mut AlertReader, length: usize, line: &[u8], field: &str) -> Says {
        if length > LINE_LIMIT {
            return Says::Refused(TOO_LONG);
        }
        Says::Read(reader.read(&self.format.carrier().alert_of(line, field)))
    }
}

impl AlertsReader {
    /// Takes back what lines were in.
    pub(super) fn done_with(&mut self, lines: Lines) {
        self.buffer = lines.bytes;
        self.lines = lines.lines;
    }
}
