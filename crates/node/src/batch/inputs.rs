//! The inputs of a batch: which files hold alerts, and in which form.

use super::AlertsArg;
use crate::{NodeError, Unread, inputs::each_once};
use unmasq_decode::alert::{self, AlertFormat};
use unmasq_io::source::{Found, Origin, expand};

/// The files of `args`, each once, in order of name.
pub(super) fn expanded(
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

/// The one form of alert that most of a file's first lines fit. A file that merely lay in a folder
/// may be something else.
pub(crate) fn told(found: &Found, sample: &[u8]) -> Result<Option<AlertFormat>, NodeError> {
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
