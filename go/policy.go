package uptls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// PolicyOptions say how a policy is read.
type PolicyOptions struct {
	// AllowDanger permits a `danger` section. The author of the policy then decides whether this program talks to an impostor.
	AllowDanger bool
	// Base is the folder that relative files of the document are in. Empty: they are as they are written.
	Base string
	// Name is what errors call the document. Empty: policy.yaml.
	Name string
}

func (options *PolicyOptions) permission() string {
	if options.AllowDanger {
		return "allow"
	}
	return "forbid"
}

// Policy is a policy with its material, checked and frozen: its files were read once, and a file that changes later changes
// nothing. It is safe for many goroutines. Load it again to follow files, and make new configurations of it.
type Policy struct {
	// Name is the policy's own name, or empty.
	Name string
	// Fingerprint is the digest of everything that decides a verdict or a handshake: equal for equal policies in every face.
	Fingerprint string
	// Warnings are what should be known of the policy, as it was when it was prepared.
	Warnings []Warning

	certificate *tls.Certificate
	engine      *Engine
	files       map[string]fileAnswer
	id          uint64
	prepared    time.Time
	request     any
	sessions    tls.ClientSessionCache
}

// preparedFacts is what the module says of a policy that it has.
type preparedFacts struct {
	Handle      uint32    `json:"handle"`
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"`
	Identity    [][]byte  `json:"identity"`
	Warnings    []Warning `json:"warnings"`
}

// LoadPolicy reads the policy document at path from the disk, and its material by the engine's Files. Relative files of the
// document are in its folder, unless options.Base says another one.
func (engine *Engine) LoadPolicy(path string, options PolicyOptions) (*Policy, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("uptls: %w", err)
	}
	if options.Name == "" {
		options.Name = path
	}
	if options.Base == "" {
		options.Base = filepath.Dir(path)
	}
	return engine.Policy(text, options)
}

// Policy reads a native document (`apiVersion: uptls/v1`), YAML or JSON, and all material that it names.
//
// The error is an [*Error] with a report of every problem.
func (engine *Engine) Policy(document []byte, options PolicyOptions) (*Policy, error) {
	source := map[string]any{"document": documentSource(document, &options)}
	return engine.prepare(source, options.permission())
}

func documentSource(document []byte, options *PolicyOptions) map[string]any {
	source := map[string]any{"text": bytesOf(document), "name": options.Name}
	if options.Name == "" {
		source["name"] = "policy.yaml"
	}
	if options.Base != "" {
		source["base"] = options.Base
	}
	return source
}

// prepare makes a policy ready in one instance, and remembers what the others need.
func (engine *Engine) prepare(source any, permission string) (*Policy, error) {
	policy := &Policy{
		engine:   engine,
		files:    map[string]fileAnswer{},
		id:       engine.policies.Add(1),
		prepared: engine.now(),
		request:  map[string]any{"prepare": map[string]any{"source": source, "permission": permission}},
		sessions: tls.NewLRUClientSessionCache(0),
	}
	engine.remember(policy.id)
	err := engine.with(func(one *instance) error {
		one.reading = policy.firstReading
		return policy.prepareIn(one, func(facts *preparedFacts) error { return policy.adopt(facts, one.keys) })
	})
	if err != nil {
		engine.forget(policy.id)
		return nil, err
	}
	runtime.AddCleanup(policy, engine.forget, policy.id)
	return policy, nil
}

// firstReading reads a file by the caller's function, and keeps it for the other instances: all judge by one state.
func (policy *Policy) firstReading(name string) fileAnswer {
	answer, known := policy.files[name]
	if !known {
		answer = answerOf(policy.engine.files, name)
		policy.files[name] = answer
	}
	return answer
}

// kept is a file as it was when the policy was first prepared.
func (policy *Policy) kept(name string) fileAnswer {
	if answer, known := policy.files[name]; known {
		return answer
	}
	return fileAnswer{[]byte("it was not read before"), fileGone}
}

func (policy *Policy) prepareIn(one *instance, check func(*preparedFacts) error) error {
	one.keys = &keyring{}
	defer func() { one.keys, one.reading = &keyring{}, nil }()
	var facts preparedFacts
	// At the time of the first preparation: what has ended since is a verdict, and no reason to have no policy.
	if err := one.requestAt(policy.prepared, policy.request, &facts); err != nil {
		return err
	}
	one.handles[policy.id] = facts.Handle
	return check(&facts)
}

// adopt takes what the module says of the policy.
func (policy *Policy) adopt(facts *preparedFacts, keys *keyring) error {
	policy.Name, policy.Fingerprint, policy.Warnings = facts.Name, facts.Fingerprint, facts.Warnings
	if len(facts.Identity) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(facts.Identity[0])
	if err != nil {
		return internalError(fmt.Sprintf("Go does not parse the client certificate: %v", err))
	}
	key, ok := keys.of(leaf)
	if !ok {
		return internalError("the private key of the client certificate is not there")
	}
	policy.certificate = &tls.Certificate{Certificate: facts.Identity, PrivateKey: key, Leaf: leaf}
	return nil
}

// with runs use on an instance that has this policy.
func (policy *Policy) with(use func(one *instance, handle uint32) error) error {
	defer runtime.KeepAlive(policy)
	return policy.engine.with(func(one *instance) error {
		if _, has := one.handles[policy.id]; !has {
			one.reading = policy.kept
			same := func(facts *preparedFacts) error {
				if facts.Fingerprint != policy.Fingerprint {
					return internalError("a policy is another one in another instance")
				}
				return nil
			}
			if err := policy.prepareIn(one, same); err != nil {
				return err
			}
		}
		return use(one, one.handles[policy.id])
	})
}

// Verify judges a chain offline, leaf first, exactly as a live handshake would. host is the backend host as it would be
// dialled: a DNS name or an address. nil means accepted; else the error is an [*Error].
func (policy *Policy) Verify(chain []*x509.Certificate, host string) error {
	report, err := policy.Report(pemOf(chain), host)
	if err != nil {
		return err
	}
	if !report.Accepted() {
		return refusal(report, chain)
	}
	return nil
}

// Report judges the PEM text of a chain, leaf first, and says every step. An empty host is none: enough for a policy whose names
// do not depend on it. The error is of the verifier itself; a refused chain is a report.
func (policy *Policy) Report(chainPEM []byte, host string) (*Report, error) {
	arguments := map[string]any{"chain": bytesOf(chainPEM)}
	if host != "" {
		arguments["host"] = host
	}
	return policy.ask("report", arguments)
}

func (policy *Policy) ask(call string, arguments map[string]any) (*Report, error) {
	var text []byte
	err := policy.with(func(one *instance, handle uint32) error {
		arguments := maps.Clone(arguments)
		arguments["handle"] = handle
		return one.request(map[string]any{call: arguments}, &text)
	})
	if err != nil {
		return nil, err
	}
	return parseReport(text)
}

// Description is what the policy trusts, sends and accepts, in JSON (schema `uptls.description/v1`): what
// `uptls describe --json` prints.
func (policy *Policy) Description() (json.RawMessage, error) {
	var text []byte
	err := policy.with(func(one *instance, handle uint32) error {
		return one.request(map[string]any{"describe": map[string]any{"handle": handle}}, &text)
	})
	return text, err
}

// VerifyDocument judges the PEM text of a chain by a document that is used once. What is wrong with the document is in the
// report, with the verdict `error`.
func (engine *Engine) VerifyDocument(document, chainPEM []byte, host string, options PolicyOptions) (*Report, error) {
	arguments := map[string]any{
		"source": documentSource(document, &options), "permission": options.permission(), "chain": bytesOf(chainPEM),
	}
	if host != "" {
		arguments["host"] = host
	}
	var text []byte
	err := engine.with(func(one *instance) error {
		one.reading = func(name string) fileAnswer { return answerOf(engine.files, name) }
		defer func() { one.keys, one.reading = &keyring{}, nil }()
		return one.request(map[string]any{"verify_document": arguments}, &text)
	})
	if err != nil {
		return nil, err
	}
	return parseReport(text)
}

// bytesOf is never null in JSON.
func bytesOf(text []byte) []byte {
	if text == nil {
		return []byte{}
	}
	return text
}
