//! Calls of every function of the C header, generated from it, in any order and with any handle that lives, or NULL: nothing
//! crashes, what fails says why, what it must not write stays NULL, and a handle lives as long as its last reference.

use core::ffi::{CStr, c_char, c_void};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::IntoRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use uptls_ffi as _;
use uptls_testkit::{MemoryServer, NOW, Pki, San, ServerOptions, chain_pem};

use crate::draw::Draw as _;
use crate::heap;

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

struct Bench {
    ca: CString,
    chain: String,
    document: String,
    folder: tempfile::TempDir,
    manifests: String,
    /// The same, one by one.
    objects: Vec<String>,
    server: ServerOptions,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let pki = Pki::new("ffi");
    let leaf = pki.leaf(&[San::dns("a.test")]);
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, pki.root.pem()).expect("written");
    let pem = serde_json::json!(pki.root.pem());
    let document = format!(
        "{{\"apiVersion\": \"uptls/v1\", \"kind\": \"UpstreamTlsPolicy\", \"spec\": {{\"trust\": {{\"bundles\": [{{\"pem\": {pem}}}]}}}}}}"
    );
    std::fs::write(folder.path().join("policy.json"), &document).expect("written");
    let objects = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": {"name": "pay", "namespace": "shop"},
            "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
                "validation": {"hostname": "a.test", "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "shop"}, "data": {"ca.crt": pki.root.pem()}},
    ]});
    Bench {
        ca: CString::new(path.to_str().expect("UTF-8")).expect("no NUL"),
        chain: chain_pem(&[&leaf, &pki.intermediate]),
        document,
        manifests: objects.to_string(),
        objects: objects["items"].as_array().expect("a list").iter().map(ToString::to_string).collect(),
        server: ServerOptions::new(&[&leaf, &pki.intermediate]),
        folder,
    }
});

/// What a program holds.
pub struct Session<'u, 'a> {
    /// Each entry is one reference.
    handles: BTreeMap<&'static str, Vec<*mut c_void>>,
    /// Everything that calls may still point to.
    held: Vec<CString>,
    /// Sockets that the library may own by now.
    given: Vec<i32>,
    /// How much there is at the place that was given last.
    last_length: usize,
    lists: Vec<Vec<*const c_char>>,
    bytes: Vec<Vec<u8>>,
    options: Vec<Vec<u64>>,
    sockets: Vec<UnixStream>,
    u: &'u mut Unstructured<'a>,
}

pub fn run(bytes: &[u8]) {
    LazyLock::force(&BENCH);
    heap::watched(|| program(bytes));
}

fn program(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let mut s = Session {
        handles: BTreeMap::new(),
        held: Vec::new(),
        given: Vec::new(),
        last_length: 0,
        lists: Vec::new(),
        bytes: Vec::new(),
        options: Vec::new(),
        sockets: Vec::new(),
        u: &mut u,
    };
    s.begin();
    let mut calls = 0;
    while !s.u.is_empty() && calls < 48 {
        calls += 1;
        match s.u.below(CALLS.len() + 24) {
            known if known < CALLS.len() => CALLS[known].1(&mut s),
            more => match more % 4 {
                0 => s.reference(),
                1 => s.begin(),
                2 => s.converse(),
                _ => s.connection(),
            },
        }
    }
    s.end();
}

impl Session<'_, '_> {
    /// A runtime, a policy and a connector, so that most calls have something to work on.
    fn begin(&mut self) {
        let (mut runtime, mut policy, mut connector) =
            (core::ptr::null_mut(), core::ptr::null_mut(), core::ptr::null_mut());
        let null = core::ptr::null_mut();
        let text = BENCH.document.as_bytes();
        // SAFETY: all places and texts live.
        unsafe {
            assert_eq!(uptls_runtime_new_at(NOW, &raw mut runtime, null), 0);
            let read = uptls_policy_from_document(
                runtime,
                text.as_ptr(),
                text.len(),
                c"p".as_ptr(),
                core::ptr::null(),
                0,
                &raw mut policy,
                null,
            );
            assert_eq!(read, 0);
            assert_eq!(uptls_connector_new(policy, 0, &raw mut connector, null), 0);
        }
        self.gain("runtime", runtime);
        self.gain("policy", policy);
        self.gain("connector", connector);
    }

    /// One more reference to something, and the end of one.
    fn reference(&mut self) {
        let which = self.u.below(4);
        let (kind, call, end): (
            _,
            unsafe extern "C" fn(*mut c_void) -> *mut c_void,
            unsafe extern "C" fn(*mut c_void),
        ) = [
            ("policy", uptls_policy_ref as _, uptls_policy_unref as _),
            ("connector", uptls_connector_ref as _, uptls_connector_unref as _),
            ("evidence", uptls_evidence_ref as _, uptls_evidence_unref as _),
            ("manifest_set", uptls_manifest_set_ref as _, uptls_manifest_set_unref as _),
        ][which];
        let handle = self.borrow(kind);
        // SAFETY: it is live or NULL; each reference is ended once.
        unsafe {
            let more = call(handle);
            assert_eq!(more, handle);
            if self.u.maybe() {
                end(more);
            } else {
                self.gain(kind, more);
            }
        }
    }

    fn connection(&mut self) {
        let connector = self.borrow("connector");
        let mut conn = core::ptr::null_mut();
        // SAFETY: the connector is live or NULL.
        unsafe {
            uptls_conn_new(connector, c"a.test".as_ptr(), core::ptr::null(), &raw mut conn, core::ptr::null_mut())
        };
        self.gain("conn", conn);
    }

    /// A connection and an honest server talk.
    fn converse(&mut self) {
        if self.handles.get("conn").is_none_or(Vec::is_empty) {
            self.connection();
        }
        let conn = self.borrow("conn");
        if conn.is_null() {
            return;
        }
        let mut server = MemoryServer::with_options(&BENCH.server);
        let mut room = vec![0_u8; 20_000];
        for _ in 0..6 {
            let (mut got, mut used) = (0_usize, 0_usize);
            let null = core::ptr::null_mut();
            // SAFETY: the connection is live, and the room is as large as is said.
            unsafe {
                if uptls_conn_drain(conn, room.as_mut_ptr(), room.len(), &raw mut got, null) < 0 {
                    return;
                }
                let _ = server.feed(&room[..got]);
                let back = server.drain();
                if uptls_conn_feed(conn, back.as_ptr(), back.len(), &raw mut used, null) < 0
                    || (got == 0 && back.is_empty())
                {
                    return;
                }
                assert!(used <= back.len());
            }
        }
    }

    /// Ends every reference, the last one first or the first.
    fn end(mut self) {
        let ends: &[(&str, unsafe extern "C" fn(*mut c_void))] = &[
            ("conn", uptls_conn_free),
            ("stream", uptls_stream_free),
            ("watch", uptls_watch_free),
            ("connector", uptls_connector_unref),
            ("evidence", uptls_evidence_unref),
            ("policy", uptls_policy_unref),
            ("manifest_set", uptls_manifest_set_unref),
            ("manifest_store", uptls_manifest_store_free),
            ("dialer", uptls_dialer_free),
            ("builder", uptls_builder_free),
            ("runtime", uptls_runtime_free),
            ("error", uptls_error_free),
            ("reason", uptls_error_free),
            ("string", uptls_string_free),
        ];
        for (kind, end) in ends {
            for handle in self.handles.remove(kind).unwrap_or_default() {
                // SAFETY: each reference is ended once.
                unsafe { end(handle) };
            }
        }
        self.sockets.clear();
        for fd in &self.given {
            // SAFETY: nothing else is open by now that this program opened, so that the number is that socket's, or nobody's.
            unsafe { close(*fd) };
        }
        assert!(self.handles.is_empty(), "{:?} are kinds that nothing ends", self.handles.keys());
    }

    fn gain(&mut self, kind: &'static str, handle: *mut c_void) {
        if !handle.is_null() {
            self.handles.entry(kind).or_default().push(handle);
        }
    }

    fn borrow(&mut self, kind: &'static str) -> *mut c_void {
        let all = self.handles.get(kind).map(Vec::as_slice).unwrap_or_default();
        if all.is_empty() {
            return core::ptr::null_mut();
        }
        // NULL now and then; the last one first.
        let place = self.u.below(all.len().min(8) * 4);
        if place == all.len().min(8) * 4 - 1 { core::ptr::null_mut() } else { all[all.len() - 1 - place / 4] }
    }

    fn take(&mut self, kind: &'static str) -> *mut c_void {
        let handle = self.borrow(kind);
        if let Some(all) = self.handles.get_mut(kind)
            && let Some(place) = all.iter().position(|own| *own == handle)
        {
            all.remove(place);
        }
        handle
    }

    /// A place for a result, or none.
    fn place<T>(&mut self, place: *mut T) -> *mut T {
        if self.u.below(16) == 15 { core::ptr::null_mut() } else { place }
    }

    fn outs(&mut self, outs: &[(&'static str, *mut c_void, bool)]) {
        for (kind, handle, unwanted) in outs {
            if !unwanted {
                assert_ne!(*handle as usize, 1, "a place was not written");
                self.gain(kind, *handle);
            }
        }
    }

    /// What fails says why and gives nothing; what works says nothing.
    fn status(&mut self, name: &str, status: i32, outs: &[(&'static str, *mut c_void, bool)]) {
        for (kind, handle, unwanted) in outs.iter().filter(|(kind, ..)| *kind != "string") {
            if !unwanted && *kind == "error" {
                assert_eq!(handle.is_null(), status >= 0, "{name} gives {status}");
            } else if !unwanted && status < 0 {
                assert!(handle.is_null(), "{name} gives {status} and a {kind}");
            }
        }
        assert!((-64..=16).contains(&status), "{name} gives {status}");
        self.outs(outs);
    }

    /// A text that a call gave: it can be read to its end.
    fn read(&mut self, name: &str, text: *const c_char) {
        if !text.is_null() {
            // SAFETY: it is NUL-terminated by the contract of the header.
            let text = unsafe { CStr::from_ptr(text) };
            assert!(text.to_str().is_ok(), "{name} gives {text:?}");
        }
    }

    fn own(&mut self, text: &str) -> *const c_char {
        let text = CString::new(text.replace('\0', "")).expect("no NUL is left");
        self.held.push(text);
        self.held.last().expect("just now").as_ptr()
    }

    fn text(&mut self, function: &str, name: &str) -> *const c_char {
        let dials = ["uptls_stream_connect", "uptls_connector_check"].contains(&function);
        match name {
            // Nothing may leave this machine, and no name be resolved.
            "address" | "connect_to" => return self.own("127.0.0.1"),
            "host" if dials => return self.own("127.0.0.1"),
            _ => {}
        }
        match self.u.below(10) {
            0..=5 => {}
            6 => return core::ptr::null(),
            7 => return self.own(""),
            8 => {
                let drawn = self.u.some_bytes(40);
                let drawn =
                    CString::new(drawn.into_iter().filter(|byte| *byte != 0).collect::<Vec<_>>()).expect("no NUL");
                self.held.push(drawn);
                return self.held.last().expect("just now").as_ptr();
            }
            _ => return self.own("\u{202e}x"),
        }
        let usual: &[&str] = match name {
            "backend" => &["shop/pay:443", "pay", "Service/shop/pay"],
            "base" | "paths" | "path" | "certificate" | "key" | "passphrase" => {
                self.held.push(BENCH.ca.clone());
                return self.held.last().expect("just now").as_ptr();
            }
            "depth" => &["chain", "leaf"],
            "unknown" => &["allow", "deny"],
            "version" => &["1.2", "1.3"],
            "protocol" => &["h2", "http/1.1"],
            "sha256" => &["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="],
            "timeout" => &["10s", "100h"],
            "uri" => &["spiffe://td.test/a", "https://a"],
            "path_prefix" => &["/ns"],
            "domain" | "trust_domain" => &["td.test"],
            "gateway" => &["shop/gw"],
            _ => &["a.test", "b.test", "127.0.0.1"],
        };
        let usual = self.u.pick(usual);
        self.own(usual)
    }

    /// Options of a size that is right, old, future or none.
    fn options(&mut self) -> *const c_void {
        let size = self.u.pick(&[0_u64, 32, 24, 8, 16, 40, 7, 4096]);
        if size == 0 {
            return core::ptr::null();
        }
        let alpn = self.text("", "protocol");
        let mut bytes = vec![0_u64; 512];
        bytes[0] = size;
        bytes[1] = self.u.pick(&[0_u64, 1000, u64::MAX, 1 << 40]);
        bytes[2] = alpn.expose_provenance() as u64;
        self.options.push(bytes);
        self.options.last().expect("just now").as_ptr().cast()
    }

    /// The same for manifests: of a size and with flags that exist, or not.
    fn manifest_options(&mut self) -> *const c_void {
        let size = self.u.pick(&[0_u64, 48, 48, 48, 8, 47, 56, 4096]);
        if size == 0 {
            return core::ptr::null();
        }
        let mut bytes = vec![0_u64; 512];
        bytes[0] = size;
        for (place, name) in [(1, "gateway"), (2, "controller_name"), (3, "files_root")] {
            if self.u.maybe() {
                bytes[place] = self.text("", name).expose_provenance() as u64;
            }
        }
        bytes[4] = self.u.pick(&[0_u64, 1, 1 << 32, 2, 2 << 32]);
        bytes[5] = self.u.pick(&[0_u64, 1, 2, 4, 7, 8, u64::MAX]);
        self.options.push(bytes);
        self.options.last().expect("just now").as_ptr().cast()
    }

    fn texts(&mut self) -> *const *const c_char {
        let path = self.text("", "paths");
        self.lists.push(vec![path, path]);
        self.last_length = 2;
        self.lists.last().expect("just now").as_ptr()
    }

    /// Bytes, whose length [`Session::length`] then says.
    fn bytes(&mut self, name: &str) -> *const u8 {
        let bytes = match self.u.below(4) {
            0 if name == "chain" || name == "certificate" => BENCH.chain.as_bytes().to_vec(),
            0 if name == "text" => BENCH.document.as_bytes().to_vec(),
            1 if name == "text" => BENCH.manifests.as_bytes().to_vec(),
            0 if name == "object" => BENCH.objects[self.u.below(BENCH.objects.len())].as_bytes().to_vec(),
            0 | 1 => std::fs::read(BENCH.folder.path().join("ca.pem")).expect("it is there"),
            _ => self.u.some_bytes(200),
        };
        self.last_length = bytes.len();
        self.bytes.push(bytes);
        self.bytes.last().expect("just now").as_ptr()
    }

    fn room(&mut self) -> *mut u8 {
        let size = self.u.pick(&[4096, 0, 1, 20_000]);
        self.bytes.push(vec![0; size]);
        self.last_length = size;
        self.bytes.last_mut().expect("just now").as_mut_ptr()
    }

    fn length(&mut self) -> usize {
        self.last_length
    }

    fn small(&mut self) -> i32 {
        self.u.pick(&[0, 1, 2, 3, -1, 4, 104, i32::MAX, i32::MIN])
    }

    fn number(&mut self, name: &str) -> u16 {
        if name == "port" { 1 } else { self.u.pick(&[101, 401, 0, 601, u16::MAX]) }
    }

    fn seconds(&mut self) -> i64 {
        self.u.pick(&[NOW, 0, -1, i64::MAX, i64::MIN])
    }

    /// A socket whose peer has said something, or has gone.
    fn socket(&mut self) -> i32 {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("a socket");
        let said = self.u.some_bytes(60);
        theirs.write_all(&said).expect("it fits");
        if self.u.maybe() {
            self.sockets.push(theirs);
        }
        let fd = ours.into_raw_fd();
        self.given.push(fd);
        fd
    }
}

unsafe extern "C" {
    fn close(fd: i32) -> i32;
}
