//! A real S3 server over a folder, on a loopback port.
//!
//! It checks signatures, lists, takes parts and gives ranges. What it does not know are conditional puts: those it
//! is spared here, by a layer before it that refuses a put with `If-None-Match: *` where an object is, and that lets
//! one put through at a time, so that nobody comes between.

use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::IF_NONE_MATCH, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3ServiceBuilder, SharedS3Service},
};
use s3s_fs::FileSystem;
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{Mutex, Semaphore},
};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const REFUSED: &str = "<?xml version=\"1.0\"?><Error><Code>PreconditionFailed</Code>\
                       <Message>There is such an object.</Message></Error>";

/// A server with one empty bucket, `history`.
pub(super) struct Server {
    folder: TempDir,
    address: SocketAddr,
    manners: Arc<Manners>,
    runtime: Option<Runtime>,
}

/// How it behaves beside what S3 asks for.
struct Manners {
    /// Held by whoever puts something.
    puts: Mutex<()>,
    /// How many puts of manifests are still waited for before any goes on.
    awaited: AtomicUsize,
    arrived: Semaphore,
    /// Whether it overwrites whatever it was told.
    overwrites: AtomicBool,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("history")).unwrap();
        let manners = Arc::new(Manners {
            puts: Mutex::default(),
            awaited: AtomicUsize::new(0),
            arrived: Semaphore::new(0),
            overwrites: AtomicBool::new(false),
        });
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (root, manners_here) = (folder.path().to_owned(), Arc::clone(&manners));
        runtime.spawn(serve(listener, service.build().into_shared(), root, manners_here));
        Self { folder, address, manners, runtime: Some(runtime) }
    }

    /// Where its buckets lie.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Tells a command where it is, and nothing of what the machine knows of other servers.
    pub(super) fn tell(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "eu-north-1")
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("NO_PROXY", "127.0.0.1");
    }

    /// From now on lets no manifest be put before so many are to be; then all of them.
    pub(super) fn hold_manifests(&self, count: usize) {
        self.manners.awaited.store(count, Ordering::SeqCst);
    }

    /// From now on writes over what is there, as servers do that do not know conditional puts.
    pub(super) fn overwrite(&self) {
        self.manners.overwrites.store(true, Ordering::SeqCst);
    }

    /// Makes everything that is there an hour old.
    #[expect(clippy::disallowed_methods, reason = "the server's files are as old as the system says")]
    pub(super) fn age_objects(&self) {
        let before = SystemTime::now() - Duration::from_secs(3600);
        let mut folders = vec![self.folder().join("history")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, service: SharedS3Service, root: PathBuf, manners: Arc<Manners>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (service, root, manners) = (service.clone(), root.clone(), Arc::clone(&manners));
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, root, manners) = (service.clone(), root.clone(), Arc::clone(&manners));
            async move {
                if request.method() != Method::PUT {
                    return hyper::service::Service::call(&service, request).await;
                }
                manners.wait(request.uri().path()).await;
                let _one = manners.puts.lock().await;
                let object = root.join(request.uri().path().trim_start_matches('/'));
                let overwrites = manners.overwrites.load(Ordering::SeqCst);
                if request.headers().contains_key(IF_NONE_MATCH) && object.exists() && !overwrites {
                    let mut refused = Response::new(Body::from(REFUSED.to_owned()));
                    *refused.status_mut() = StatusCode::PRECONDITION_FAILED;
                    return Ok(refused);
                }
                hyper::service::Service::call(&service, request).await
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

impl Manners {
    async fn wait(&self, path: &str) {
        let is_manifest = path.contains("/manifest-") && !path.contains(".copy.");
        if !is_manifest || self.awaited.load(Ordering::SeqCst) == 0 {
            return;
        }
        if self.awaited.fetch_sub(1, Ordering::SeqCst) == 1 {
            // All are there: whoever waits goes on, and so does whoever comes later.
            self.arrived.add_permits(Semaphore::MAX_PERMITS);
        }
        let _ = self.arrived.acquire().await;
    }
}
