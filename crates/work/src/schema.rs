//! What tables there are, from the first day on: each version is the one before it and a step.

/// The steps, first to last; the file's `user_version` is how many of them were made. One that was ever released is
/// never changed.
pub(crate) const STEPS: [&str; 5] = [FIRST, SWITCHES, EXPORTERS, BATCHES, QUESTIONS];

/// * `alerts`: as they came. `kind` is what identical alerts share, where the detector gives no id of its own; `facts` is
///   what was read of it, and NULL if it has no usable address or time.
/// * `traces`: all revisions, in the order in which they were said.
/// * `positions`: up to where the files of a source were read.
/// * `sinks`: up to which revision each was told.
const FIRST: &str = "
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind BLOB,
    arrived INTEGER NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    facts TEXT,
    raw BLOB NOT NULL
) STRICT;
CREATE INDEX alerts_kind ON alerts (kind) WHERE kind IS NOT NULL;
CREATE INDEX alerts_arrived ON alerts (arrived);

CREATE TABLE traces (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    said INTEGER NOT NULL,
    print BLOB NOT NULL,
    is_final INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (alert, revision)
) STRICT;

CREATE TABLE positions (
    source TEXT NOT NULL,
    head BLOB NOT NULL,
    head_bytes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    PRIMARY KEY (source, head, head_bytes)
) STRICT;

CREATE TABLE sinks (
    name TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;
";

/// * `gateways`: those that were met so far; `initially` is whether its switches were on before anybody turned them.
/// * `switches`: how they were turned, by whom and from which moment on, in log time.
/// * `audit`: what operators did.
/// * `regardless`: whether an alert is traced as if nothing was ever switched off.
const SWITCHES: &str = "
CREATE TABLE gateways (
    name TEXT PRIMARY KEY,
    met INTEGER NOT NULL,
    initially INTEGER NOT NULL
) STRICT;

CREATE TABLE switches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL REFERENCES gateways (name),
    class TEXT NOT NULL,
    at INTEGER NOT NULL,
    is_on INTEGER NOT NULL,
    who TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;

ALTER TABLE alerts ADD COLUMN regardless INTEGER NOT NULL DEFAULT 0;
";

/// * `exporters`: what was learned of how well each log is delivered, as JSON.
const EXPORTERS: &str = "
CREATE TABLE exporters (
    log TEXT PRIMARY KEY,
    learned TEXT NOT NULL
) STRICT;
";

/// * `batches`: those that were handed over, by the ids that their senders gave them, and what tells their contents apart.
const BATCHES: &str = "
CREATE TABLE batches (
    place TEXT NOT NULL,
    id TEXT NOT NULL,
    print BLOB NOT NULL,
    taken INTEGER NOT NULL,
    PRIMARY KEY (place, id)
) STRICT;
CREATE INDEX batches_taken ON batches (taken);
";

/// * `questions`: what alerts ask that are not held in memory: each key, and the first and the last second that it is
///   about.
const QUESTIONS: &str = "
CREATE TABLE questions (
    key INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
    PRIMARY KEY (key, since, until, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX questions_alert ON questions (alert);
";
