# The front door. CMake and Ninja do the work; `make help` lists the doors.
SHELL := /bin/bash
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
BUILD := build/release

.PHONY: help fuzz deps deps-run deps-build build dev asan demo quick test long long-cuts bench-kernels bench-kernels-pc bench-kernels-baseline bench-kernel-costs bench-kernel-tables bench-engine bench-plan bench-sim bench-policy bench-bound bench-chain bench-train format install clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what is missing from the distribution (asks for sudo only where needed)
	@scripts/install-deps.sh --all

deps-run:
	@scripts/install-deps.sh --run

deps-build:
	@scripts/install-deps.sh --build

build: deps-build ## build the program: build/release/wick
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; rm -f build-configure.log; exit 1; }; rm -f build-configure.log
	@cmake --build --preset release -j $(JOBS)

dev: deps-build ## build with warnings as errors: build/dev
	@cmake --preset dev >/dev/null && cmake --build --preset dev -j $(JOBS)

asan: deps ## build and run the quick tests under the address and undefined-behaviour sanitizers
	@cmake --preset asan >/dev/null && cmake --build --preset asan -j $(JOBS)
	@ctest --test-dir build/asan -L quick --output-on-failure -j $(JOBS)

demo: deps-run build ## the main job on the built-in data, ending in one HTML report (about 4 minutes)
	@scripts/demo.sh $(BUILD)/wick build/demo

quick: build ## the quick tests (under a minute)
	@ctest --test-dir $(BUILD) -L quick --output-on-failure -j $(JOBS)

test: deps build ## the whole test suite (under 15 minutes)
	@ctest --test-dir $(BUILD) -L 'quick|full' --output-on-failure -j $(JOBS)

long-cuts: deps build ## 10^8 power cuts on the PC and 10^6 in Unicorn, counts as they go; an interrupted run goes on where it was
	@WICK=$(CURDIR)/$(BUILD)/wick WICK_SOURCE=$(CURDIR) WICK_SHARE=$(CURDIR) WICK_BUILD=$(CURDIR)/$(BUILD) bash tests/proof/long_power_cuts.sh

long: deps build ## everything, hours of seeds included
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

FUZZ_SECONDS ?= 60
fuzz: deps build ## fuzz the ONNX reader under sanitizers for FUZZ_SECONDS (60)
	@scripts/fuzz.sh $(BUILD) $(FUZZ_SECONDS)

KERNELS := $(BUILD)/bench/kernels
bench-kernels: deps build ## instructions and estimated cycles of the int8 kernels on the emulated cores; also as JSON
	@mkdir -p $(KERNELS)
	@$(BUILD)/bench/family_layers >$(KERNELS)/layers.inc && $(BUILD)/bench/family_layers --uses >$(KERNELS)/uses
	@bench/device/count_kernels.sh $(BUILD)/bench/count_plugin.so $(KERNELS) $(KERNELS)/layers.inc
	@$(BUILD)/bench/kernel_table $(KERNELS) --uses $(KERNELS)/uses --json $(BUILD)/bench/kernels.json
	@echo; echo "as JSON: $(BUILD)/bench/kernels.json"

bench-kernels-pc: build ## rate of the int8 kernels on this machine
	@cmake --build --preset release --target bench_kernels >/dev/null && $(BUILD)/bench/bench_kernels

bench-kernels-baseline: deps build ## accept what the kernels now execute: rewrites bench/device/baseline.json
	@mkdir -p $(KERNELS)-baseline && $(BUILD)/bench/family_layers >$(KERNELS)-baseline/layers.inc
	@bench/device/count_kernels.sh $(BUILD)/bench/count_plugin.so $(KERNELS)-baseline $(KERNELS)-baseline/layers.inc
	@$(BUILD)/bench/kernel_table $(KERNELS)-baseline --quiet --update bench/device/baseline.json

bench-kernel-costs: deps build ## the cycles of profiles/kernels: fitted to the kernels' estimated cycles on whole layers and parts of them
	@mkdir -p $(KERNELS)-costs
	@$(BUILD)/bench/family_layers >$(KERNELS)-costs/layers.inc
	@WICK_PARTS=1 bench/device/count_kernels.sh $(BUILD)/bench/count_plugin.so $(KERNELS)-costs $(KERNELS)-costs/layers.inc
	@python3 bench/device/fit_costs.py $(KERNELS)-costs

bench-kernel-tables: bench-kernel-costs ## the same, and rewrites profiles/kernels
	@python3 bench/device/fit_costs.py $(KERNELS)-costs --write profiles/kernels >/dev/null

ENGINE := $(BUILD)/bench/engine
bench-engine: deps build ## what the intermittent engine costs: modelled energy, time and NVM bytes, counted instructions
	@cmake --build --preset release --target bench_engine >/dev/null && rm -rf $(ENGINE) && mkdir -p $(ENGINE)
	@WICK_SHARE=$(CURDIR) $(BUILD)/bench/bench_engine --emit $(ENGINE)
	@bench/engine/count_engine.sh $(BUILD)/bench/count_plugin.so $(ENGINE)

POLICY_PLANS ?=
POLICY_TRACES ?=
POLICY_OPTIONS ?=
POLICY := $(BUILD)/bench/policy
bench-bound: build ## the clairvoyant's bound and its replayed plan in cells of bench/policy.json, on finer and finer grids: POLICY_PLANS, POLICY_TRACES, POLICY_OPTIONS
	@cmake --build --preset release --target bench_bound >/dev/null
	@WICK_SHARE=$(CURDIR) $(BUILD)/bench/bench_bound bench/policy.json --traces $(POLICY_TRACES) $(POLICY_OPTIONS) $(POLICY_PLANS)

bench-chain: build ## what information, foresight and switching off are worth to a policy in cells of bench/policy.json: POLICY_PLANS, POLICY_TRACES, POLICY_OPTIONS
	@cmake --build --preset release --target bench_chain >/dev/null
	@WICK_SHARE=$(CURDIR) $(BUILD)/bench/bench_chain bench/policy.json --traces $(POLICY_TRACES) $(POLICY_OPTIONS) $(POLICY_PLANS)

bench-policy: build ## scheduling policies over the grid of bench/policy.json: POLICY_PLANS="a.json b.json" POLICY_TRACES=folder (hours; goes on where it was stopped)
	@test -n "$(POLICY_PLANS)" -a -n "$(POLICY_TRACES)" || { echo 'say POLICY_PLANS="vgg16.json mobilenetv1.json" (of wick plan) and POLICY_TRACES=folder' >&2; exit 2; }
	@cmake --build --preset release --target bench_policy >/dev/null && mkdir -p $(POLICY)
	@WICK_SHARE=$(CURDIR) $(BUILD)/bench/bench_policy bench/policy.json --traces $(POLICY_TRACES) --output $(POLICY) $(POLICY_OPTIONS) $(POLICY_PLANS)

bench-plan: build ## time that planning takes, every profile, with the bars of docs/benchmarks.md
	@cmake --build --preset release --target bench_plan >/dev/null && WICK_SHARE=$(CURDIR) OMP_NUM_THREADS=1 $(BUILD)/bench/bench_plan

bench-sim: build ## rate of the simulator
	@cmake --build --preset release --target bench_sim >/dev/null && $(BUILD)/bench/bench_sim

PYTHON ?= python3
bench-train: build ## time of a training step beside PyTorch's, where PYTHON (one interpreter or several) has it; also as JSON
	@cmake --build --preset release --target bench_train >/dev/null
	@bench/train/bench_train.py $(BUILD)/bench/bench_train --json $(BUILD)/bench/train.json $(foreach python,$(PYTHON),--python $(python))
	@echo; echo "as JSON: $(BUILD)/bench/train.json"

format: ## format the C files
	@find runtime toolchain cli boards tests bench examples -name '*.[ch]' -type f -print0 2>/dev/null | xargs -0 clang-format -i

install: build ## install the program and its recipes, profiles, boards and runtime under PREFIX
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove the build folder
	@rm -rf build
