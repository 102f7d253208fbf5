package uptls

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// exportHost gives the module what it imports from `uptls`: signatures, public keys of private keys, and files.
func exportHost(ctx context.Context, runtime wazero.Runtime) error {
	number, long := api.ValueTypeI32, api.ValueTypeI64
	builder := runtime.NewHostModuleBuilder("uptls")
	add := func(name string, function api.GoModuleFunc, arguments, results []api.ValueType) {
		builder.NewFunctionBuilder().WithGoModuleFunction(function, arguments, results).Export(name)
	}
	add("verify_signature", verifySignature,
		[]api.ValueType{number, number, number, number, number, number, number}, []api.ValueType{number})
	add("public_key", publicKey, []api.ValueType{number, number, number}, []api.ValueType{long})
	add("read_file", readFile, []api.ValueType{number, number}, []api.ValueType{long})
	add("take", take, []api.ValueType{number, number}, nil)
	_, err := builder.Instantiate(ctx)
	return err
}

// view is the module's memory. What is outside of it ends the call: nothing that follows would be about the right bytes.
func view(module api.Module, address, length uint64) []byte {
	bytes, ok := module.Memory().Read(uint32(address), uint32(length))
	if !ok {
		panic("the verifier named memory that it does not have")
	}
	return bytes
}

func running(ctx context.Context) *instance {
	return ctx.Value(instanceKey{}).(*instance)
}

// valid is what says that a signature verifies; everything else refuses.
const valid = 0x0076_6b31

func verifySignature(_ context.Context, module api.Module, stack []uint64) {
	key, message, signature := view(module, stack[1], stack[2]), view(module, stack[3], stack[4]), view(module, stack[5], stack[6])
	verdict := uint64(0)
	if verifies(uint32(stack[0]), key, message, signature) {
		verdict = valid
	}
	stack[0] = verdict
}

func publicKey(ctx context.Context, module api.Module, stack []uint64) {
	one := running(ctx)
	spki, ok := one.keys.add(uint32(stack[0]), view(module, stack[1], stack[2]))
	status := uint32(0)
	if !ok {
		status = 1
	}
	stack[0] = one.offer(status, spki)
}

func readFile(ctx context.Context, module api.Module, stack []uint64) {
	one := running(ctx)
	answer := fileAnswer{[]byte("no file is read in this call"), fileGone}
	if one.reading != nil {
		answer = one.reading(string(view(module, stack[0], stack[1])))
	}
	if len(answer.content) > maxFile+1 {
		// Too long whatever it is: the module says so of one byte more.
		answer.content = answer.content[:maxFile+1]
	}
	stack[0] = one.offer(answer.status, answer.content)
}

// offer keeps bytes for the module to take, and tells it how many.
func (one *instance) offer(status uint32, bytes []byte) uint64 {
	one.pending = bytes
	return uint64(status)<<32 | uint64(uint32(len(bytes)))
}

func take(ctx context.Context, module api.Module, stack []uint64) {
	one := running(ctx)
	copy(view(module, stack[0], stack[1]), one.pending)
	one.pending = nil
}
