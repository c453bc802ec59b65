//! A trace beside its alert's own bytes.

use super::{EvidenceDetail, Options};
use crate::mask::without_secrets;
use unmasq_decode::{Carrier, SpliceError};
use unmasq_model::{
    Trace,
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
        let trace = detailed(trace, options.evidence);
        self.json.clear();
        serde_json::to_writer(&mut self.json, &trace).expect("a trace is plain data");
        let json = str::from_utf8(&self.json).expect("JSON is text");
        carrier.put_into(line, &options.field, json, out)
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
