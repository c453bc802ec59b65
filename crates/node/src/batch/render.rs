//! A trace beside its alert's own bytes.

use super::{EvidenceDetail, Options};
use crate::{
    forms::{Answer, Form},
    mask::without_secrets,
};
use unmasq_decode::{Carrier, SpliceError, alert::AlertFormat};
use unmasq_model::{
    Alert, Trace,
    trace::{EndTrace, Proof},
};

/// Puts traces beside their alerts.
#[derive(Default)]
pub(super) struct Renderer {
    /// The trace that is being written.
    json: Vec<u8>,
}

impl Renderer {
    /// Appends `line` with its trace to `out`.
    pub(super) fn put(
        &mut self,
        carrier: Carrier,
        line: &[u8],
        options: &Options,
        trace: Trace,
        out: &mut Vec<u8>,
    ) -> Result<(), SpliceError> {
        carrier.put_into(line, &options.field, self.json(trace, options), out)
    }

    /// Appends what a schema calls it, as a line. `raw` is the alert itself.
    pub(super) fn tell(
        &mut self,
        form: Form,
        (format, raw): (&AlertFormat, &[u8]),
        alert: Option<&Alert>,
        options: &Options,
        trace: Trace,
        out: &mut Vec<u8>,
    ) {
        let trace = self.json(trace, options);
        let (carrier, format, field) = (format.carrier(), format.name(), options.field.as_str());
        form.put(&Answer { format, carrier, raw, alert, trace, field, said: None }, out);
        out.push(b'\n');
    }

    fn json(&mut self, trace: Trace, options: &Options) -> &str {
        let trace = detailed(trace, options.evidence);
        self.json.clear();
        serde_json::to_writer(&mut self.json, &trace).expect("a trace is plain data");
        str::from_utf8(&self.json).expect("JSON is text")
    }
}

/// The trace with as much of the evidence as is wanted, and no secret in it.
pub(crate) fn detailed(mut trace: Trace, detail: EvidenceDetail) -> Trace {
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
