# The names that the mission's runbook uses: thin front doors to `ropeway`.
MLOPS_PIPELINE ?= configs/mlops/mnist.yaml
ROPEWAY := $(BIN)/ropeway

.PHONY: mlops-train mlops-register mlops-sync mlops-deploy mlops-e2e-test mlops-monitor mlops-up
mlops-up: debian .venv/runtime
	@$(ROPEWAY) up

mlops-train: mlops-up ## Train: begin a run of MLOPS_PIPELINE, and evaluate what it made
	@$(ROPEWAY) train $(MLOPS_PIPELINE)
	@$(ROPEWAY) evaluate

mlops-register: mlops-up ## Register the newest run's model
	@$(ROPEWAY) register

mlops-sync: mlops-up ## Put the newest run's model into the store
	@$(ROPEWAY) sync

mlops-deploy: mlops-up ## Deploy, verify and promote the newest run's model
	@$(ROPEWAY) promote

mlops-e2e-test: mlops-up ## The whole workflow, then its five checks
	@$(ROPEWAY) run $(MLOPS_PIPELINE)
	@$(BIN)/python scripts/mlops/e2e_test.py

mlops-monitor: mlops-up ## Where to look: registry, metrics, endpoints
	@$(ROPEWAY) doctor
	@$(ROPEWAY) status
