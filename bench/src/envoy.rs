//! What the module costs inside Envoy, against Envoy's own validator: the same certificates, in one process, interleaved.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uptls::danger::DangerPermission;
use uptls::{Prepared, Problems, Runtime, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, Export, ExportOptions};
use uptls_testkit::envoy::{self as testkit, Binary, Envoy};
use uptls_testkit::{Certificate, Key, San, Server, ServerOptions, Template, chain_pem};

use crate::{median, round};

/// Ratios of the module to Envoy's own validator.
pub(crate) struct Figures {
    /// Of Envoy's processor time for one handshake and request.
    pub(crate) cpu: f64,
    pub(crate) handshakes_per_second: [f64; 2],
    /// Of the memory that a cluster takes.
    pub(crate) memory: f64,
    pub(crate) kib_per_cluster: [f64; 2],
    pub(crate) throughput: f64,
}

impl Figures {
    pub(crate) fn json(&self) -> Value {
        json!({
            "throughput_ratio": round(self.throughput),
            "handshakes_per_second": self.handshakes_per_second.map(f64::round),
            "cpu_ratio": round(self.cpu),
            "memory_ratio": round(self.memory),
            "kib_per_cluster": self.kib_per_cluster.map(round),
        })
    }
}

/// `None`, said visibly, where Envoy is not installed.
pub(crate) fn measure() -> Result<Option<Figures>, Box<dyn Error>> {
    let Some(binary) = Binary::find() else { return Ok(None) };
    let world = World::new()?;
    let (throughput, handshakes_per_second, cpu) = world.handshakes(&binary);
    let kib_per_cluster = world.memory(&binary);
    let memory = kib_per_cluster[0] / kib_per_cluster[1];
    Ok(Some(Figures { cpu, handshakes_per_second, kib_per_cluster, memory, throughput }))
}

type Exporter = fn(&Prepared, &ExportOptions) -> Result<Export, Problems>;

struct World {
    folder: std::path::PathBuf,
    issuing: Certificate,
    prepared: Arc<Prepared>,
}

impl World {
    /// A bundle of as many roots as browsers trust, of which the last is the server's.
    fn new() -> Result<Self, Box<dyn Error>> {
        let folder = std::env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("bench/envoy");
        std::fs::create_dir_all(&folder)?;
        let root =
            |number: usize| authority(&format!("root {number}")).self_signed(&Key::p256(&format!("root {number}")));
        let roots: Vec<Certificate> = (0..ROOTS).map(root).collect();
        let issuing = authority("issuing").issued_by(roots.last().ok_or("no roots")?, &Key::p256("issuing"));
        std::fs::write(folder.join("roots.pem"), chain_pem(&roots.iter().collect::<Vec<_>>()))?;
        let prepared = prepare(&folder)?;
        Ok(Self { folder, issuing, prepared })
    }

    fn cluster(&self, name: &str, export: Exporter) -> Value {
        let mut options = ExportOptions::default();
        let owner = envoy::Owner::named(name);
        options.placement = envoy::Placement::CaFile { file: self.folder.join("roots.pem"), owner };
        let mut context = export(&self.prepared, &options).expect("it can be exported").context;
        context["max_session_keys"] = json!(0);
        testkit::cluster(name, &context)
    }

    /// Rounds of handshakes by the one and by the other, in alternating order.
    fn handshakes(&self, binary: &Binary) -> (f64, [f64; 2], f64) {
        let leaf = Template::leaf("leaf").with_sans(&[San::dns("a.example.com")]).lasting();
        let leaf = leaf.issued_by(&self.issuing, &Key::p256("leaf"));
        let options = ServerOptions { tickets: false, time: None, ..ServerOptions::new(&[&leaf, &self.issuing]) };
        let server = Server::start(&options);
        let clusters = SIDES.iter().map(|(name, export)| self.cluster(name, *export)).collect();
        let envoy = Envoy::start(binary, &self.folder, clusters);
        let (mut seconds, mut ticks) = ([vec![], vec![]], [0, 0]);
        let began = Instant::now();
        let mut round = 0;
        while round < ROUNDS {
            // Rounds count once caches are warm, and the bundle is no longer read again as one that was just written.
            round = if began.elapsed() < WARM { 0 } else { round + 1 };
            for turn in 0..2 {
                let side = (round + turn) % 2;
                let (before, since) = (envoy.ticks(), Instant::now());
                run(&envoy, SIDES[side].0, &server);
                if round > 0 {
                    seconds[side].push(since.elapsed().as_secs_f64());
                    ticks[side] += envoy.ticks() - before;
                }
            }
        }
        let mut ratios: Vec<f64> = seconds[0].iter().zip(&seconds[1]).map(|(module, own)| own / module).collect();
        let rates = seconds.map(|mut seconds| HANDSHAKES as f64 / median(&mut seconds));
        (median(&mut ratios), rates, ticks[0] as f64 / ticks[1] as f64)
    }

    /// What many clusters take beyond one, for each.
    fn memory(&self, binary: &Binary) -> [f64; 2] {
        SIDES.map(|(_, export)| {
            let resident = |count: usize| {
                let clusters = (0..count).map(|number| self.cluster(&format!("c{number}"), export)).collect();
                Envoy::start(binary, &self.folder, clusters).resident_kib() as f64
            };
            let mut differences: Vec<f64> = (0..3).map(|_| resident(1 + CLUSTERS) - resident(1)).collect();
            median(&mut differences) / CLUSTERS as f64
        })
    }
}

fn prepare(folder: &Path) -> Result<Arc<Prepared>, Box<dyn Error>> {
    let text = "{apiVersion: uptls/v1, kind: UpstreamTlsPolicy, spec: {trust: {bundles: [{file: roots.pem}]}, serverName: a.example.com}}";
    let draft = uptls_manifest::parse(text.as_bytes(), "bench", Some(folder))?;
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
    Ok(Runtime::new(uptls::aws_lc_rs::provider()).prepare(&policy)?)
}

fn run(envoy: &Envoy, cluster: &str, server: &Server) {
    let next = AtomicUsize::new(0);
    let ask = || {
        while next.fetch_add(1, Ordering::Relaxed) < HANDSHAKES {
            let (status, body) = envoy.get(cluster, server.addr());
            assert_eq!(status, 200, "{cluster}: {body}");
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(ask))));
}

fn authority(name: &str) -> Template {
    Template::ca(name).lasting()
}

const CLUSTERS: usize = 200;
const HANDSHAKES: usize = 200;
const ROOTS: usize = 140;
const ROUNDS: usize = 20;
const SIDES: [(&str, Exporter); 2] = [("module", envoy::export_module), ("own", envoy::export)];
const THREADS: usize = 4;
const WARM: Duration = Duration::from_secs(5);
