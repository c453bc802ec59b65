//! Files and standard output: each message is a line.

use super::{Message, Sink, SinkError, Told};
use crate::source::{FileIdentity, end_of_lines};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

fn lines(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(messages.iter().map(|message| message.text.len() + 1).sum());
    for message in messages {
        bytes.extend_from_slice(&message.text);
        bytes.push(b'\n');
    }
    bytes
}

/// A file of lines, synced after each batch.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: fs::File,
    identity: FileIdentity,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Somebody may have given it another name, or removed it: then there is to be a new one.
        let found = FileIdentity::of(&self.path).ok();
        let open = match self.open.take().filter(|open| Some(open.identity) == found) {
            Some(open) => open,
            None => Open::at(&self.path)?,
        };
        // After an error it is opened again, behind its last whole line.
        let Open { file, .. } = self.open.insert(open);
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            self.open = None;
        }
        written
    }
}

impl Open {
    /// Opens it behind its last whole line: what a crash cut off is told again.
    fn at(path: &Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.set_len(end_of_lines(&file)?)?;
        Ok(Self { file, identity: FileIdentity::of(path)? })
    }
}

impl Sink for File {
    fn tell(&mut self, messages: &[Message]) -> Result<Told, SinkError> {
        self.write(&lines(messages)).map_err(SinkError::Write)?;
        Ok(Told::all(messages.len()))
    }
}

pub(super) struct Stdout;

impl Sink for Stdout {
    fn tell(&mut self, messages: &[Message]) -> Result<Told, SinkError> {
        let mut out = io::stdout().lock();
        out.write_all(&lines(messages)).and_then(|()| out.flush()).map_err(SinkError::Write)?;
        Ok(Told::all(messages.len()))
    }
}
