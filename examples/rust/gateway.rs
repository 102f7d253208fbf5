//! A reverse proxy on axum: `gateway LISTEN FOLDER ADDRESS:PORT`.
//!
//! Each `HOST.yaml` of FOLDER is the policy of the upstream HOST. A request with `Host: HOST` goes there, to ADDRESS:PORT. Documents
//! that come, change and go are followed, and so are the files that they name: no rotation costs a request.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::collections::HashMap;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONNECTION, HOST, HeaderMap, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use axum::http::{Request, Response, StatusCode, Uri};
use uptls::danger::DangerPermission;
use uptls::hyper_client::{Pool, UpstreamService};
use uptls::{FileSource, OnInvalid, Registry, Runtime, UpstreamTlsPolicy, Watch, WatchedSource};

struct Gateway {
    address: SocketAddr,
    folder: PathBuf,
    registry: Registry,
    upstreams: Mutex<HashMap<String, (Pool<Body>, WatchedSource)>>,
    watch: Watch,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [listen, folder, address] = arguments.as_slice() else {
        return Err("usage: gateway LISTEN FOLDER ADDRESS:PORT".into());
    };
    let registry = Registry::new(&Runtime::new(uptls::aws_lc_rs::provider()), OnInvalid::KeepLastGood);
    let (watch, upstreams) = (Watch::polling([])?, Mutex::default());
    let gateway = Arc::new(Gateway { address: address.parse()?, folder: folder.into(), registry, upstreams, watch });
    gateway.reload()?;
    tokio::spawn(follow(Arc::clone(&gateway)));
    tokio::spawn(log(Arc::clone(&gateway)));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(proxy).with_state(gateway)).await?)
}

/// One request. What the upstream's refusal says stays here; the client learns its code.
async fn proxy(State(gateway): State<Arc<Gateway>>, mut request: Request<Body>) -> Response<Body> {
    let host = request.headers_mut().remove(HOST);
    let host = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let (Some(pool), Ok(uri)) = (gateway.pool(host), format!("https://{host}{path}").parse::<Uri>()) else {
        return answer(StatusCode::NOT_FOUND, "no policy has this host");
    };
    *request.uri_mut() = uri;
    remove_hop_by_hop(request.headers_mut());
    match pool.request(request).await {
        Ok(mut response) => {
            remove_hop_by_hop(response.headers_mut());
            response.map(Body::new)
        }
        Err(error) => {
            eprintln!("{host}: {error}");
            answer(StatusCode::BAD_GATEWAY, uptls::Error::find_in(&error).map_or("http", uptls::Error::public_text))
        }
    }
}

impl Gateway {
    fn pool(&self, host: &str) -> Option<Pool<Body>> {
        let upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        upstreams.get(host).map(|(pool, _)| pool.clone())
    }

    /// The documents of the folder are all that there is: one that is gone is withdrawn, one that is broken changes nothing.
    fn reload(&self) -> std::io::Result<()> {
        let mut documents = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let host = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let check = |draft| UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden);
                documents.push((host, uptls_manifest::load(&path).and_then(check)));
            }
        }
        let synced = self.registry.sync(documents);
        let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        for host in &synced.withdrawn {
            upstreams.remove(host).into_iter().for_each(|(_, source)| self.watch.remove(source));
        }
        for (host, connector) in self.registry.connectors() {
            upstreams.entry(host.to_string()).or_insert_with(|| {
                let pool = Pool::new(UpstreamService::new(connector.clone()).with_address(self.address));
                tokio::spawn(pool.maintain());
                (pool, self.watch.add(FileSource::following(&connector).with_interval(Duration::from_millis(100))))
            });
        }
        Ok(())
    }
}

/// Documents are few and small, so they are read again and again; the watch sees to the files that they name.
async fn follow(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Err(error) = gateway.reload() {
            eprintln!("{}: {error}", gateway.folder.display());
        }
    }
}

async fn log(gateway: Arc<Gateway>) {
    loop {
        let (host, event) = poll_fn(|cx| gateway.registry.poll_event(cx)).await;
        eprintln!("{host}: generation {}: {}", event.generation, event.kind.as_str());
    }
}

/// RFC 9110 section 7.6.1.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let listed =
        headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let listed: Vec<HeaderName> = listed.filter_map(|name| name.trim().parse().ok()).collect();
    let always = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];
    listed.iter().chain(&always).for_each(|name| drop(headers.remove(name)));
}

fn answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
