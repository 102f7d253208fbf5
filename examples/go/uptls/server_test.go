package uptls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// world is a CA that the policies trust, in a folder of its own.
type world struct {
	t      *testing.T
	folder string
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	rt     *Runtime
}

func newWorld(t *testing.T) *world {
	t.Helper()
	rt, err := NewRuntime()
	must(t, err)
	w := &world{t: t, folder: t.TempDir(), rt: rt}
	w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &w.key.PublicKey, w.key)
	must(t, err)
	w.ca, err = x509.ParseCertificate(der)
	must(t, err)
	w.write("ca.pem", "CERTIFICATE", der)
	return w
}

func (w *world) write(name, kind string, der []byte) {
	w.t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	must(w.t, os.WriteFile(filepath.Join(w.folder, name), text, 0o600))
}

// issue gives a certificate for this name; use is server or client.
func (w *world) issue(name string, use x509.ExtKeyUsage) tls.Certificate {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, w.ca, &key.PublicKey, w.key)
	must(w.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// identity puts a client's certificate and key into the folder.
func (w *world) identity(name string) {
	w.t.Helper()
	certificate := w.issue(name, x509.ExtKeyUsageClientAuth)
	w.write("tls.crt", "CERTIFICATE", certificate.Certificate[0])
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	must(w.t, err)
	w.write("tls.key", "PRIVATE KEY", der)
}

// connector follows a policy that trusts the CA; fields are more lines of its spec.
func (w *world) connector(fields string) *Connector {
	w.t.Helper()
	text := fmt.Sprintf("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: test}\n"+
		"spec: {trust: {bundles: [{file: ca.pem}]}, %s}\n", fields)
	path := filepath.Join(w.folder, "policy.yaml")
	must(w.t, os.WriteFile(path, []byte(text), 0o600))
	policy, err := w.rt.LoadPolicy(path)
	must(w.t, err)
	connector, err := NewConnector(policy)
	must(w.t, err)
	return connector
}

// config is a server's, with a certificate for this name.
func (w *world) config(name string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{w.issue(name, x509.ExtKeyUsageServerAuth)}}
}

// serve answers each connection by its own goroutine, with crypto/tls unless config is nil; it gives the address.
func serve(t *testing.T, config *tls.Config, answer func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if config == nil {
					answer(conn)
				} else {
					answer(tls.Server(conn, config))
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
