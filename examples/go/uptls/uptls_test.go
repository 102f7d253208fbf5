package uptls

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// web is net/http's own server; it answers with what it saw.
func web(t *testing.T, config *tls.Config, http2 bool) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := ""
		if len(r.TLS.PeerCertificates) > 0 {
			client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Proto, r.TLS.ServerName, client, body)
	}))
	server.TLS, server.EnableHTTP2 = config, http2
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func get(client *http.Client, body string) (string, error) {
	response, err := client.Post("https://pay.test/", "text/plain", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.Proto + " " + response.TLS.NegotiatedProtocol + ": " + string(text), err
}

func TestHTTPSpeaksWhatWasNegotiated(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		alpn   string
		http2  bool
		wanted string
	}{
		{"alpn: {protocols: [h2, http/1.1]}", true, "HTTP/2.0 h2: HTTP/2.0 pay.test  body"},
		{"alpn: {protocols: [h2, http/1.1]}", false, "HTTP/1.1 http/1.1: HTTP/1.1 pay.test  body"},
		{"alpn: {protocols: [http/1.1]}", true, "HTTP/1.1 : HTTP/1.1 pay.test  body"},
		{"resumption: true", true, "HTTP/1.1 : HTTP/1.1 pay.test  body"},
	} {
		dialer := &Dialer{Connector: w.connector(c.alpn), Address: web(t, w.config("pay.test"), c.http2)}
		got, err := get(&http.Client{Transport: dialer.Transport()}, "body")
		must(t, err)
		if got != c.wanted {
			t.Errorf("%s: %q instead of %q", c.alpn, got, c.wanted)
		}
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	dialer := &Dialer{Connector: newWorld(t).connector("resumption: true")}
	client := http.Client{Transport: dialer.Transport()}
	if _, err := client.Get("http://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "plain HTTP is refused") {
		t.Fatal(err)
	}
}

func TestAnotherNameIsRefused(t *testing.T) {
	w := newWorld(t)
	dialer := &Dialer{Connector: w.connector("serverName: other.test"), Address: web(t, w.config("pay.test"), true)}
	_, err := get(&http.Client{Transport: dialer.Transport()}, "")
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != "name_mismatch" || refusal.Number != 601 || refusal.Hint == "" {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(refusal.Message, "dns:pay.test") || !strings.Contains(refusal.JSON, `"uptls.report/v1"`) {
		t.Fatalf("%+v", refusal)
	}
}

// The peer must be told why it was refused.
func TestTheServerGetsTheAlert(t *testing.T) {
	w := newWorld(t)
	said := make(chan error, 1)
	address := serve(t, w.config("pay.test"), func(conn net.Conn) { said <- conn.(*tls.Conn).Handshake() })
	dialer := &Dialer{Connector: w.connector("serverName: other.test"), Address: address}
	if _, err := dialer.DialContext(t.Context(), "tcp", "other.test:443"); err == nil {
		t.Fatal("it was accepted")
	}
	if err := <-said; err == nil || !strings.Contains(err.Error(), "remote error: tls: bad certificate") {
		t.Fatal(err)
	}
}

func TestTheClientShowsItsIdentity(t *testing.T) {
	w := newWorld(t)
	w.identity("gateway")
	config := w.config("pay.test")
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	config.ClientCAs.AddCert(w.ca)
	address := web(t, config, true)
	dialer := &Dialer{Address: address}
	dialer.Connector = w.connector("identity: {certificate: {file: tls.crt}, key: {file: tls.key}}")
	got, err := get(&http.Client{Transport: dialer.Transport()}, "")
	must(t, err)
	if !strings.Contains(got, "pay.test gateway") {
		t.Fatal(got)
	}
	dialer.Connector = w.connector("resumption: true")
	_, err = get(&http.Client{Transport: dialer.Transport()}, "")
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != "identity_required" {
		t.Fatal(err)
	}
}

func TestTheHandshakeEndsInTime(t *testing.T) {
	w := newWorld(t)
	silence := serve(t, nil, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	dialer := &Dialer{Connector: w.connector("handshakeTimeout: 50ms"), Address: silence}
	_, err := dialer.DialContext(t.Context(), "tcp", "pay.test:443")
	var timeout net.Error
	var refusal *Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.As(err, &refusal) || refusal.Code != "handshake_timeout" {
		t.Fatal(err)
	}
	dialer.Connector = w.connector("resumption: true")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dialer.DialContext(ctx, "tcp", "pay.test:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestADeadlineIsNoEnd(t *testing.T) {
	w := newWorld(t)
	wait := make(chan struct{})
	address := serve(t, w.config("pay.test"), func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 4))
		<-wait
		conn.Write([]byte("late"))
		io.Copy(io.Discard, conn)
	})
	conn := dial(t, &Dialer{Connector: w.connector("resumption: true"), Address: address})
	conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := conn.Read(answer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	close(wait)
	conn.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "late" {
		t.Fatal(string(answer), err)
	}
}

func TestATruncationIsNoEnd(t *testing.T) {
	w := newWorld(t)
	for _, clean := range []bool{true, false} {
		address := serve(t, w.config("pay.test"), func(conn net.Conn) {
			conn.Write([]byte("half"))
			if clean {
				conn.Close()
			} else {
				conn.(*tls.Conn).NetConn().Close()
			}
		})
		conn := dial(t, &Dialer{Connector: w.connector("resumption: true"), Address: address})
		text, err := io.ReadAll(conn)
		var refusal *Error
		cut := errors.As(err, &refusal) && refusal.Code == "truncated"
		if string(text) != "half" || cut == clean || (clean && err != nil) {
			t.Fatalf("%v: %q %v", clean, text, err)
		}
	}
}

func TestTheEvidenceSaysWhatWasProved(t *testing.T) {
	w := newWorld(t)
	config := w.config("pay.test")
	address := serve(t, config, func(conn net.Conn) { io.Copy(conn, conn) })
	dialer := &Dialer{Connector: w.connector("resumption: true"), Address: address}
	for _, resumed := range []bool{false, true} {
		conn := dial(t, dialer)
		evidence, err := conn.Evidence()
		must(t, err)
		if evidence.Resumed != resumed || evidence.Version != "1.3" || evidence.MatchedName != "dns:pay.test" {
			t.Fatalf("%+v", evidence)
		}
		state := conn.ConnectionState()
		leaf := config.Certificates[0].Certificate[0]
		if state.Version != tls.VersionTLS13 || state.CipherSuite == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, leaf) {
			t.Fatalf("%+v", state)
		}
		// The tickets come with the first data.
		echo(t, conn, 1)
		must(t, conn.Close())
	}
}

func TestManyGoroutinesEachWithAConnection(t *testing.T) {
	w := newWorld(t)
	address := serve(t, w.config("pay.test"), func(conn net.Conn) { io.Copy(conn, conn) })
	dialer := &Dialer{Connector: w.connector("resumption: true"), Address: address}
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			conn, err := dialer.Dial(context.Background(), "tcp", "pay.test:443")
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			echo(t, conn, 300_000)
		})
	}
	all.Wait()
}

func TestManyGoroutinesOverOneConnectionOfHTTP2(t *testing.T) {
	w := newWorld(t)
	address := web(t, w.config("pay.test"), true)
	dialer := &Dialer{Connector: w.connector("alpn: {protocols: [h2, http/1.1]}"), Address: address}
	client := &http.Client{Transport: dialer.Transport()}
	var all sync.WaitGroup
	for index := range goroutines {
		all.Go(func() {
			body := fmt.Sprint(index, strings.Repeat("x", 100_000))
			got, err := get(client, body)
			if err != nil || got != "HTTP/2.0 h2: HTTP/2.0 pay.test  "+body {
				t.Error(len(got), err)
			}
		})
	}
	all.Wait()
}

func TestCloseWakesAReader(t *testing.T) {
	w := newWorld(t)
	address := serve(t, w.config("pay.test"), func(conn net.Conn) { io.Copy(io.Discard, conn) })
	conn := dial(t, &Dialer{Connector: w.connector("resumption: true"), Address: address})
	woken := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		woken <- err
	}()
	must(t, conn.Close())
	if err := <-woken; !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

func TestABadPolicyIsAnError(t *testing.T) {
	w := newWorld(t)
	path := w.folder + "/bad.yaml"
	must(t, os.WriteFile(path, []byte("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {}}\n"), 0o600))
	_, err := w.rt.LoadPolicy(path)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != "trust_missing" {
		t.Fatal(err)
	}
}

// The collector frees unreferenced objects, in any order.
func TestForgottenConnectionsAreFreed(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		near, far := net.Pipe()
		_, err := w.connector("resumption: true").Client(near, "pay.test")
		must(t, err)
		near.Close()
		far.Close()
	}
	for range 3 {
		runtime.GC()
	}
}

func dial(t *testing.T, dialer *Dialer) *Conn {
	t.Helper()
	conn, err := dialer.Dial(t.Context(), "tcp", "pay.test:443")
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo writes and reads at the same time; what comes back must be what was sent.
func echo(t *testing.T, conn net.Conn, count int) {
	sent, got := make([]byte, count), make([]byte, count)
	rand.Read(sent)
	failed := make(chan error)
	go func() {
		_, err := conn.Write(sent)
		failed <- err
	}()
	_, err := io.ReadFull(conn, got)
	if err := errors.Join(<-failed, err); err != nil || !bytes.Equal(sent, got) {
		t.Errorf("%d bytes: %v", count, err)
	}
}

// The servers complain of clients that refuse them.
var quiet = log.New(io.Discard, "", 0)

const goroutines = 64
