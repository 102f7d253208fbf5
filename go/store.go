package uptls

import (
	"encoding/json"
	"sync"
)

// Store has the objects of a cluster as an informer delivers them, and says which policies may have changed. Its methods may be
// called by many goroutines; one runs at a time. If the verifier ends within a call, the store is lost: every call then fails,
// and a new store must be given all objects.
type Store struct {
	mutex  sync.Mutex
	handle uint32
	one    *instance
}

// ChangedPolicy names a policy that may be another one than before, or is new, or is gone.
type ChangedPolicy struct {
	// Backend is `KIND/NAMESPACE/NAME`, with `:PORT` for one port.
	Backend string `json:"backend"`
	// Gateway is `NAMESPACE/NAME`; empty: no Gateway is known to use the backend.
	Gateway string `json:"gateway"`
}

// NewStore begins without objects. It takes an instance of its own, until it is closed.
func (engine *Engine) NewStore(options ManifestOptions) (*Store, error) {
	one, err := newInstance(engine)
	if err != nil {
		return nil, internalError("no instance of the verifier: " + err.Error())
	}
	var made struct {
		Store uint32 `json:"store"`
	}
	if err := one.manifests("store_new", map[string]any{"options": options.json()}, &made); err != nil {
		one.close()
		return nil, err
	}
	return &Store{handle: made.Store, one: one}, nil
}

// Close frees the store.
func (store *Store) Close() {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	store.one.close()
	store.one.broken = true
}

func (store *Store) call(name string, arguments map[string]any, answer any) error {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	if store.one.broken {
		return &Error{Code: "misuse", Message: "the store is closed or lost: make a new one, and give it all objects"}
	}
	if arguments == nil {
		arguments = map[string]any{}
	}
	arguments["store"] = store.handle
	return store.one.manifests(name, arguments, answer)
}

// Upsert adds an object, or replaces it: anything that encoding/json writes as the Kubernetes API does, such as an
// *unstructured.Unstructured or a typed object with its apiVersion and kind. It gives the object's name for messages.
func (store *Store) Upsert(object any) (string, error) {
	return store.object("store_upsert", object)
}

// Remove removes the object of this kind and name, if it is there.
func (store *Store) Remove(object any) (string, error) {
	return store.object("store_remove", object)
}

func (store *Store) object(call string, object any) (string, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return "", &Error{Code: "misuse", Message: "the object cannot be written as JSON: " + err.Error()}
	}
	var name string
	err = store.call(call, map[string]any{"object": text}, &name)
	return name, err
}

// ResolveChanged makes the policies anew that what has changed may concern, and names them.
func (store *Store) ResolveChanged() ([]ChangedPolicy, error) {
	var changed []ChangedPolicy
	err := store.call("store_changed", nil, &changed)
	return changed, err
}

// Statuses are the objects with nothing but their status, as they may be applied; none without a ControllerName.
func (store *Store) Statuses() ([]json.RawMessage, error) {
	var statuses []json.RawMessage
	err := store.call("store_statuses", nil, &statuses)
	return statuses, err
}

// Report is what all objects come to, in JSON (schema `uptls.import/v1`).
func (store *Store) Report() (json.RawMessage, error) {
	var text []byte
	err := store.call("store_report", nil, &text)
	return text, err
}

// Check says whether the policy of a backend can be used: nil if it can, else why not.
func (store *Store) Check(changed ChangedPolicy) error {
	arguments := map[string]any{"backend": changed.Backend}
	if changed.Gateway != "" {
		arguments["gateway"] = changed.Gateway
	}
	var facts preparedFacts
	if err := store.call("store_prepare", arguments, &facts); err != nil {
		return err
	}
	store.mutex.Lock()
	defer store.mutex.Unlock()
	var none struct{}
	return store.one.request(map[string]any{"release": map[string]any{"handle": facts.Handle}}, &none)
}
