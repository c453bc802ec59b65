//! Traces as a table (RFC 4180): a row for each shared address of an alert, one for an alert without any.

use std::{
    fmt::{Display, Write},
    net::IpAddr,
};
use unmasq_decode::alert::AlertIdentity;
use unmasq_model::{
    Status, Trace,
    trace::{EndTrace, MaskedEnd, Place, ProcessStatus},
};

/// Writes rows.
#[derive(Default)]
pub(super) struct Table {
    /// The row that is being written.
    cells: String,
}

impl Table {
    /// The first line.
    pub(super) const HEADER: &str = "flow_id,inside_ip,inside_port,status,reason,certainty,is_final,end,\
        outside_ip,outside_port,realm,gateway,instance,instance_name,container,pid,process,alert_id\n";

    /// Appends the rows of one alert to `out`.
    pub(super) fn rows(&mut self, identity: &AlertIdentity, trace: &Trace, out: &mut Vec<u8>) {
        let flow = identity.flow_id.as_deref().unwrap_or_default();
        let mut shared = 0;
        for (name, end) in [("src", &trace.src), ("dest", &trace.dest)] {
            match end {
                EndTrace::Masked(end) if end.outside.is_some() => {
                    self.end(flow, trace, name, end, out);
                    shared += 1;
                }
                EndTrace::Masked(_) | EndTrace::NotMasked(_) => {}
            }
        }
        if shared == 0 {
            self.cell(flow).empty(2).shown(trace.status).empty(2).shown(trace.is_final).empty(10);
            self.last(&trace.alert_id.0, out);
        }
    }

    fn end(&mut self, flow: &str, trace: &Trace, name: &str, end: &MaskedEnd, out: &mut Vec<u8>) {
        let named = end.inside.as_ref().filter(|_| end.status == Status::Traced);
        let process = end.process.as_ref().filter(|process| process.status == ProcessStatus::Named);
        self.cell(flow)
            .place(named)
            .shown(end.status)
            .optional(end.reason)
            .optional(end.certainty)
            .shown(trace.is_final)
            .cell(name)
            .place(end.outside.as_ref())
            .cell(named.map_or("", |inside| inside.realm.as_str()))
            .cell(end.hops.first().map_or("", |hop| hop.gateway.as_str()))
            .cell(end.asset.as_ref().map_or("", |asset| asset.id.as_str()))
            .cell(end.asset.as_ref().and_then(|asset| asset.name.as_deref()).unwrap_or_default())
            .cell(end.container.as_ref().map_or("", |container| container.id.as_str()))
            .optional(process.and_then(|process| process.pid))
            .cell(process.and_then(|process| process.name.as_deref()).unwrap_or_default());
        self.last(&trace.alert_id.0, out);
    }

    /// A text, in quotes if it holds what parts cells and rows.
    fn cell(&mut self, text: &str) -> &mut Self {
        if text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            self.cells.push('"');
            self.cells.push_str(&text.replace('"', "\"\""));
            self.cells.push('"');
        } else {
            self.cells.push_str(text);
        }
        self.cells.push(',');
        self
    }

    /// Something that is written in letters, digits, dots and dashes.
    fn shown(&mut self, shown: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.cells, "{shown}");
        self.empty(1)
    }

    /// The address and the port of a place, each in a cell.
    fn place(&mut self, place: Option<&Place>) -> &mut Self {
        let mut number = itoa::Buffer::new();
        match place.map(|place| place.ip) {
            Some(IpAddr::V4(ip)) => {
                for (octet, end) in ip.octets().into_iter().zip(['.', '.', '.', ',']) {
                    self.cells.push_str(number.format(octet));
                    self.cells.push(end);
                }
            }
            ip => {
                self.optional(ip);
            }
        }
        if let Some(port) = place.and_then(|place| place.port) {
            self.cells.push_str(number.format(port));
        }
        self.empty(1)
    }

    fn optional(&mut self, shown: Option<impl Display>) -> &mut Self {
        match shown {
            Some(shown) => self.shown(shown),
            None => self.empty(1),
        }
    }

    fn empty(&mut self, cells: usize) -> &mut Self {
        (0..cells).for_each(|_| self.cells.push(','));
        self
    }

    fn last(&mut self, text: &str, out: &mut Vec<u8>) {
        self.cell(text).cells.pop();
        self.cells.push('\n');
        out.extend_from_slice(self.cells.as_bytes());
        self.cells.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_all_cells_and_what_parts_them_is_quoted() {
        let mut out = Vec::new();
        let identity = AlertIdentity { flow_id: Some("a,\"b\"".into()), ..AlertIdentity::default() };
        let trace = unmasq_engine::unreadable(unmasq_model::AlertId("x".into()));
        Table::default().rows(&identity, &trace, &mut out);
        let file = [Table::HEADER.as_bytes(), &out].concat();
        let mut reader = csv::Reader::from_reader(&file[..]);
        let columns = reader.headers().unwrap().len();
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((row.len(), &row[0], &row[3], &row[17]), (columns, "a,\"b\"", "untraced", "x"));
    }
}
