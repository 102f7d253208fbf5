// Package uptls verifies upstream TLS by policy, without cgo: the verifier is the one of the Rust library, compiled to
// WebAssembly and run by wazero; signatures are verified by Go's own crypto packages.
//
//	engine, err := uptls.NewEngine(ctx, uptls.Options{Files: uptls.Disk})
//	policy, err := engine.LoadPolicy("payments.yaml", uptls.PolicyOptions{})
//	client := &http.Client{Transport: policy.Transport()}
//	response, err := client.Get("https://payments.internal:8443/")
//
// An error of the policy or of the peer is an [*Error]: a stable code, one sentence, the one thing to change, and the whole
// report. errors.As finds it through net/http.
//
// Nothing here decides about TLS: each verdict is the module's, byte for byte the report that Rust, C, Python and the command
// give. An [Engine] reads no file unless its [Options] say how.
package uptls
