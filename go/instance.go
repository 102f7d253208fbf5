package uptls

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// instance is one memory of the module. One goroutine uses it at a time.
type instance struct {
	broken  bool
	ctx     context.Context
	engine  *Engine
	handles map[uint64]uint32
	module  api.Module
	stderr  tail
	traps   int

	alloc, call, free, verify api.Function

	// What the host functions of the call that runs read by, and what they have for the module to take.
	keys    *keyring
	pending []byte
	reading func(name string) fileAnswer

	// Memory of the module that verifications write into.
	scratch, scratchLength uint32
}

type instanceKey struct{}

func newInstance(engine *Engine) (*instance, error) {
	one := &instance{engine: engine, handles: map[uint64]uint32{}, keys: &keyring{}}
	one.ctx = context.WithValue(context.Background(), instanceKey{}, one)
	loaded, err := engine.runtime.InstantiateModule(one.ctx, engine.compiled, moduleConfig(&one.stderr))
	if err != nil {
		return nil, err
	}
	one.module = loaded
	for name, function := range map[string]*api.Function{
		"uptls_alloc": &one.alloc, "uptls_call": &one.call, "uptls_free": &one.free, "uptls_verify": &one.verify,
	} {
		if *function = loaded.ExportedFunction(name); *function == nil {
			one.close()
			return nil, fmt.Errorf("it exports no %s", name)
		}
	}
	return one, nil
}

func (one *instance) close() {
	one.module.Close(context.Background())
}

// do calls an exported function. An error of it is a trap: a panic of the module, or memory that it could not have.
func (one *instance) do(function api.Function, arguments ...uint64) (uint64, error) {
	results, err := function.Call(one.ctx, arguments...)
	if err != nil {
		one.traps++
		one.broken = true
		return 0, trapError(err, one.stderr.String())
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// lost is a pointer of the module that its memory does not have: the instance cannot be trusted.
func (one *instance) lost() error {
	one.traps++
	one.broken = true
	return internalError("the verifier gave an address that is outside of its memory")
}

// request makes a call in JSON at the time of the engine's clock, and decodes the answer into answer.
func (one *instance) request(call, answer any) error {
	return one.requestAt(one.engine.now(), call, answer)
}

func (one *instance) requestAt(at time.Time, call, answer any) error {
	text, err := json.Marshal(map[string]any{"at": seconds(at), "call": call})
	if err != nil {
		return fmt.Errorf("uptls: the request cannot be written: %w", err)
	}
	defer clear(text)
	return one.send(text, answer)
}

func (one *instance) send(text []byte, answer any) error {
	length := uint64(len(text))
	address, err := one.do(one.alloc, length)
	if err != nil {
		return err
	}
	if !one.module.Memory().Write(uint32(address), text) {
		return one.lost()
	}
	packed, err := one.do(one.call, address, length)
	if err != nil {
		return err
	}
	if _, err := one.do(one.free, address, length); err != nil {
		return err
	}
	return one.read(packed, answer)
}

// seconds is a time as the module has it. Before 1970 nothing was valid.
func seconds(at time.Time) uint64 {
	return uint64(max(at.Unix(), 0))
}

// What the first byte of a frame says.
const (
	frameOK = iota
	frameReport
	frameMisuse
)

// read takes a frame out of the module.
func (one *instance) read(packed uint64, answer any) error {
	address, length := uint32(packed>>32), uint32(packed)
	view, ok := one.module.Memory().Read(address, length)
	if !ok || length == 0 {
		return one.lost()
	}
	frame := append([]byte(nil), view...)
	if _, err := one.do(one.free, uint64(address), uint64(length)); err != nil {
		return err
	}
	switch kind, body := frame[0], frame[1:]; kind {
	case frameOK:
		if text, is := answer.(*[]byte); is {
			*text = body
			return nil
		}
		if err := json.Unmarshal(body, answer); err != nil {
			return internalError(fmt.Sprintf("the answer is not understood: %v", err))
		}
		return nil
	case frameReport:
		return errorOfReport(body)
	case frameMisuse:
		return &Error{Code: "misuse", Message: string(body)}
	default:
		return internalError(fmt.Sprintf("the answer is of the unknown kind %d", kind))
	}
}

// release forgets a policy in this instance.
func (one *instance) release(id uint64) {
	handle := one.handles[id]
	delete(one.handles, id)
	var none struct{}
	// A trap marks the instance, which is then dropped with all of its policies.
	_ = one.request(map[string]any{"release": map[string]any{"handle": handle}}, &none)
}

// connection is what a verdict is about.
type connection struct {
	alpn        string
	chain       [][]byte
	cipherSuite uint16
	host        string
	negotiated  bool
	version     uint16
}

// judge is the verdict of the prepared policy: nil if and only if it accepts the connection.
func (one *instance) judge(handle uint32, what *connection) error {
	buffer := make([]byte, 0, 8<<10)
	for _, der := range what.chain {
		length := uint32(len(der))
		buffer = append(buffer, byte(length), byte(length>>8), byte(length>>16), byte(length>>24))
		buffer = append(buffer, der...)
	}
	chain := len(buffer)
	buffer = append(append(buffer, what.host...), what.alpn...)
	if err := one.reserve(uint32(len(buffer))); err != nil {
		return err
	}
	if !one.module.Memory().Write(one.scratch, buffer) {
		return one.lost()
	}
	start := uint64(one.scratch)
	host, alpn, negotiated := uint64(len(what.host)), uint64(len(what.alpn)), uint64(0)
	if what.negotiated {
		negotiated = 1
	}
	packed, err := one.do(one.verify, uint64(handle), start, uint64(chain), start+uint64(chain), host,
		start+uint64(chain)+host, alpn, negotiated, uint64(what.version), uint64(what.cipherSuite), seconds(one.engine.now()))
	if err != nil {
		return err
	}
	if packed == 0 {
		return nil
	}
	var none struct{}
	if err := one.read(packed, &none); err != nil {
		return err
	}
	return internalError("a refusal says nothing")
}

func (one *instance) reserve(length uint32) error {
	if length <= one.scratchLength {
		return nil
	}
	if one.scratchLength > 0 {
		if _, err := one.do(one.free, uint64(one.scratch), uint64(one.scratchLength)); err != nil {
			return err
		}
		one.scratchLength = 0
	}
	address, err := one.do(one.alloc, uint64(length))
	if err != nil {
		return err
	}
	one.scratch, one.scratchLength = uint32(address), length
	return nil
}

// tail keeps the end of what is written to it: the words of a panic.
type tail struct{ text []byte }

func (end *tail) Write(text []byte) (int, error) {
	end.text = append(end.text, text...)
	if over := len(end.text) - 4096; over > 0 {
		end.text = append([]byte(nil), end.text[over:]...)
	}
	return len(text), nil
}

func (end *tail) String() string { return string(end.text) }
