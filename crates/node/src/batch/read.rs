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
    alert::{AlertFormat, AlertReader},
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

/// One of those who read, and what it reads of a line.
pub(super) struct AlertsReader<R> {
    read: fn(&mut AlertReader, &[u8]) -> R,
    reader: Option<(AlertReader, u64)>,
    buffer: Vec<u8>,
    lines: Vec<Line<R>>,
}

/// Some lines of the file.
pub(super) struct Lines<R> {
    /// The place of this among all, from 0.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line<R>>,
}

/// One line: where it stands, with its end, and what it says.
pub(super) struct Line<R> {
    pub(super) range: Range<usize>,
    pub(super) says: Says<R>,
}

/// What a line says.
pub(super) enum Says<R> {
    /// What its form has for it.
    Read(R),
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
    pub(super) fn next<R>(&self, reader: &mut AlertsReader<R>, field: &str) -> Option<Lines<R>> {
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
            self.read(&mut source.reader, reader.read, &chunk, field, &mut lines);
            reader.reader = None;
        } else {
            let known = reader.reader.take().filter(|(_, turns)| *turns == source.turns);
            let (mut fork, turns) = known.unwrap_or_else(|| (source.reader.fork(), source.turns));
            drop(source);
            self.read(&mut fork, reader.read, &chunk, field, &mut lines);
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

    fn read<R>(
        &self,
        reader: &mut AlertReader,
        read: fn(&mut AlertReader, &[u8]) -> R,
        chunk: &Chunk,
        field: &str,
        lines: &mut Vec<Line<R>>,
    ) {
        let all = 0..chunk.bytes.len();
        match chunk.part {
            ChunkPart::Lines => {
                for (range, line) in chunk.lines() {
                    let says = if range.len() > LINE_LIMIT {
                        Says::Refused(TOO_LONG)
                    } else {
                        Says::Read(read(reader, &self.format.carrier().alert_of(line, field)))
                    };
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
}

impl<R> AlertsReader<R> {
    /// One that makes of each line what `read` does.
    pub(super) const fn new(read: fn(&mut AlertReader, &[u8]) -> R) -> Self {
        Self { read, reader: None, buffer: Vec::new(), lines: Vec::new() }
    }

    /// Takes back what lines were in.
    pub(super) fn done_with(&mut self, lines: Lines<R>) {
        self.buffer = lines.bytes;
        self.lines = lines.lines;
    }
}
