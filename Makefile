# A few cargo commands under short names, and a check that the tools they need are there.
#
# Two profiles, chosen so that libzmq and libsodium (about 95 s of compiling a profile) are built as
# seldom as can be:
#   * dev, for `check` and `test`: lints, docs and tests share its native libraries. It keeps the
#     debug assertions by which the core checks its own contract, libzmq is compiled with -O2 in it
#     (native/zmq-sys) and every other dependency with opt-level 2 (Cargo.toml). Tests in the release
#     profile would drop the assertions and pay link-time optimisation once for each test binary.
#   * release, for `build` and `bench`: what is shipped is what is measured.

GOSSIP_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
TARGET  := $(or $(CARGO_TARGET_DIR),target)
BINARY  := $(TARGET)/release/gossip
PREFIX  ?= /usr/local
ARGS    ?=
SEEDS   ?= 2000
SEED    ?= 1
SECONDS ?= 600
CARGO   ?= cargo

# Packages of other languages for the interop tests: a Python environment and npm modules, pinned by
# tests/interop. The tests find them by GOSSIP_INTEROP, Node.js finds its modules by NODE_PATH.
INTEROP := $(abspath $(TARGET))/interop
PYTHON  := $(INTEROP)/venv/.installed
NODE    := $(INTEROP)/node_modules/.installed

# What the bench compares with, in a target folder of its own.
PEERS   := $(abspath $(TARGET))/peers

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help build start stop test check format lint docs tidy sim fresh soak mutations chaos experiments fuzz guards bench peers install clean interop-tools

# $(call need,command,what to do): stop with one line that says what to do.
need = @command -v $(1) >/dev/null 2>&1 || { echo "'$(1)' is missing; $(2)" >&2; exit 1; }
need_rust = $(call need,$(CARGO),install Rust 1.95 or later (https://rustup.rs))
need_git = $(call need,git,on Debian: apt install git)
need_cxx = $(call need,c++,on Debian: apt install g++)

help: ## Say what can be made (this list)
	@echo "gossip $(GOSSIP_VERSION), a brokerless message bus over ZeroMQ"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s  %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Options:  make start ARGS="circular -n 32 --plot"   make install PREFIX=/usr DESTDIR=/tmp/package'

build: ## Compile the program: target/release/gossip
	$(need_rust)
	$(need_cxx)
	$(CARGO) build --release --locked

start: build ## Start the default network of 16 nodes; more in ARGS="..."
	@$(BINARY) start-network $(ARGS)

stop: build ## Stop the default network; another one with ARGS="--network NAME"
	@$(BINARY) stop-network $(ARGS)

test: interop-tools $(PYTHON) $(NODE) ## Run all tests, those with Python and Node.js too
	GOSSIP_INTEROP='$(INTEROP)' NODE_PATH='$(INTEROP)/node_modules' $(CARGO) test --locked

check: format lint docs tidy ## Check format, lints, docs, house rules, licences

sim: build ## Simulate 2000 networks in which anything goes wrong; SEEDS=..., SEED=...
	$(BINARY) simulate --chaos --seed $(SEED) --seeds $(SEEDS)

# Which networks, follows from what is committed: each revision is tried with others. The dev profile with optimised code of
# ours: all else that it links is there after the tests, and the core's assertions stay.
FRESH := 5000

fresh: ## Simulate 5000 networks that follow from the revision
	$(need_rust)
	$(need_cxx)
	$(need_git)
	@seed=$$(printf '%d' "0x$$(git rev-parse HEAD | cut -c 1-12)") && \
	  echo "gossip simulate --chaos --seed $$seed --seeds $(FRESH)" && \
	  $(CARGO) run --locked --config profile.dev.opt-level=3 -- simulate --chaos --seed "$$seed" --seeds $(FRESH)

soak: build ## Simulate fresh networks for SECONDS=600, or until something goes wrong
	$(BINARY) simulate --chaos --seed "$$(date +%s)000000" --for $(SECONDS)s

# Builds a copy of what is committed once for each patch, each time but the first only what that changes.
mutations: ## Show that deliberate bugs, and mechanisms that are off, are noticed; ARGS=names
	$(need_rust)
	$(need_cxx)
	$(need_git)
	GOSSIP_MUTATIONS='$(ARGS)' $(CARGO) test --locked --test mutations -- $(if $(ARGS),off::) --include-ignored --nocapture --test-threads 1

# Real processes on the shipped program: some minutes, 64 nodes at a time.
chaos: build ## Break networks of 64 nodes under load, and have them prove that nothing was lost
	tests/chaos/run $(BINARY) $(ARGS)

experiments: build ## Run the experiments of docs/evaluation.md and write its tables anew
	$(BINARY) simulate --experiment docs/experiments --record docs/evaluation.md

# The test profile with optimised code of ours: all else that it links is there already, and assertions stay.
FUZZ := --config profile.test.opt-level=3 --test fuzz -- --ignored --nocapture --exact fuzz

fuzz: ## Fuzz codec and core for 60 s; ARGS=seconds, REPLAY=file, SEED=...
	$(need_rust)
	$(need_cxx)
	$(if $(REPLAY),GOSSIP_FUZZ_REPLAY='$(abspath $(REPLAY))') $(if $(filter command line,$(origin SEED)),GOSSIP_FUZZ_SEED=$(SEED)) \
	  GOSSIP_FUZZ_SECONDS=$(or $(ARGS),60) $(CARGO) test --locked $(FUZZ)

# Optimised code of ours, without assertions: all else that it links is there after the tests. Units of code stay as they are in
# that profile, a module each, so that a change in one does not move what the compiler inlines in another.
GUARDED := profile.test.package.gossip
GUARDS  := --config $(GUARDED).opt-level=3 --config $(GUARDED).debug=false \
  --config $(GUARDED).debug-assertions=false --config $(GUARDED).overflow-checks=false

guards: ## Hold what a message costs against its baseline; ARGS=--record writes it
	$(need_rust)
	$(need_cxx)
	$(call need,valgrind,on Debian: apt install valgrind)
	GOSSIP_GUARDS='$(ARGS)' $(CARGO) test --locked $(GUARDS) --test guards -- --ignored --nocapture --exact guards

bench: peers ## Measure and print the numbers, beside peers; ARGS=--quick
	$(need_rust)
	$(need_cxx)
	@$(CARGO) bench --locked -- $(ARGS)

# What cannot be had is left out: the bench says so in a line, and measures the others.
peers: ## Bring what the bench compares with: nats-server, zenoh, libzmq
	$(need_rust)
	$(need_cxx)
	@for peer in relay nats zenoh; do \
	  $(CARGO) build --quiet --release --locked --manifest-path benches/peers/Cargo.toml --target-dir '$(PEERS)' -p peer-$$peer || \
	    echo "peer-$$peer cannot be built, and is left out" >&2; \
	done
	@test -x '$(PEERS)/venv/bin/nats-server' || { \
	  python3 -m venv --clear '$(PEERS)/venv' && \
	  '$(PEERS)/venv/bin/python' -m pip install --quiet --disable-pip-version-check --requirement benches/peers/requirements.txt; } || \
	    echo 'nats-server cannot be had, and is left out' >&2

# Does not build when the program is there, so that `make build && sudo make install` leaves nothing
# of root's in the build folder.
install: ## Install the program, man pages, completions, licences under PREFIX
	@test -x $(BINARY) || $(MAKE) build
	install -D -m 755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/gossip'
	@set -e; texts=$$(mktemp -d); trap 'rm -rf "$$texts"' EXIT; \
	  put() { echo "install $$2"; install -D -m 644 "$$1" "$$2"; }; \
	  share='$(DESTDIR)$(PREFIX)/share'; \
	  $(BINARY) gen "$$texts"; \
	  find "$$texts" -type f | sort | while read -r file; do \
	    name=$$(basename "$$file"); \
	    case "$$name" in \
	      *.1) put "$$file" "$$share/man/man1/$$name" ;; \
	      *.bash) put "$$file" "$$share/bash-completion/completions/gossip" ;; \
	      *.fish) put "$$file" "$$share/fish/vendor_completions.d/$$name" ;; \
	      _gossip) put "$$file" "$$share/zsh/site-functions/$$name" ;; \
	    esac; \
	  done; \
	  for file in LICENSE-MIT LICENSE-APACHE THIRD_PARTY.md licences/*; do \
	    put "$$file" "$$share/doc/gossip/$$file"; \
	  done

clean: ## Remove all that was built
	$(CARGO) clean

# Parts of `check`.

format:
	$(need_rust)
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path native/zmq-sys/Cargo.toml
	$(CARGO) fmt --check --manifest-path clients/rust/Cargo.toml
	$(CARGO) fmt --check --all --manifest-path benches/peers/Cargo.toml

# The second run sees the code that is there only without the default features. Without them some build
# dependencies change, so it compiles the native libraries once more (about a minute, the first time).
lint:
	$(need_rust)
	$(need_cxx)
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

docs:
	$(need_rust)
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

tidy:
	$(need_rust)
	$(need_cxx)
	$(need_git)
	$(CARGO) test --locked --test tidy

# Parts of `test`.

interop-tools:
	$(need_rust)
	$(need_cxx)
	$(need_git)
	$(call need,node,on Debian: apt install nodejs)
	$(call need,npm,on Debian: apt install npm)
	$(call need,python3,on Debian: apt install python3 python3-venv)
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }

$(PYTHON): tests/interop/requirements.txt | interop-tools
	python3 -m venv --clear '$(INTEROP)/venv'
	'$(INTEROP)/venv/bin/python' -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# No install scripts: the zeromq package brings its compiled module along.
$(NODE): tests/interop/package.json tests/interop/package-lock.json | interop-tools
	@mkdir -p '$(INTEROP)'
	cp $^ '$(INTEROP)/'
	cd '$(INTEROP)' && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
