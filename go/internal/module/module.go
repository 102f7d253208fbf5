// Package module holds the verifier as WebAssembly. `make wasm` builds it; it is never committed.
package module

import _ "embed"

// Wasm is the module, built of the Rust sources of this repository.
//
//go:embed uptls.wasm
var Wasm []byte
