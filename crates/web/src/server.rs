//! Connections: how many, how long, and until when.

use crate::{
    State, Token, WebError,
    patient::Patient,
    reading::Reading,
    routes::{App, Known, router},
    v1::stream::{SaidSoFar, look},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use socket2::SockRef;
use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// So many connections are served at a time; whoever comes then is told to come again.
const CONNECTIONS: usize = 256;
/// So many may wait to be accepted.
const QUEUE: i32 = 1024;
/// So much is asked of the service at a time.
const ACTS: usize = 4;
/// So many batches are handed over at a time.
const PUSHES: usize = 4;
/// A client that has not sent a request by then is given up.
const REQUEST: Duration = Duration::from_secs(5);
/// A client that takes nothing for so long is given up.
const ANSWER: Duration = Duration::from_secs(30);
/// A request line with its headers has so many bytes at most.
const HEAD: usize = 16 << 10;
/// A request has so many headers at most.
const HEADERS: usize = 64;
/// After the end of the service, what is being answered has so long.
const GRACE: Duration = Duration::from_secs(5);
/// How soon the end of the service is seen.
const LOOK: Duration = Duration::from_millis(50);

const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Whether that address may be listened on: without tokens, only one that nobody else can reach.
///
/// # Errors
/// [`WebError::Unguarded`] when it may not.
pub fn check(address: SocketAddr, tokens: &[Token]) -> Result<(), WebError> {
    if tokens.is_empty() && !is_local(address) { Err(WebError::Unguarded { address }) } else { Ok(()) }
}

fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Listens on an address. With port 0 the system chooses one.
///
/// # Errors
/// [`WebError::Listen`] when it cannot: it is another's, or no address of this machine.
pub fn listen(address: SocketAddr) -> Result<TcpListener, WebError> {
    let failed = |source| WebError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    // Whoever finds no place in the queue tries again only after a second.
    SockRef::from(&listener).listen(QUEUE).map_err(failed)?;
    Ok(listener)
}

/// Serves on this thread until `stop` says so, and then for a few seconds whoever is still being answered.
///
/// # Errors
/// [`WebError::Start`] when it cannot begin, and as [`check`]. What goes wrong with a connection ends that connection.
pub fn serve(listener: TcpListener, state: State, stop: &AtomicBool) -> Result<(), WebError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(16)
        .build()
        .map_err(WebError::Start)?;
    runtime.block_on(async {
        listener.set_nonblocking(true).map_err(WebError::Start)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(WebError::Start)?;
        let address = listener.local_addr().map_err(WebError::Start)?;
        check(address, &state.tokens)?;
        tracing::info!(%address, "listens");
        let reading = Arc::new(Reading::of(&state.data));
        let tls = state.tls.as_deref().map(acceptor);
        let app = Arc::new(Known {
            state,
            reading,
            said: SaidSoFar::default(),
            acts: Arc::new(Semaphore::new(ACTS)),
            pushes: Arc::new(Semaphore::new(PUSHES)),
            is_local: is_local(address),
        });
        let looks = tokio::spawn(look(Arc::clone(&app)));
        accept(&listener, tls.as_ref(), &app, stop).await;
        looks.abort();
        Ok(())
    })?;
    // What is still being read from disk for nobody is not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// One that speaks what is served here.
fn acceptor(config: &ServerConfig) -> TlsAcceptor {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: &tokio::net::TcpListener, tls: Option<&TlsAcceptor>, app: &App, stop: &AtomicBool) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let service = TowerToHyperService::new(router(app));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST).max_buf_size(HEAD).max_headers(HEADERS);
    let all = GracefulShutdown::new();
    while !stop.load(Ordering::Acquire) {
        let stream = match timeout(LOOK, listener.accept()).await {
            Err(_nobody) => continue,
            Ok(Ok((stream, _))) => stream,
            Ok(Err(error)) => {
                tracing::warn!("a connection could not be accepted: {error}");
                sleep(LOOK).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            refuse(&stream);
            continue;
        };
        let stream = Patient::new(stream, ANSWER);
        let (http, service, watcher, tls) = (http.clone(), service.clone(), all.watcher(), tls.cloned());
        tokio::spawn(async move {
            // Whatever is wrong with it is the client's affair.
            if let Some(tls) = tls {
                if let Ok(Ok(stream)) = timeout(REQUEST, tls.accept(stream)).await {
                    let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
                }
            } else {
                let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
            }
            drop(place);
        });
    }
    app.said.end();
    let _ = timeout(GRACE, all.shutdown()).await;
}

/// Says that there is no room, if that can be said without waiting.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(NO_ROOM);
}
