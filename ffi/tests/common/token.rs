//! A token that signs for whoever asks over a socket: what a PKCS#11 module or a KMS is to a program.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use uptls::rustls::SignatureScheme;
use uptls::rustls::sign::SigningKey;
use uptls::rustls_pki_types::PrivateKeyDer;
use uptls::rustls_pki_types::pem::PemObject;

/// Signs by `key` (PEM) until the test ends. A question is the scheme (2 bytes, big-endian), the length of the message (4) and the message;
/// an answer is the length of the signature (4) and the signature.
pub(crate) fn start(key: &[u8]) -> SocketAddr {
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let key = uptls::aws_lc_rs::provider().key_provider.load_private_key(key).expect("a key");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // The client says what went wrong.
            drop(answer(stream, &key));
        }
    });
    address
}

fn answer(mut stream: TcpStream, key: &Arc<dyn SigningKey>) -> io::Result<()> {
    let (mut scheme, mut length) = ([0; 2], [0; 4]);
    stream.read_exact(&mut scheme)?;
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?];
    stream.read_exact(&mut message)?;
    let scheme = SignatureScheme::from(u16::from_be_bytes(scheme));
    let signer = key.choose_scheme(&[scheme]).ok_or(io::ErrorKind::InvalidInput)?;
    let signature = signer.sign(&message).map_err(io::Error::other)?;
    stream.write_all(&u32::try_from(signature.len()).map_err(io::Error::other)?.to_be_bytes())?;
    stream.write_all(&signature)
}
