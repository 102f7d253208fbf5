package uptls

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// vector is a case.json of testdata/vectors/cases.
type vector struct {
	Document   string  `json:"document"`
	Host       *string `json:"host"`
	At         int64   `json:"at"`
	Permission string  `json:"permission"`
}

// clock is a time that a test sets.
type clock struct{ at atomic.Int64 }

func (clock *clock) now() time.Time { return time.Unix(clock.at.Load(), 0) }

// compiled is where the tests keep the compiled module: it is made once.
var compiled string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "uptls-go-")
	if err != nil {
		panic(err)
	}
	compiled = folder
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// newEngine is an engine of a test's own.
func newEngine(t testing.TB, options Options) *Engine {
	t.Helper()
	options.CacheDir = compiled
	engine, err := NewEngine(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	return engine
}

// Every vector is, byte for byte, what Rust says of it.
func TestVectors(t *testing.T) {
	folders, err := filepath.Glob("../testdata/vectors/cases/*")
	if err != nil || len(folders) < 500 {
		t.Fatalf("the vectors are not there: %d, %v", len(folders), err)
	}
	var clock clock
	engine := newEngine(t, Options{Files: Disk, Now: clock.now})
	equal := 0
	for _, folder := range folders {
		if sayVector(t, engine, &clock, folder) {
			equal++
		}
	}
	t.Logf("vectors: %d of %d equal (go)", equal, len(folders))
}

func sayVector(t *testing.T, engine *Engine, clock *clock, folder string) bool {
	t.Helper()
	var vector vector
	if err := json.Unmarshal(read(t, folder, "case.json"), &vector); err != nil {
		t.Fatal(err)
	}
	clock.at.Store(vector.At)
	host := ""
	if vector.Host != nil {
		host = *vector.Host
	}
	options := PolicyOptions{AllowDanger: vector.Permission == "allow", Base: folder, Name: vector.Document}
	report, err := engine.VerifyDocument(read(t, folder, vector.Document), read(t, folder, "chain.pem"), host, options)
	if err != nil {
		t.Errorf("%s: %v", filepath.Base(folder), err)
		return false
	}
	// A committed file ends in a line end, and a report does not.
	want := bytes.TrimSuffix(read(t, folder, "report.json"), []byte("\n"))
	if bytes.Equal(report.JSON(), want) {
		return true
	}
	got, lines := bytes.Split(report.JSON(), []byte("\n")), bytes.Split(want, []byte("\n"))
	for index := range min(len(got), len(lines)) {
		if !bytes.Equal(got[index], lines[index]) {
			t.Errorf("%s, line %d: %s instead of %s", filepath.Base(folder), index+1, got[index], lines[index])
			return false
		}
	}
	t.Errorf("%s: %d lines instead of %d", filepath.Base(folder), len(got), len(lines))
	return false
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
