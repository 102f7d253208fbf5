// Package uptls makes verified TLS connections by libuptls, over sockets that stay with Go.
//
// The library is used without its sockets: bytes go in and come out. So the runtime's poller, deadlines and contexts
// work as for every other net.Conn; the library calls nothing back, and keeps no pointer of Go's after a call.
package uptls

/*
#cgo pkg-config: uptls
#include <stdlib.h>
#include <uptls.h>
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Runtime is what policies share: cryptography, the clock, material that is equal. A program needs one.
type Runtime struct{ handle *C.uptls_runtime }

// NewRuntime makes a runtime with the system's clock.
func NewRuntime() (*Runtime, error) {
	var handle *C.uptls_runtime
	var failure *C.uptls_error
	if status := C.uptls_runtime_new(&handle, &failure); status < 0 {
		return nil, takeError(status, failure, nil)
	}
	rt := &Runtime{handle}
	runtime.AddCleanup(rt, func(handle *C.uptls_runtime) { C.uptls_runtime_free(handle) }, handle)
	return rt, nil
}

// Policy is a policy with its material, checked and frozen. Any goroutine may use it.
type Policy struct{ handle *C.uptls_policy }

// LoadPolicy loads a native document with all files that it names. A policy that weakens verification is refused.
func (rt *Runtime) LoadPolicy(path string) (*Policy, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var handle *C.uptls_policy
	var failure *C.uptls_error
	status := C.uptls_policy_from_file(rt.handle, name, C.UPTLS_DANGER_FORBID, &handle, &failure)
	runtime.KeepAlive(rt)
	if status < 0 {
		return nil, takeError(status, failure, nil)
	}
	policy := &Policy{handle}
	runtime.AddCleanup(policy, func(handle *C.uptls_policy) { C.uptls_policy_unref(handle) }, handle)
	return policy, nil
}

// Connector makes connections under the newest policy that it was given. Any goroutine may use it.
type Connector struct{ handle *C.uptls_connector }

// NewConnector makes a connector; an update that is invalid leaves the last good policy in place.
func NewConnector(policy *Policy) (*Connector, error) {
	var handle *C.uptls_connector
	var failure *C.uptls_error
	status := C.uptls_connector_new(policy.handle, C.UPTLS_KEEP_LAST_GOOD, &handle, &failure)
	runtime.KeepAlive(policy)
	if status < 0 {
		return nil, takeError(status, failure, nil)
	}
	connector := &Connector{handle}
	runtime.AddCleanup(connector, func(handle *C.uptls_connector) { C.uptls_connector_unref(handle) }, handle)
	return connector, nil
}

// Update publishes another policy: connections made from now on follow it.
func (c *Connector) Update(policy *Policy) error {
	var generation C.uint64_t
	var failure *C.uptls_error
	status := C.uptls_connector_update(c.handle, policy.handle, &generation, &failure)
	runtime.KeepAlive(c)
	runtime.KeepAlive(policy)
	if status < 0 {
		return takeError(status, failure, nil)
	}
	return nil
}

// Version is that of the library that runs.
func Version() string { return C.GoString(C.uptls_version_string()) }

// Error is why a call failed. Code and Number are stable; Message and Hint are for people, and may quote certificates.
type Error struct {
	Code    string // name_mismatch
	Number  int
	Status  int // coarse: one of UPTLS_E_...
	Message string
	Hint    string // the one thing to change
	JSON    string // the whole report, schema uptls.report/v1
	cause   error
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the failure of the transport, if it was one.
func (e *Error) Unwrap() error { return e.cause }

// Timeout is as net.Error has it.
func (e *Error) Timeout() bool { return e.Status == C.UPTLS_E_TIMEOUT }

// Temporary is as net.Error has it, where it is deprecated.
func (e *Error) Temporary() bool { return false }

// takeError copies what C says, and frees it.
func takeError(status C.uptls_status, failure *C.uptls_error, cause error) error {
	if failure == nil {
		return errors.New("uptls: " + C.GoString(C.uptls_status_string(status)))
	}
	defer C.uptls_error_free(failure)
	return &Error{
		Code:    C.GoString(C.uptls_error_code(failure)),
		Number:  int(C.uptls_error_number(failure)),
		Status:  int(status),
		Message: C.GoString(C.uptls_error_message(failure)),
		Hint:    C.GoString(C.uptls_error_hint(failure)),
		JSON:    C.GoString(C.uptls_error_json(failure)),
		cause:   cause,
	}
}
