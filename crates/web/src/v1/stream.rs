//! `/v1/traces/stream`: what is said, as soon as it is (server-sent events).
//!
//! One task looks whether something was said; a client that has not heard it reads it for itself, a page at a time.
//! So a slow client costs one page, and loses nothing: when it comes back, it says up to where it has heard.

use super::Said;
use crate::{
    access::Who,
    asked::{Asked, cursor},
    problem::Problem,
    routes::App,
    scope::Scope,
};
use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::stream::{Stream, unfold};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};

/// So many listen at a time.
const LISTENERS: usize = 64;
/// How often it is looked whether something was said.
const LOOK: Duration = Duration::from_millis(100);
/// How often who hears nothing hears that it is still there.
const BEAT: Duration = Duration::from_secs(10);
/// A page has so many events, and so many bytes.
const PAGE: (u32, usize) = (100, 1 << 20);

/// Up to where everything was said, for whoever listens; `None` once nothing more will be.
#[derive(Debug)]
pub(crate) struct SaidSoFar {
    place: watch::Sender<Option<u64>>,
    room: Arc<Semaphore>,
}

impl Default for SaidSoFar {
    fn default() -> Self {
        Self { place: watch::Sender::new(Some(0)), room: Arc::new(Semaphore::new(LISTENERS)) }
    }
}

impl SaidSoFar {
    /// Nothing more will be said: whoever listens is let go.
    pub(crate) fn end(&self) {
        self.place.send_replace(None);
    }
}

/// Looks whether something was said, as long as somebody listens.
pub(crate) async fn look(app: App) {
    loop {
        sleep(LOOK).await;
        if app.said.place.receiver_count() == 0 {
            continue;
        }
        // What went wrong was logged; it is looked again.
        if let Ok(last) = app.reading.work(|reader| Ok(reader.last_sequence()?)).await {
            app.said.place.send_if_modified(|place| {
                let is_new = place.is_some_and(|place| place != last);
                if is_new {
                    *place = Some(last);
                }
                is_new
            });
        }
    }
}

/// One who listens.
struct Listener {
    app: App,
    /// What they may hear.
    scope: Scope,
    heard: u64,
    page: VecDeque<Said>,
    said: watch::Receiver<Option<u64>>,
    _place: OwnedSemaphorePermit,
}

/// Everything that is said after what the client has heard; without that, from now on.
pub(crate) async fn listen(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let heard =
        match headers.get("last-event-id") {
            Some(id) => {
                let id = id.to_str().unwrap_or_default();
                Some(cursor(id).map_err(|_| {
                    Problem::bad("Last-Event-ID", "it is the `id` of no event of this stream")
                })?)
            }
            None => asked.after()?,
        };
    let Ok(place) = Arc::clone(&app.said.room).try_acquire_owned() else {
        return Err(Problem::not_now(format!("{LISTENERS} listen already")));
    };
    let heard = match heard {
        Some(heard) => heard,
        None => app.reading.work(|reader| Ok(reader.last_sequence()?)).await?,
    };
    let said = app.said.place.subscribe();
    let listener = Listener { app, scope: who.scope, heard, page: VecDeque::new(), said, _place: place };
    let events = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)))
}

impl Listener {
    /// What is said next; `None` when nothing more will be, or it cannot be read.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let last = (*self.said.borrow_and_update())?;
            if let Some(said) = self.page.pop_front() {
                let data = serde_json::to_string(&said).ok()?;
                return Some(Event::default().event("trace").id(said.sequence.to_string()).data(data));
            }
            if self.heard >= last {
                self.said.changed().await.ok()?;
                continue;
            }
            let (heard, scope) = (self.heard, self.scope.clone());
            let read = self.app.reading.work(move |reader| {
                let page = reader.traces_after(heard, PAGE.0, PAGE.1)?;
                // What was dropped since is not said any more.
                let heard = page.last().map_or(last, |said| said.sequence);
                let seen = page.into_iter().filter(|said| scope.sees_trace(&said.body));
                Ok((heard, seen.map(Said::of).collect::<Result<_, _>>()?))
            });
            (self.heard, self.page) = read.await.ok()?;
        }
    }
}
