package uptls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"time"
)

// offer is what a ClientHello to one backend host says.
type offer struct {
	ServerName         string   `json:"server_name"`
	MinVersion         uint16   `json:"min_version"`
	MaxVersion         uint16   `json:"max_version"`
	CipherSuites       []uint16 `json:"cipher_suites"`
	Groups             []uint16 `json:"groups"`
	ALPN               []string `json:"alpn"`
	Resumption         bool     `json:"resumption"`
	HandshakeTimeoutMS uint64   `json:"handshake_timeout_ms"`
}

func (policy *Policy) offer(host string) (*offer, error) {
	var said offer
	err := policy.with(func(one *instance, handle uint32) error {
		return one.request(map[string]any{"offer": map[string]any{"handle": handle, "host": host}}, &said)
	})
	return &said, err
}

// TLSConfig is the policy as a configuration of crypto/tls for connections to one backend host: a DNS name or an address,
// without a port. Every connection is judged by the policy, resumed ones too.
//
// InsecureSkipVerify is true in it, which is how crypto/tls leaves the verdict to VerifyConnection. It is made so that a changed
// copy does no harm:
//
//   - The names that count are the policy's and host's, whatever ServerName says.
//   - A version, cipher suite or protocol that the policy does not offer ends the handshake, whatever the copy offers.
//   - Without VerifyConnection, the chain of a full handshake is still judged by VerifyPeerCertificate.
//   - With InsecureSkipVerify set to false nothing connects, since RootCAs is empty.
//   - Its sessions are kept under the policy's fingerprint and host, and no other configuration finds them. One that is resumed
//     is judged anew.
//
// A copy without both callbacks verifies nothing. [Policy.Dialer] and [Policy.Transport] give no configuration away.
//
// crypto/tls is not rustls: it sends bad_certificate for every refusal, has its own order of cipher suites, and cannot be told
// which of TLS 1.3 it offers; a suite outside of the policy is refused once it is selected.
func (policy *Policy) TLSConfig(host string) (*tls.Config, error) {
	config, _, err := policy.config(host)
	return config, err
}

func (policy *Policy) config(host string) (*tls.Config, time.Duration, error) {
	said, err := policy.offer(host)
	if err != nil {
		return nil, 0, err
	}
	config := &tls.Config{
		CipherSuites:           said.CipherSuites,
		GetClientCertificate:   policy.clientCertificate,
		InsecureSkipVerify:     true,
		MaxVersion:             said.MaxVersion,
		MinVersion:             said.MinVersion,
		NextProtos:             said.ALPN,
		RootCAs:                x509.NewCertPool(),
		ServerName:             said.ServerName,
		SessionTicketsDisabled: !said.Resumption,
		VerifyConnection: func(state tls.ConnectionState) error {
			return policy.judge(host, &state)
		},
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			return policy.judgeChain(host, raw)
		},
	}
	for _, group := range said.Groups {
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(group))
	}
	if said.Resumption {
		config.ClientSessionCache = &fencedSessions{fence: policy.Fingerprint + "\x00" + host + "\x00", sessions: policy.sessions}
	}
	return config, time.Duration(said.HandshakeTimeoutMS) * time.Millisecond, nil
}

// clientCertificate is the identity, or nothing: crypto/tls then sends an empty answer.
func (policy *Policy) clientCertificate(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if policy.certificate == nil {
		return &tls.Certificate{}, nil
	}
	return policy.certificate, nil
}

// judge is the verdict on a handshake, full or resumed.
func (policy *Policy) judge(host string, state *tls.ConnectionState) error {
	what := connection{
		alpn: state.NegotiatedProtocol, cipherSuite: state.CipherSuite, host: host, negotiated: true, version: state.Version,
	}
	for _, certificate := range state.PeerCertificates {
		what.chain = append(what.chain, certificate.Raw)
	}
	return policy.verdict(&what, state.PeerCertificates)
}

// judgeChain is the verdict on the chain of a full handshake, in which nothing is negotiated yet.
func (policy *Policy) judgeChain(host string, raw [][]byte) error {
	// crypto/tls has parsed each of them.
	certificates := make([]*x509.Certificate, 0, len(raw))
	for _, der := range raw {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certificates = append(certificates, certificate)
	}
	return policy.verdict(&connection{chain: raw, host: host}, certificates)
}

// verdict gives a refusal of the peer's chain the standard library's error to unwrap.
func (policy *Policy) verdict(what *connection, chain []*x509.Certificate) error {
	err := policy.with(func(one *instance, handle uint32) error { return one.judge(handle, what) })
	failure, is := asError(err)
	if !is || failure.Report == nil {
		return err
	}
	return refusal(failure.Report, chain)
}

func refusal(report *Report, chain []*x509.Certificate) error {
	failure := report.failure()
	failure.verification = &tls.CertificateVerificationError{
		UnverifiedCertificates: chain, Err: &Error{Code: failure.Code, Message: failure.Message, Hint: failure.Hint},
	}
	return failure
}

func pemOf(chain []*x509.Certificate) []byte {
	var text []byte
	for _, certificate := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return text
}

// fencedSessions are sessions of one policy with one host; whatever key crypto/tls asks for, no others are found.
type fencedSessions struct {
	fence    string
	sessions tls.ClientSessionCache
}

func (fenced *fencedSessions) Get(key string) (*tls.ClientSessionState, bool) {
	return fenced.sessions.Get(fenced.fence + key)
}

func (fenced *fencedSessions) Put(key string, session *tls.ClientSessionState) {
	fenced.sessions.Put(fenced.fence+key, session)
}
