//! Process records become sockets.

use crate::{Progress, SourceReport, Unread, lines::line_of};
use unmasq_decode::ProcessFormat;
use unmasq_index::Memory;
use unmasq_io::source::{Frames, LINE_LIMIT, Meter, expand, open};

/// Reads every process record of `paths` into `memory`.
pub(crate) fn read(
    paths: &[String],
    memory: &mut Memory,
    reports: &mut Vec<SourceReport>,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) {
    for path in paths {
        let found = match expand(path) {
            Ok(found) => found,
            Err(error) => {
                unread.push(Unread::missing(path, &error));
                continue;
            }
        };
        for file in found {
            let meter = Meter::default();
            let name = file.location.name();
            progress.begin(name.as_str(), file.bytes, &meter);
            let mut report = SourceReport::named(name.clone(), "unmasq-process", "you said so");
            match open(&file.location, &meter) {
                Ok(input) => {
                    sockets(Frames::new(input, LINE_LIMIT), name.as_str(), memory, &mut report, unread);
                }
                Err(error) => unread.push(Unread::unreadable(&error)),
            }
            reports.push(report);
            progress.end();
        }
    }
}

fn sockets(
    mut frames: Frames,
    name: &str,
    memory: &mut Memory,
    report: &mut SourceReport,
    unread: &mut Vec<Unread>,
) {
    loop {
        let frame = match frames.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return unread.push(Unread::unreadable(&error)),
        };
        let Some(line) = line_of(&frame) else { continue };
        report.lines += 1;
        match line.and_then(|line| ProcessFormat::Unmasq.read(line)) {
            Ok(socket) => {
                report.records += u64::from(socket.is_some());
                socket.into_iter().for_each(|socket| memory.insert_socket(socket));
            }
            Err(why) => report.skips.add(name, frame.line, &why),
        }
    }
}
