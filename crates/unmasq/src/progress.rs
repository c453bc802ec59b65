//! A bar for whoever waits at a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    cell::RefCell,
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use unmasq_io::source::Meter;
use unmasq_node::Progress;

/// Shows a bar per input on standard error, if that is a terminal.
#[derive(Default)]
pub(crate) struct Bars {
    current: RefCell<Option<Running>>,
}

struct Running {
    stop: Arc<AtomicBool>,
    ticker: JoinHandle<()>,
}

impl Progress for Bars {
    fn begin(&self, what: &str, bytes: Option<u64>, meter: &Meter) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let form = match bytes {
            Some(_) => "  {msg:32} {bar:30} {bytes:>10} / {total_bytes} {bytes_per_sec} {eta}",
            None => "  {msg:32} {spinner} {bytes:>10} {bytes_per_sec}",
        };
        let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        bar.set_style(ProgressStyle::with_template(form).expect("the form is a constant that was tried"));
        bar.set_message(what.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, meter) = (Arc::clone(&stop), meter.clone());
        let ticker = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                bar.set_position(meter.bytes());
                std::thread::park_timeout(Duration::from_millis(100));
            }
            bar.finish_and_clear();
        });
        *self.current.borrow_mut() = Some(Running { stop, ticker });
    }

    fn end(&self) {
        if let Some(Running { stop, ticker }) = self.current.borrow_mut().take() {
            stop.store(true, Ordering::Relaxed);
            ticker.thread().unpark();
            // A ticker that panicked has only failed to draw.
            let _ = ticker.join();
        }
    }
}
