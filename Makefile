# Every target works from a fresh clone: it first sets up the part of .venv that it needs (tools/setup.py).
# Settings go on the line, as in: make train DATA=my_show.txt OUT=artifacts/my-show ARGS="--epochs 5"

PYTHON ?= python3
PRESET ?= seinfeld
LOW_TIDE := artifacts/low-tide

set-up := $(PYTHON) tools/setup.py
python := .venv/bin/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo train evaluate export serve setup test bench check fix \
	images-check sbom audit lock clean distclean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(LOW_TIDE)/manifest.json ## train on the embedded show (2-3 min, once), export, and open the page
	@$(set-up) serve
	$(python) -m serve --model $(LOW_TIDE) $(ARGS)

# Trained again only if the show, the settings or the network changed, or the checkpoint is gone. The
# mark is set after training has ended, so that a run cut short is not taken for a finished one.
$(LOW_TIDE)/.trained: data/shows/low_tide.txt job/config.py job/model.py \
		$(if $(wildcard $(LOW_TIDE)/checkpoint.pt),,FORCE)
	@$(set-up) train
	$(python) -m job --preset laptop
	@touch $@

$(LOW_TIDE)/manifest.json: $(LOW_TIDE)/.trained $(wildcard export/*.py $(LOW_TIDE)/checkpoint.pt) \
		$(if $(wildcard $(LOW_TIDE)/model.torchscript.pt),,FORCE)
	@$(set-up) train export
	$(python) -m export --checkpoint $(LOW_TIDE)/checkpoint.pt

# In a container on a GPU machine with Docker and NVIDIA's toolkit, unless DOCKER=0; the script tells which.
train: ## train: PRESET=seinfeld|laptop, DATA=show.txt, VALID=held_out.txt, OUT=artifacts/NAME, ARGS="...", PROCESSES=2 (GPUs)
	@PYTHON="$(PYTHON)" PRESET="$(PRESET)" tools/train.sh $(ARGS)

evaluate: ## write report.html and report.json: CHECKPOINT=... (default: the newest), VALID=held_out.txt
	@$(set-up) train
	$(strip $(python) -m job.report $(if $(CHECKPOINT),--checkpoint "$$CHECKPOINT") \
		$(if $(DATA),--data "$$DATA") $(if $(VALID),--valid "$$VALID") $(ARGS))

export: ## write the files that leave: CHECKPOINT=artifacts/NAME/checkpoint.pt (default: the newest)
	@$(set-up) train export
	$(python) -m export $(if $(CHECKPOINT),--checkpoint "$$CHECKPOINT") $(ARGS)

serve: ## open the page: MODEL=artifacts/NAME (default: all in artifacts/), ARGS="--port 8000"
	@$(set-up) serve
	$(python) -m serve $(if $(MODEL),--model "$$MODEL") $(ARGS)

setup: ## set up .venv with everything: PYTHON=python3.12, TORCH_BACKEND=cpu|cu130
	@$(set-up)

test: ## run every test (the page's need a Chromium on the machine): ARGS="-k tokens"
	@$(set-up)
	$(python) -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

bench: ## measure speed
	@$(set-up)
	$(python) -m tests.bench.generation $(ARGS)
	$(python) -m tests.bench.serving
	$(python) -m pytest -m bench -s tests/bench

check: ## lint, formatting, and which room imports which
	@$(set-up) dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

fix: ## put right what ruff can
	@$(set-up) dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

images-check: ## build both images and walk from training to a scene: ENGINE=docker|podman
	@$(set-up) serve
	$(python) tools/walk_images.py $(ARGS)

sbom: ## write what each image is made of, as CycloneDX files, to sbom/
	@$(set-up) supply
	$(python) tools/supply.py sbom

audit: ## ask for known vulnerabilities of the locked packages (needs the network)
	@$(set-up) supply
	$(python) tools/supply.py audit

lock: ## renew locks/ with the newest packages that pyproject.toml allows
	@$(PYTHON) tools/lock.py

clean: ## remove .venv and caches; never a trained model
	rm -rf .venv sbom .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: ## clean, and after asking, remove trained models and downloads too
	@printf 'Remove all trained models in artifacts/ and downloads in data/raw/? [y/N] '; \
	if read -r answer && test "$$answer" = y; then \
		$(MAKE) --no-print-directory clean; rm -rf data/raw; \
		find artifacts -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +; \
	else echo 'Nothing removed.'; fi
