BENCHMARKS := one-machine demo

.PHONY: bench $(addprefix bench-,$(BENCHMARKS))
bench: $(addprefix bench-,$(BENCHMARKS)) ## Every benchmark; results in benchmarks/results and docs/performance.md
	$(BIN)/python -m benchmarks.page

bench-one-machine: debian .venv/runtime ## Hand-over, command line and memory of the one-machine site
	$(BIN)/python -m benchmarks.one_machine

bench-demo: debian .venv/runtime ## `make demo` from a fresh clone, cold and warm
	$(BIN)/python -m benchmarks.demo
