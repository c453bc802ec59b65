//! Sinks and their receivers, over real sockets.

mod syslog;
mod webhook;

use rcgen::{CertifiedKey, KeyPair};
use std::{fs, path::Path, time::Duration};
use unmasq_io::sink::{Message, Place, Sink, SinkError};
use unmasq_model::{AlertId, Arrival, Status};

/// Messages of these sequences, each an object.
fn messages(sequences: std::ops::RangeInclusive<u64>) -> Vec<Message> {
    sequences.map(|sequence| message(sequence, &format!("{{\"n\":{sequence}}}"))).collect()
}

fn message(sequence: u64, text: &str) -> Message {
    Message {
        sequence,
        alert: AlertId(format!("alert-{sequence}").into()),
        revision: 1,
        status: Status::Traced,
        said: Arrival::from_unix_us(1_795_345_072_309_137),
        text: text.into(),
    }
}

/// Tells all of these, as the service does it: again and again until they are told, but without the pauses.
fn tell_all(sink: &mut dyn Sink, mut messages: &[Message]) -> Vec<SinkError> {
    let mut failures = Vec::new();
    while !messages.is_empty() {
        match sink.tell(messages) {
            Ok(told) => messages = &messages[told.messages..],
            Err(error) => failures.push(error),
        }
        assert!(failures.len() < 100, "{failures:?}");
    }
    failures
}

/// The same with a change.
fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

/// A certificate for `localhost` that vouches for itself, and its key, in files.
fn certificate(folder: &Path) -> CertifiedKey<KeyPair> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made
}

fn is_timeout(error: &SinkError) -> bool {
    let SinkError::Send(source) = error else { return false };
    source.kind() == std::io::ErrorKind::TimedOut || source.to_string().contains("timeout")
}

/// Long enough for a loaded machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(600);

#[test]
fn a_file_ends_with_whole_lines_whatever_happened_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traced.json");
    let place = Place::File(path.clone());
    let mut sink = place.open("file").unwrap();
    fs::write(&path, "{\"n\":0}\n{\"n\":1").unwrap();
    tell_all(&mut *sink, &messages(1..=2));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
    fs::rename(&path, folder.path().join("traced.json.1")).unwrap();
    tell_all(&mut *sink, &messages(3..=3));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":3}\n", "who moves it away gets a new one");
    fs::remove_dir_all(folder.path()).unwrap();
    let error = sink.tell(&messages(4..=4)).unwrap_err();
    assert!(matches!(error, SinkError::Write(_)), "{error:?}");
    fs::create_dir(folder.path()).unwrap();
    tell_all(&mut *sink, &messages(4..=4));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":4}\n");
}
