package uptls

/*
#include <uptls.h>
*/
import "C"

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"unsafe"
)

// Evidence is what a handshake proved and negotiated.
type Evidence struct {
	Version      string // 1.3
	CipherSuite  string
	ALPN         string // empty: none
	ServerName   string // what was sent; empty: none
	MatchedName  string // dns:payments.internal
	Resumed      bool
	Generation   uint64
	Fingerprint  string
	Certificates [][]byte // DER, leaf first
}

// Evidence makes the handshake if that was not done, and says what it proved.
func (c *Conn) Evidence() (*Evidence, error) {
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return nil, net.ErrClosed
	}
	var handle *C.uptls_evidence
	var failure *C.uptls_error
	if status := C.uptls_conn_evidence(c.handle, &handle, &failure); status < 0 {
		return nil, takeError(status, failure, nil)
	}
	defer C.uptls_evidence_unref(handle)
	evidence := &Evidence{
		Version:     C.GoString(C.uptls_evidence_version(handle)),
		CipherSuite: C.GoString(C.uptls_evidence_cipher_suite(handle)),
		ALPN:        C.GoString(C.uptls_evidence_alpn(handle)),
		ServerName:  C.GoString(C.uptls_evidence_server_name(handle)),
		MatchedName: C.GoString(C.uptls_evidence_matched_name(handle)),
		Resumed:     C.uptls_evidence_resumed(handle) != 0,
		Generation:  uint64(C.uptls_evidence_generation(handle)),
		Fingerprint: C.GoString(C.uptls_evidence_fingerprint(handle)),
	}
	for index := range C.uptls_evidence_certificate_count(handle) {
		var der *C.uint8_t
		var length C.size_t
		if C.uptls_evidence_certificate_der(handle, index, &der, &length, nil) < 0 {
			break
		}
		evidence.Certificates = append(evidence.Certificates, C.GoBytes(unsafe.Pointer(der), C.int(length)))
	}
	return evidence, nil
}

// ConnectionState says the same in the words of crypto/tls, for net/http above all: it learns from here that HTTP/2 was
// negotiated. VerifiedChains is empty: the verifier was not Go's. Before the handshake and after a failure all is zero.
func (c *Conn) ConnectionState() tls.ConnectionState {
	evidence, err := c.Evidence()
	if err != nil {
		return tls.ConnectionState{}
	}
	state := tls.ConnectionState{
		Version:                    versions[evidence.Version],
		HandshakeComplete:          true,
		DidResume:                  evidence.Resumed,
		CipherSuite:                cipherSuites[evidence.CipherSuite],
		NegotiatedProtocol:         evidence.ALPN,
		NegotiatedProtocolIsMutual: true,
		ServerName:                 evidence.ServerName,
	}
	for _, der := range evidence.Certificates {
		// What Go cannot read was read by the library all the same.
		if certificate, err := x509.ParseCertificate(der); err == nil {
			state.PeerCertificates = append(state.PeerCertificates, certificate)
		}
	}
	return state
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

var cipherSuites = func() map[string]uint16 {
	known := map[string]uint16{}
	for _, suite := range tls.CipherSuites() {
		known[suite.Name] = suite.ID
	}
	return known
}()
