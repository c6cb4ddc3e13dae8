BENCHMARKS := one-machine

.PHONY: bench $(addprefix bench-,$(BENCHMARKS))
bench: $(addprefix bench-,$(BENCHMARKS)) ## Every benchmark; results in benchmarks/results

bench-one-machine: debian .venv/runtime ## Hand-over, command line and memory of the one-machine site
	$(BIN)/python -m benchmarks.one_machine
