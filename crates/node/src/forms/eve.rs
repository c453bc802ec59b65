//! The alert as it came, with its trace beside it.

use super::Answer;

pub(super) fn put(answer: &Answer<'_>, out: &mut Vec<u8>) {
    let Answer { raw, field, trace, .. } = answer;
    if answer.carrier.put_into(raw, field, trace, out).is_err() {
        // It has a member of that name that is not ours: it goes out as it came, and the trace in a line of its own.
        out.extend_from_slice(raw);
        if !raw.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(trace.as_bytes());
    }
    if out.ends_with(b"\n") {
        out.pop();
    }
}
