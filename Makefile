# Thin: each target calls the real tool.
.PHONY: demo soak test check laws faults hostile peers conformance bench weigh load proxies header bless wasm go-module fuzz fuzz-check mutants wheel install go docs clean

# The main job, on freshly made certificates and upstreams.
demo:
	cargo run --package uptls-cli -- demo

# The gate: everything, in every language.
test:
	python3 .ci/gate.py test

# For every save: format, lints, unit tests.
check:
	python3 .ci/gate.py check

# The export against the real Envoy, which is installed under target/envoy: prints pairs, agreements and classes.
conformance:
	python3 .ci/gate.py conformance

# The laws of composition over a million generated worlds, a million long sequences of what happens to a connector, and 90,000
# schedules of two threads; the gate tries a part of each. UPTLS_LAWS_SEED is another seed.
laws:
	UPTLS_LAWS=1000000 cargo test --release --package uptls-conformance --test laws -- --show-output
	UPTLS_MODEL_SEQUENCES=1000000 cargo test --release --package uptls --features uptls/aws-lc-rs --test all -- rotate::model
	UPTLS_INTERLEAVINGS=3000 python3 .ci/gate.py interleavings

# Makes each system call of the command, C and Python fail once, with every plausible errno, by strace: prints a table, and each
# run that crashed, hung, accepted, or blamed somebody else. The gate runs a small part.
faults:
	python3 .ci/gate.py faults

# Another TLS stack, tlslite-ng, as attacker of all faces: prints a row for each attack, with the code, time and memory.
hostile:
	python3 .ci/gate.py hostile

# 31 more clients in Python against Redis, MariaDB, PostgreSQL, mosquitto (install them first) and scripted servers; test_ssl of CPython
# and urllib3's tests with policies for their clients. Each test is compared with conformance/ledgers/peers-*.txt.
peers:
	python3 .ci/gate.py peers

# Rewrites what is generated and committed: vectors, header, schemas, documentation.
bless:
	UPTLS_BLESS=1 cargo test --workspace --quiet

# Ten minutes of 64 clients through `uptls proxy`, while CA, identity and manifests change: no request may fail.
SOAK = 600
soak:
	cargo build --release --package uptls-cli --package uptls-bench --bin uptls --bin soak
	target/release/soak $(SOAK) 64

# What uptls costs over rustls, C over Rust, C beside OpenSSL, in Envoy over Envoy's own validator, and Python beside the
# module ssl and rtls: tables, and target/bench/core.json, c.json, envoy.json, python.json and python-sockets.json.
# Needs valgrind and nginx.
bench:
	-python3 .ci/envoy.py
	cargo build --release --package uptls-envoy
	cargo run --release --package uptls-bench
	cargo build --release --package uptls-bench --bin faces
	python3 .ci/gate.py bench

# Crates and bytes of a minimal client: by uptls, beside hyper without TLS and hyper-rustls.
weigh:
	python3 bench/weight/weigh.py

# `uptls proxy` beside stunnel, HAProxy, ghostunnel and Envoy, as far as they are installed: make proxies N=2000
N ?= 2000
proxies:
	-python3 .ci/envoy.py
	cargo build --release --package uptls-cli
	cargo run --release --package uptls-bench --bin proxies -- $(N)

# The gateway of the examples under load, while CA, identity and document change every two seconds: make load T=60
load:
	UPTLS_LOAD_SECONDS=$(T) cargo test --release --package uptls-examples --test run -- --nocapture gateway_under_load

# The C header alone.
header:
	UPTLS_BLESS=1 cargo test --package uptls-ffi --test header

# The verifier as WebAssembly, where the Go module embeds it: prints its size.
wasm:
	python3 .ci/wasm.py

# The Go module over it: vet, and all tests with the race detector. The gate does not run them yet.
go-module: wasm
	cd go && go vet ./... && go test -race ./...

# The C library with header, pkg-config and CMake files, and the command with man pages and completions: make install PREFIX=/usr DESTDIR=package LIBDIR=/usr/lib64
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
install:
	python3 .ci/install.py --prefix "$(PREFIX)" --libdir "$(LIBDIR)" --destdir "$(DESTDIR)"
	python3 .ci/install_command.py --prefix "$(PREFIX)" --destdir "$(DESTDIR)"

# Go over the C library: tests and vet of examples/go.
go:
	python3 .ci/gate.py go

# Fuzzes each target for T seconds, with AddressSanitizer: make fuzz T=600, or make fuzz T=600 TARGETS="chain ffi"
T ?= 60
TARGETS ?=
fuzz:
	python3 .ci/fuzzing.py run --seconds $(T) $(TARGETS)

# Whether the fuzz targets find the planted bugs: applies each in a copy of the tree, and prints a table with times.
fuzz-check:
	python3 .ci/fuzzing.py check

# Changes one thing in the code that decides, and demands that a test fails; survivors must be in .ci/mutants.txt. One build holds
# all mutants. make mutants SHARD=3/60 tries a part with mutants of all files, SUITES="verify trust" some of the folders, and
# MATCHING=edit_if those with that in their name. A run that was cut is continued by the next. KEEP_KILLS=1, for those who only add
# tests, tries only the survivors of files that have not changed; WORKERS=1 tries one mutant at a time, and not two.
SHARD ?=
SUITES ?=
MATCHING ?=
KEEP_KILLS ?=
WORKERS ?= 2
mutants:
	python3 .ci/mutants.py $(if $(SHARD),--shard $(SHARD)) $(if $(MATCHING),--matching "$(MATCHING)") \
		$(if $(KEEP_KILLS),--keep-kills) --workers $(WORKERS) $(SUITES)

# A release wheel in target/wheels.
wheel:
	python3 .ci/gate.py wheel

clean:
	cargo clean
