package uptls

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is a root of a test's own.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, SerialNumber: big.NewInt(1),
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

// issue makes a certificate for a server or a client with these names.
func (issuer *authority) issue(t testing.TB, usage x509.ExtKeyUsage, names ...string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{usage}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(80 * 24 * time.Hour),
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (issuer *authority) pem() string {
	return string(pemOf([]*x509.Certificate{issuer.certificate}))
}

// quoted is a text as JSON has it, which YAML reads too.
func quoted(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func newPolicy(t testing.TB, engine *Engine, root *authority, more string) *Policy {
	t.Helper()
	document := fmt.Sprintf("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: test}\nspec:\n"+
		"  trust: {bundles: [{pem: %s}]}\n%s", quoted(root.pem()), more)
	policy, err := engine.Policy([]byte(document), PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// serve answers HTTPS with this configuration; it gives the address.
func serve(t testing.TB, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		resumed, client := request.TLS.DidResume, len(request.TLS.PeerCertificates)
		fmt.Fprintf(answer, "%s resumed=%t client=%d sni=%s", request.Proto, resumed, client, request.TLS.ServerName)
	}))
	server.Config.ErrorLog = discard()
	server.TLS = config
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// get asks for / of the server under a host name, whatever the name resolves to.
func get(policy *Policy, server *httptest.Server, host string) (string, error) {
	transport := policy.Transport()
	defer transport.CloseIdleConnections()
	dialer := policy.Dialer()
	transport.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		how, err := dialer.dialling(host)
		if err != nil {
			return nil, err
		}
		raw, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			return nil, err
		}
		connection := tls.Client(raw, how.config.Clone())
		if err := connection.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		return connection, nil
	}
	response, err := (&http.Client{Transport: transport}).Get("https://" + host + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func wantCode(t *testing.T, err error, code string) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is no *Error; %s is wanted", err, code)
	}
	if failure.Code != code {
		t.Fatalf("%v; %s is wanted", failure, code)
	}
	return failure
}

func TestHTTPS(t *testing.T) {
	engine, root := newEngine(t, Options{}), newAuthority(t, "root")
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test")}})
	policy := newPolicy(t, engine, root, "  alpn: {protocols: [h2, http/1.1]}\n")
	body, err := get(policy, server, "backend.test")
	if err != nil || !strings.HasPrefix(body, "HTTP/2.0 ") {
		t.Fatal(body, err)
	}
	http1 := newPolicy(t, engine, root, "")
	if body, err := get(http1, server, "backend.test"); err != nil || !strings.HasPrefix(body, "HTTP/1.1 ") {
		t.Fatal(body, err)
	}

	_, err = get(policy, server, "other.test")
	failure := wantCode(t, err, "name_mismatch")
	if failure.Hint == "" || len(failure.Expected) == 0 || len(failure.Presented) == 0 || failure.Report == nil {
		t.Errorf("the error says too little: %+v", failure)
	}
	var standard *tls.CertificateVerificationError
	if !errors.As(err, &standard) || len(standard.UnverifiedCertificates) == 0 {
		t.Errorf("%v has no standard error in it", err)
	}

	stranger := newPolicy(t, engine, newAuthority(t, "stranger"), "")
	_, err = get(stranger, server, "backend.test")
	wantCode(t, err, "cert_unknown_issuer")
}

func TestPlainHTTPIsNeverSent(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	policy := newPolicy(t, newEngine(t, Options{}), newAuthority(t, "root"), "")
	if _, err := (&http.Client{Transport: policy.Transport()}).Get(server.URL); err == nil || asked {
		t.Fatal("a request was sent in the clear", err)
	}
}

func TestResumedConnectionsAreJudgedAnew(t *testing.T) {
	var clock clock
	clock.at.Store(time.Now().Unix())
	engine, root := newEngine(t, Options{Now: clock.now}), newAuthority(t, "root")
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test")}})
	policy := newPolicy(t, engine, root, "")
	for _, want := range []string{"resumed=false", "resumed=true"} {
		if body, err := get(policy, server, "backend.test"); err != nil || !strings.Contains(body, want) {
			t.Fatalf("%s, %v; %s is wanted", body, err, want)
		}
	}
	// Neither another host nor another policy finds the session.
	sibling := newPolicy(t, engine, root, "  handshakeTimeout: 9s\n")
	if body, err := get(sibling, server, "backend.test"); err != nil || !strings.Contains(body, "resumed=false") {
		t.Fatal(body, err)
	}
	// The session is good, and the chain in it is not any more.
	clock.at.Store(time.Now().Add(85 * 24 * time.Hour).Unix())
	_, err := get(policy, server, "backend.test")
	wantCode(t, err, "cert_expired")
	without := newPolicy(t, engine, root, "  resumption: false\n")
	clock.at.Store(time.Now().Unix())
	for range 2 {
		if body, err := get(without, server, "backend.test"); err != nil || !strings.Contains(body, "resumed=false") {
			t.Fatal(body, err)
		}
	}
}

func TestIdentityIsSent(t *testing.T) {
	engine, root := newEngine(t, Options{}), newAuthority(t, "root")
	clients := x509.NewCertPool()
	clients.AddCert(root.certificate)
	server := serve(t, &tls.Config{
		Certificates: []tls.Certificate{root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: clients,
	})
	own := root.issue(t, x509.ExtKeyUsageClientAuth, "client.test")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	identity := fmt.Sprintf("  identity: {certificate: {pem: %s}, key: {pem: %s}}\n", quoted(string(certificate)), quoted(string(private)))
	policy := newPolicy(t, engine, root, identity)
	if body, err := get(policy, server, "backend.test"); err != nil || !strings.Contains(body, "client=1") {
		t.Fatal(body, err)
	}
	if body, err := get(newPolicy(t, engine, root, ""), server, "backend.test"); err == nil {
		t.Fatal("a client without an identity was let in: " + body)
	}
}

func TestProtocolIsRequired(t *testing.T) {
	engine, root := newEngine(t, Options{}), newAuthority(t, "root")
	server := serve(t, &tls.Config{
		Certificates: []tls.Certificate{root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test")},
	})
	silent := silentServer(t, root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test"))
	policy := newPolicy(t, engine, root, "  alpn: {protocols: [h2], required: true}\n")
	if _, err := get(policy, server, "backend.test"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, handshake(t, policy, silent, nil), "alpn_mismatch")
	optional := newPolicy(t, engine, root, "  alpn: {protocols: [h2]}\n")
	if err := handshake(t, optional, silent, nil); err != nil {
		t.Fatal(err)
	}
}

// silentServer shakes hands without ALPN, and closes.
func silentServer(t testing.TB, certificate tls.Certificate) net.Addr {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				io.Copy(io.Discard, connection)
			}()
		}
	}()
	return listener.Addr()
}

// handshake is one with a configuration of the policy that change has changed.
func handshake(t testing.TB, policy *Policy, address net.Addr, change func(*tls.Config)) error {
	t.Helper()
	config, err := policy.TLSConfig("backend.test")
	if err != nil {
		t.Fatal(err)
	}
	config = config.Clone()
	if change != nil {
		change(config)
	}
	connection, err := tls.Dial("tcp", address.String(), config)
	if err != nil {
		return err
	}
	return connection.Close()
}

// A configuration that was copied and changed is refused, or changes nothing.
func TestChangedConfigurations(t *testing.T) {
	engine, root := newEngine(t, Options{}), newAuthority(t, "root")
	address := silentServer(t, root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test"))
	impostor := silentServer(t, root.issue(t, x509.ExtKeyUsageServerAuth, "impostor.test"))
	policy := newPolicy(t, engine, root, "")
	if err := handshake(t, policy, address, nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, handshake(t, policy, impostor, nil), "name_mismatch")
	otherName := func(config *tls.Config) { config.ServerName = "impostor.test" }
	wantCode(t, handshake(t, policy, impostor, otherName), "name_mismatch")
	forgotten := func(config *tls.Config) { config.VerifyConnection = nil }
	wantCode(t, handshake(t, policy, impostor, forgotten), "name_mismatch")
	// The last one that is left judges alone.
	other := func(config *tls.Config) { config.VerifyPeerCertificate = nil }
	wantCode(t, handshake(t, policy, impostor, other), "name_mismatch")
	ownVerdict := func(config *tls.Config) { config.InsecureSkipVerify = false }
	if err := handshake(t, policy, address, ownVerdict); err == nil {
		t.Error("crypto/tls judged by roots of its own")
	}
	otherSuite := func(config *tls.Config) {
		config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	}
	wantCode(t, handshake(t, policy, address, otherSuite), "misuse")
	older := newPolicy(t, engine, root, "  versions: {max: \"1.2\"}\n")
	newer := func(config *tls.Config) { config.MaxVersion = tls.VersionTLS13 }
	wantCode(t, handshake(t, older, address, newer), "misuse")
	if err := handshake(t, older, address, nil); err != nil {
		t.Error(err)
	}
}

// Many goroutines share an engine, more than it has instances, and each gets its own verdict.
func TestManyGoroutines(t *testing.T) {
	engine, root := newEngine(t, Options{Instances: 2}), newAuthority(t, "root")
	good := root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test")
	leaf, err := x509.ParseCertificate(good.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	policy := newPolicy(t, engine, root, "")
	var group sync.WaitGroup
	for number := range 8 {
		group.Go(func() {
			for range 25 {
				host, accepted := "backend.test", number%2 == 0
				if !accepted {
					host = "other.test"
				}
				if err := policy.Verify([]*x509.Certificate{leaf}, host); (err == nil) != accepted {
					t.Errorf("%s: %v", host, err)
				}
			}
		})
	}
	group.Wait()
}
