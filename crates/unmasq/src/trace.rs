//! `unmasq trace`.

use crate::{
    cli::{Evidence, TraceArgs},
    exit::Exit,
    progress::Bars,
    report,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use unmasq_decode::alert::{AlertFormat, FieldMap};
use unmasq_node::{
    Knowledge, Summary,
    batch::{AlertsArg, Batch, EvidenceDetail, Options},
};

pub(crate) fn run(args: &TraceArgs) -> Result<Exit> {
    if args.known.is_empty() {
        bail!("nothing to trace with: give --store, or --inventory, --sessions, or both");
    }
    writable(&args.output.path)?;
    let field_map = args.field_map.as_deref().map(field_map).transpose()?;
    let alerts =
        args.alerts.iter().map(|text| alerts_arg(text, field_map.as_ref())).collect::<Result<Vec<_>>>()?;
    let from_stdin = alerts.iter().filter(|alerts| alerts.path == "-").count();
    if from_stdin + args.known.stdin_uses() > 1 {
        bail!("standard input can be read only once: give the others as files");
    }
    let bars = Bars::default();
    let options = Options {
        output: args.output.form,
        field: args.field.clone(),
        only_alerts: args.only_alerts,
        evidence: match args.evidence {
            Evidence::Full => EvidenceDetail::Full,
            Evidence::Ref => EvidenceDetail::Ref,
        },
        zone: args.known.zone().cloned(),
        ..Options::default()
    };
    let batch = Batch::new(&alerts, options)?;
    let knowledge = batch.learn(&args.known.sources(), &bars)?;
    let summary = write_to(&args.output.path, |out| Ok(batch.trace(&knowledge, out, &bars)?))?;
    if !args.quiet {
        report::trace(&knowledge, &summary);
    }
    Ok(exit(&knowledge, &summary))
}

fn exit(knowledge: &Knowledge, summary: &Summary) -> Exit {
    let lost = knowledge.unread.iter().chain(&summary.unread).any(|unread| unread.is_loss);
    if lost { Exit::Incomplete } else { Exit::Done }
}

pub(crate) fn field_map(path: &Path) -> Result<Arc<FieldMap>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the field map `{}`", path.display()))?;
    let map: FieldMap =
        toml::from_str(&text).with_context(|| format!("`{}` is not a field map", path.display()))?;
    Ok(Arc::new(map))
}

/// `PATH`, `FORMAT:PATH`, or, with a field map, any JSON alerts.
fn alerts_arg(text: &str, field_map: Option<&Arc<FieldMap>>) -> Result<AlertsArg> {
    let flat = field_map.map(|map| AlertFormat::Flat(Arc::clone(map)));
    let Some((name, path)) = text.split_once(':').filter(|_| !Path::new(text).exists()) else {
        return Ok(AlertsArg { format: flat, path: text.into() });
    };
    let format = match (AlertFormat::preset(name), flat) {
        (Some(format), _) => format,
        (None, Some(flat)) if name == flat.name() => flat,
        (None, _) => {
            let known: Vec<&str> = AlertFormat::PRESETS.iter().map(AlertFormat::name).collect();
            bail!(
                "`{name}` is not a form of alerts; there are {}, and flat with --field-map",
                known.join(", ")
            );
        }
    };
    Ok(AlertsArg { format: Some(format), path: path.into() })
}

/// Says at once what would otherwise be found out at the end of a long run.
fn writable(output: &Path) -> Result<()> {
    let folder = output.parent().filter(|folder| *folder != Path::new(""));
    if output.is_dir() {
        bail!("cannot write `{}`: it is a folder; name a file in it", output.display());
    }
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!(
            "cannot write `{}`: there is no folder `{}`; make it first",
            output.display(),
            folder.display()
        );
    }
    Ok(())
}

/// Writes to standard output, or beside the file and then in its place, so that a failed run leaves
/// what was there before.
fn write_to<T>(output: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T>) -> Result<T> {
    if output == Path::new("-") {
        let mut out = BufWriter::new(std::io::stdout());
        let done = write(&mut out)?;
        out.flush().context("cannot write to standard output")?;
        return Ok(done);
    }
    // A pipe or a device cannot be replaced.
    if fs::metadata(output).is_ok_and(|facts| !facts.is_file()) {
        let file = fs::OpenOptions::new().write(true).open(output);
        return write(&mut BufWriter::new(
            file.with_context(|| format!("cannot write `{}`", output.display()))?,
        ));
    }
    let folder =
        output.parent().filter(|folder| *folder != Path::new("")).map_or(PathBuf::from("."), PathBuf::from);
    let refused = || format!("cannot write `{}`", output.display());
    let mut beside = tempfile::Builder::new();
    beside.prefix(".unmasq-");
    // What a file that a program makes is usually given; the umask takes its share.
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = beside.tempfile_in(folder).with_context(refused)?;
    let mut out = BufWriter::new(&mut file);
    let done = write(&mut out)?;
    out.flush().with_context(refused)?;
    drop(out);
    file.persist(output).with_context(refused)?;
    Ok(done)
}
