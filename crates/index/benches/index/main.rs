//! How fast sessions are sorted away and found: `cargo bench -p unmasq-index`.
//!
//! One core, a million sessions, everything in memory. Look-ups go to all of them in no order, as those of
//! alerts do, so they wait for memory.

mod flows;

use divan::{Bencher, black_box, counter::ItemsCount};
use flows::Flow;
use unmasq_index::{Arena, Block, Row};
use unmasq_model::{GatewayIx, Rows, SessionsQuestion, Span};

/// Sessions of the block.
const ROWS: usize = 1_000_000;

/// Questions of one round: enough that their rows are in no cache.
const ASKED: usize = 100_000;

fn main() {
    divan::main();
}

/// Sorts a log's sessions, and makes what they are found by.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn block_of_a_million(bencher: Bencher<'_, '_>) {
    let rows: Vec<Row> = flows::rows(&flows::flows(1, ROWS));
    let counted = bencher.counter(ItemsCount::new(ROWS)).with_inputs(|| rows.clone());
    counted.bench_local_values(|rows| Block::of(rows, Vec::new()));
}

/// What an alert asks about a session, as long as its second.
fn question(flow: &Flow) -> SessionsQuestion {
    SessionsQuestion {
        gateway: Some(GatewayIx(0)),
        protocol: flow.translation.protocol,
        outside: (flow.translation.outside.ip, flow.translation.outside.port()),
        remote: flow.translation.remote,
        during: Span::at(flow.start),
    }
}

/// Asks a block of a million sessions about some of them, each of which it must find.
fn look_up(bencher: Bencher<'_, '_>, question: impl Fn(&Flow) -> SessionsQuestion) {
    let flows = flows::flows(1, ROWS);
    let block = Block::of(flows::rows(&flows), Vec::new());
    let asked: Vec<SessionsQuestion> = flows.iter().take(ASKED).map(question).collect();
    let answers = |asked: &SessionsQuestion| {
        let (room, mut found) = (Arena::new(), Rows::new());
        block.sessions(asked, &room, &mut found);
        black_box(found.len())
    };
    assert!(asked.iter().all(|asked| answers(asked) > 0));
    bencher.counter(ItemsCount::new(ASKED)).bench_local(|| {
        for asked in &asked {
            answers(black_box(asked));
        }
    });
}

#[divan::bench(sample_count = 20)]
fn look_up_by_outside(bencher: Bencher<'_, '_>) {
    look_up(bencher, question);
}

/// As where a log has another name for our address.
#[divan::bench(sample_count = 20)]
fn look_up_by_peer(bencher: Bencher<'_, '_>) {
    look_up(bencher, |flow| {
        let asked = question(flow);
        SessionsQuestion { gateway: None, outside: (None, asked.outside.1), ..asked }
    });
}
