package uptls

import "encoding/json"

// Manifest is a text with any number of Kubernetes objects, YAML or JSON.
type Manifest struct {
	// Name is what errors call it.
	Name string `json:"name"`
	// Text is what it holds.
	Text []byte `json:"text"`
}

// ManifestOptions say how manifests are read. The zero value: every Gateway, strict, nothing dangerous, no statuses.
type ManifestOptions struct {
	// AllowDanger permits policies that weaken verification.
	AllowDanger bool
	// ClusterTrustBundles permits a ClusterTrustBundle as a CA reference. The standard has it as experimental.
	ClusterTrustBundles bool
	// Complete says that these are all objects of a cluster: what is not among them does not exist.
	Complete bool
	// ControllerName is the controller whose statuses are made. Empty: none are.
	ControllerName string
	// Faithful reads a vendor's form as the vendor does, even where that verifies less.
	Faithful bool
	// Gateway is the Gateway that connects, `[NAMESPACE/]NAME`. Empty: none in particular.
	Gateway string
	// Strict keeps an import with notices from being ready.
	Strict bool
}

func (options *ManifestOptions) json() map[string]any {
	said := map[string]any{
		"cluster_trust_bundles": options.ClusterTrustBundles, "complete": options.Complete, "faithful": options.Faithful,
		"permission": (&PolicyOptions{AllowDanger: options.AllowDanger}).permission(), "strict": options.Strict,
	}
	if options.ControllerName != "" {
		said["controller_name"] = options.ControllerName
	}
	if options.Gateway != "" {
		said["gateway"] = options.Gateway
	}
	return said
}

// BackendPolicy is the policy of one backend, `[[KIND/]NAMESPACE/]NAME[:PORT]`, in Gateway API objects and vendors'. It fails
// closed: what is wrong with an object that concerns the backend is the error.
func (engine *Engine) BackendPolicy(manifests []Manifest, backend string, options ManifestOptions) (*Policy, error) {
	source := map[string]any{"backend": map[string]any{
		"documents": texts(manifests), "backend": backend, "options": options.json(),
	}}
	permission := PolicyOptions{AllowDanger: options.AllowDanger}
	return engine.prepare(source, permission.permission())
}

// Import is what manifests come to, in JSON (schema `uptls.import/v1`): what `uptls import --json` prints.
func (engine *Engine) Import(manifests []Manifest, options ManifestOptions) (json.RawMessage, error) {
	var text []byte
	err := engine.with(func(one *instance) error {
		return one.manifests("import", map[string]any{"documents": texts(manifests), "options": options.json()}, &text)
	})
	return text, err
}

func texts(manifests []Manifest) []Manifest {
	all := make([]Manifest, 0, len(manifests))
	for _, manifest := range manifests {
		all = append(all, Manifest{manifest.Name, bytesOf(manifest.Text)})
	}
	return all
}

// manifests makes a call about Kubernetes objects.
func (one *instance) manifests(call string, arguments map[string]any, answer any) error {
	return one.request(map[string]any{"manifests": map[string]any{call: arguments}}, answer)
}
