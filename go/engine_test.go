package uptls

import (
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

const fileDocument = `
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
spec: {trust: {bundles: [{file: ca.pem}]}}
`

func TestFilesAreTheCallers(t *testing.T) {
	root := newAuthority(t, "root")
	files := fstest.MapFS{"conf/ca.pem": {Data: []byte(root.pem())}}
	within := newEngine(t, Options{Files: FS(files), Instances: 1})
	policy, err := within.Policy([]byte(fileDocument), PolicyOptions{Base: "conf"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = within.Policy([]byte(fileDocument), PolicyOptions{Base: "other"})
	wantCode(t, err, "trust_unreadable")
	_, err = within.Policy([]byte(strings.Replace(fileDocument, "ca.pem", "../../etc/hostname", 1)), PolicyOptions{Base: "conf"})
	wantCode(t, err, "trust_unreadable")
	_, err = newEngine(t, Options{}).Policy([]byte(fileDocument), PolicyOptions{})
	if failure := wantCode(t, err, "trust_unreadable"); !strings.Contains(failure.Message, "Options.Files") {
		t.Error(failure)
	}

	// What was read once is what counts, in an instance that comes later too.
	delete(files, "conf/ca.pem")
	trap(t, within)
	leaf, err := x509.ParseCertificate(root.issue(t, x509.ExtKeyUsageServerAuth, "backend.test").Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.Verify([]*x509.Certificate{leaf}, "backend.test"); err != nil {
		t.Error(err)
	}
}

// trap makes the verifier end in the engine's only instance.
func trap(t *testing.T, engine *Engine) {
	t.Helper()
	err := engine.with(func(one *instance) error {
		_, err := one.do(one.call, 0xffff_0000, 0xffff)
		return err
	})
	wantCode(t, err, "panic")
	if len(engine.idle) != 0 {
		t.Error("an instance that trapped is used again")
	}
}

func TestATrapIsAnErrorAndTheNextCallIsFine(t *testing.T) {
	engine := newEngine(t, Options{Instances: 1})
	policy := newPolicy(t, engine, newAuthority(t, "root"), "")
	trap(t, engine)
	if _, err := policy.Description(); err != nil {
		t.Error(err)
	}
}

// Memory that an instance cannot have ends the instance, and nothing else.
func TestMemoryIsBounded(t *testing.T) {
	engine := newEngine(t, Options{Instances: 1, MemoryPages: 512})
	_, err := engine.VerifyDocument([]byte(fileDocument), make([]byte, 64<<20), "", PolicyOptions{})
	wantCode(t, err, "panic")
	if _, err := engine.VerifyDocument([]byte(fileDocument), nil, "", PolicyOptions{}); err != nil {
		t.Error(err)
	}
}

func TestAPanicOfTheCallersFilesLosesNoInstance(t *testing.T) {
	engine := newEngine(t, Options{Instances: 1, Files: func(string) ([]byte, error) { panic("of the caller") }})
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			if _, err := engine.Policy([]byte(fileDocument), PolicyOptions{}); err == nil {
				t.Error("a policy without its trust was prepared")
			}
		}()
	}
	if _, err := engine.Import(nil, ManifestOptions{}); err != nil {
		t.Error(err)
	}
}

// A policy that is gone leaves the instances that had it.
func TestPoliciesAreReleased(t *testing.T) {
	engine, root := newEngine(t, Options{Instances: 1}), newAuthority(t, "root")
	for range 20 {
		newPolicy(t, engine, root, "")
	}
	for range 50 {
		runtime.GC()
		if _, err := engine.Import(nil, ManifestOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(engine.idle[0].handles) < 20 {
			return
		}
	}
	t.Errorf("%d policies are still held", len(engine.idle[0].handles))
}

func TestDiskReadsRegularFilesAlone(t *testing.T) {
	for _, path := range []string{t.TempDir(), "/dev/zero"} {
		var unfit errUnfit
		if _, err := Disk(path); !errors.As(err, &unfit) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Disk("absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if text, err := Disk("go.mod"); err != nil || len(text) == 0 {
		t.Error(err)
	}
}

func TestStore(t *testing.T) {
	engine := newEngine(t, Options{})
	store, err := engine.NewStore(ManifestOptions{ControllerName: "example.com/gateway"})
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
		"metadata": map[string]any{"name": "pay-tls", "namespace": "shop"},
		"spec": map[string]any{
			"targetRefs": []any{map[string]any{"group": "", "kind": "Service", "name": "pay"}},
			"validation": map[string]any{
				"caCertificateRefs": []any{map[string]any{"group": "", "kind": "ConfigMap", "name": "ca"}},
				"hostname":          "pay.example",
			},
		},
	}
	bundle := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "ca", "namespace": "shop"},
		"data": map[string]any{"ca.crt": newAuthority(t, "root").pem()},
	}
	name, err := store.Upsert(object)
	if err != nil || !strings.Contains(name, "shop/pay-tls") {
		t.Fatal(name, err)
	}
	changed, err := store.ResolveChanged()
	if err != nil || len(changed) != 1 || changed[0].Backend != "Service/shop/pay" {
		t.Fatal(changed, err)
	}
	wantCode(t, store.Check(changed[0]), "reference_unresolved")
	if _, err := store.Upsert(bundle); err != nil {
		t.Fatal(err)
	}
	if changed, err = store.ResolveChanged(); err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	if err := store.Check(changed[0]); err != nil {
		t.Error(err)
	}
	if report, err := store.Report(); err != nil || !strings.Contains(string(report), "uptls.import/v1") {
		t.Error(string(report), err)
	}
	if _, err := store.Upsert(map[string]any{"kind": "ConfigMap"}); err == nil {
		t.Error("an object without a name was taken")
	}
	store.Close()
	_, err = store.ResolveChanged()
	wantCode(t, err, "misuse")
}
