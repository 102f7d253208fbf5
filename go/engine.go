package uptls

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/uptls/uptls/go/internal/module"
)

// Options are the settings of an [Engine]. The zero value works, and reads no files.
type Options struct {
	// CacheDir is where the compiled module is kept between processes: it saves the time of compiling. The directory must be
	// this program's own: whoever writes into it decides what the verifier does. Empty: nothing is kept.
	CacheDir string

	// Files reads the files that a policy names: [Disk], [FS], or your own. Nil: a policy that names one cannot be used.
	Files Files

	// Instances is how many calls run at once; others wait. Each takes some megabytes. 0: GOMAXPROCS.
	Instances int

	// MemoryPages is the most that one instance may take, in pages of 64 KiB. 0: 4096, which is 256 MiB.
	MemoryPages uint32

	// Now is the clock of every verdict. Nil: time.Now.
	Now func() time.Time
}

// Engine runs the verifier. It is safe for many goroutines.
type Engine struct {
	compiled wazero.CompiledModule
	files    Files
	now      func() time.Time
	policies atomic.Uint64
	runtime  wazero.Runtime
	slots    chan struct{}

	mutex sync.Mutex
	idle  []*instance
	live  map[uint64]struct{}
}

// NewEngine compiles the verifier. Compile it once for a process. ctx bounds the start alone.
func NewEngine(ctx context.Context, options Options) (*Engine, error) {
	if options.Instances == 0 {
		options.Instances = runtime.GOMAXPROCS(0)
	}
	if options.Instances < 1 {
		return nil, fmt.Errorf("uptls: Options.Instances is %d; it must be at least 1", options.Instances)
	}
	if options.MemoryPages == 0 {
		options.MemoryPages = 4096
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(options.MemoryPages)
	if options.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(options.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("uptls: Options.CacheDir: %w", err)
		}
		config = config.WithCompilationCache(cache)
	}
	engine := &Engine{
		files:   options.Files,
		now:     options.Now,
		runtime: wazero.NewRuntimeWithConfig(ctx, config),
		slots:   make(chan struct{}, options.Instances),
		live:    map[uint64]struct{}{},
	}
	if err := engine.start(ctx); err != nil {
		engine.runtime.Close(ctx)
		return nil, fmt.Errorf("uptls: the module does not start: %w", err)
	}
	return engine, nil
}

func (engine *Engine) start(ctx context.Context) error {
	// Rust's standard library wants these; there is no file, no argument and no variable behind them.
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, engine.runtime); err != nil {
		return err
	}
	if err := exportHost(ctx, engine.runtime); err != nil {
		return err
	}
	compiled, err := engine.runtime.CompileModule(ctx, module.Wasm)
	if err != nil {
		return err
	}
	engine.compiled = compiled
	first, err := newInstance(engine)
	if err != nil {
		return err
	}
	engine.idle = append(engine.idle, first)
	return nil
}

// Close frees the engine. No call may run, and none may follow.
func (engine *Engine) Close(ctx context.Context) error {
	return engine.runtime.Close(ctx)
}

// moduleConfig has no file, argument or variable, and a clock that stands still: time comes with each call.
func moduleConfig(stderr *tail) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").
		WithRandSource(rand.Reader).
		WithStartFunctions("_initialize").
		WithStderr(stderr)
}

// with runs use on an instance that no other goroutine has. An instance that trapped is never used again.
func (engine *Engine) with(use func(*instance) error) error {
	engine.slots <- struct{}{}
	defer func() { <-engine.slots }()
	instance, err := engine.take()
	if err != nil {
		return err
	}
	// A panic of a caller's function on the way must not lose the slot, nor keep an instance whose state is unknown.
	instance.broken = true
	defer func() { engine.give(instance) }()
	trapped := instance.traps
	err = use(instance)
	instance.broken = instance.traps != trapped
	return err
}

func (engine *Engine) take() (*instance, error) {
	engine.mutex.Lock()
	defer engine.mutex.Unlock()
	if last := len(engine.idle) - 1; last >= 0 {
		instance := engine.idle[last]
		engine.idle = engine.idle[:last]
		return instance, nil
	}
	instance, err := newInstance(engine)
	if err != nil {
		return nil, internalError(fmt.Sprintf("no instance of the verifier: %v", err))
	}
	return instance, nil
}

func (engine *Engine) give(instance *instance) {
	if instance.broken {
		instance.close()
		return
	}
	engine.mutex.Lock()
	var released []uint64
	for id := range instance.handles {
		if _, is := engine.live[id]; !is {
			released = append(released, id)
		}
	}
	engine.mutex.Unlock()
	for _, id := range released {
		instance.release(id)
	}
	if instance.broken {
		instance.close()
		return
	}
	engine.mutex.Lock()
	engine.idle = append(engine.idle, instance)
	engine.mutex.Unlock()
}

// remember keeps the policy of this number in every instance that prepares it.
func (engine *Engine) remember(id uint64) {
	engine.mutex.Lock()
	engine.live[id] = struct{}{}
	engine.mutex.Unlock()
}

// forget says that no one has the policy of this number any more; each instance drops it when it is next used.
func (engine *Engine) forget(id uint64) {
	engine.mutex.Lock()
	delete(engine.live, id)
	engine.mutex.Unlock()
}
