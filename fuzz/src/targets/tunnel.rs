//! The answer of an HTTP proxy to CONNECT: a socket only where an independent reading of RFC 9112 finds the whole head of a 2xx
//! answer and nothing behind it, and always where the answer is a plain one.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use uptls::{Code, Dialer};

struct Proxy {
    answers: SyncSender<Vec<u8>>,
    dialer: Dialer,
}

/// One thread answers one request after the other.
static PROXY: LazyLock<Proxy> = LazyLock::new(|| {
    let path = PathBuf::from(format!("{}/uptls-tunnel-{}", std::env::temp_dir().display(), std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let dialer = Dialer::unix(path).with_http_proxy(("proxy.test", 3128), None).unwrap();
    let (answers, wanted) = sync_channel::<Vec<u8>>(1);
    thread::spawn(move || {
        while let Ok(answer) = wanted.recv() {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                request.extend_from_slice(&byte);
            }
            assert!(request.starts_with(b"CONNECT backend.test:443 HTTP/1.1\r\n"));
            // It may have refused before it has read all of it.
            let _ = stream.write_all(&answer);
        }
    });
    Proxy { answers, dialer }
});

pub fn run(bytes: &[u8]) {
    PROXY.answers.send(bytes.to_vec()).unwrap();
    let dialled = PROXY.dialer.dial(("backend.test", 443), Duration::from_secs(20));
    match &dialled {
        Ok(_) => assert!(may_be_tunnel(bytes), "a tunnel of {:?}", bytes.escape_ascii().to_string()),
        Err(error) => {
            assert_eq!(error.code(), Code::TcpRefused, "{error}");
            assert!(!is_plain(bytes), "{error}: {:?}", bytes.escape_ascii().to_string());
        }
    }
}

/// Whether a reader that forgives what RFC 9112 lets it forgive (2.2: empty lines before, a bare LF) could find a tunnel.
fn may_be_tunnel(bytes: &[u8]) -> bool {
    let begun = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    let head: Vec<u8> = bytes[begun..].iter().copied().filter(|byte| *byte != b'\r').collect();
    let end = head.windows(2).position(|pair| pair == b"\n\n");
    let is_success = matches!(head.as_slice(), [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', b'2', a, b, ..]
        if a.is_ascii_digit() && b.is_ascii_digit());
    is_success && end == head.len().checked_sub(2) && bytes.len() <= 8 * 1024
}

/// Whether it is an answer that every reader takes for a tunnel.
fn is_plain(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(head) = text.strip_suffix("\r\n\r\n").filter(|_| text.len() <= 8 * 1024) else { return false };
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 2")).unwrap_or_default();
    let is_token =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_visible = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_field = |line: &str| line.split_once(": ").is_some_and(|(name, value)| is_token(name) && is_visible(value));
    let digits = status.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let reason = status.get(2..).unwrap_or("\n");
    let fields: Vec<&str> = lines.collect();
    digits
        && reason.starts_with(' ')
        && is_visible(reason)
        && fields.len() <= 64
        && fields.iter().all(|line| is_field(line))
}
