//! A receiver of webhooks that does what it is told: answers anything, hangs, hangs up, comes and goes.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What becomes of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It is kept, and answered with 200.
    Take,
    /// It is kept, and then the connection ends without an answer.
    TakeAndHangUp,
    /// The connection ends in the middle of it.
    HangUp,
    /// It is read, and nothing happens for so long.
    Hang(Duration),
    /// It is answered so: a status, further headers (each ended by `\r\n`), and a body.
    Answer(u16, String, String),
}

impl Reply {
    /// An answer without anything else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(status, String::new(), String::new())
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The first line and the headers.
    pub head: String,
    /// What was posted.
    pub body: String,
    /// Whether it was kept.
    pub is_taken: bool,
}

impl Request {
    /// What a header says.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What a receiver does, and what came.
#[derive(Debug, Default)]
pub struct Script {
    /// What becomes of the next requests; after the last one, all are taken.
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    /// Does this with the next requests.
    pub fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.replies).extend(replies);
    }

    /// What came by now.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// The lines that were kept, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let requests = lock(&self.requests);
        let taken = requests.iter().filter(|request| request.is_taken);
        taken.flat_map(|request| request.body.lines().map(str::to_owned)).collect()
    }

    /// Serves one connection to its end.
    ///
    /// # Errors
    /// When it breaks.
    pub fn serve(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some((head, length)) = head(&mut stream)? {
            let reply = lock(&self.replies).pop_front().unwrap_or(Reply::Take);
            if reply == Reply::HangUp {
                return stream.read_exact(&mut vec![0; length / 2]);
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body)?;
            let body = String::from_utf8_lossy(&body).into_owned();
            let is_taken = matches!(reply, Reply::Take | Reply::TakeAndHangUp);
            lock(&self.requests).push(Request { head, body, is_taken });
            let (status, headers, text) = match reply {
                Reply::Take => (200, String::new(), String::new()),
                Reply::Answer(status, headers, text) => (status, headers, text),
                Reply::Hang(time) => {
                    thread::sleep(time);
                    return Ok(());
                }
                Reply::TakeAndHangUp | Reply::HangUp => return Ok(()),
            };
            let length = text.len();
            let answer = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\n\r\n{text}");
            stream.get_mut().write_all(answer.as_bytes())?;
            stream.get_mut().flush()?;
        }
        Ok(())
    }
}

/// The head of a request, and how long its body is; `None` at the end.
fn head(stream: &mut impl BufRead) -> io::Result<Option<(String, usize)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begun = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[begun..].trim_end().to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length: ") {
            length = said.parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            return Ok(Some((head, length)));
        }
    }
}

/// A receiver at a port of this machine. It is gone when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it does.
    pub script: Arc<Script>,
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One at a port that is free, or at one where another was before.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(port: u16, script: &Arc<Script>) -> io::Result<Self> {
        let script = Arc::clone(script);
        let serve = Arc::clone(&script);
        Self::start_with(port, script, move |stream| drop(serve.serve(stream)))
    }

    /// One that does something else with connections.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start_with(
        port: u16,
        script: Arc<Script>,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let (address, gone) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (serve, is_gone) = (Arc::new(serve), Arc::clone(&gone));
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming().flatten() {
                if is_gone.load(Ordering::Acquire) {
                    break;
                }
                connections.extend(stream.try_clone());
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
            // Like a process that ends.
            for connection in connections {
                let _ = connection.shutdown(std::net::Shutdown::Both);
            }
        });
        Ok(Self { address, script, gone, thread: Some(thread) })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
        // It waits for one more connection.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
