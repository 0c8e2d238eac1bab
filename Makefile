# Every target works in a fresh clone: it first installs the dependency groups it needs into .venv (tools/setup.py).
# Settings are make variables: make train DATA=my_show.txt OUT=artifacts/my-show ARGS="--epochs 5"

PYTHON ?= python3
PRESET ?= seinfeld
LOW_TIDE := artifacts/low-tide

set-up := $(PYTHON) tools/setup.py
python := .venv/bin/python
# On Linux, malloc asks for huge pages for the weights, unless the variable is set (docs/choices.md).
huge-pages := GLIBC_TUNABLES="$${GLIBC_TUNABLES-glibc.malloc.hugetlb=1}"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo train base evaluate export versions rollback serve setup test nightly bench check fix \
	images-check sbom audit lock digests clean distclean FORCE

# The demo is trained again if one of these changes: the show, the settings, the network, the file formats.
LOW_TIDE_TEXT := data/shows/low_tide.txt
demo-train := $(LOW_TIDE_TEXT) data/tokens.py data/versions.py data/vocab.py \
	job/base.py job/config.py job/options.py job/model.py artifacts/base/checkpoint.pt $(wildcard job/layers/*.py)
# ... and exported again if one of these changes.
demo-export := $(wildcard export/*.py export/*/*.py $(LOW_TIDE)/checkpoint.pt)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(LOW_TIDE)/manifest.json ## train on the embedded show (about 1 min, once), export, and start the server
	@$(set-up) serve
	$(huge-pages) $(python) -m serve --model $(LOW_TIDE) $(ARGS)

# .trained marks a finished run. Without it, an interrupted run resumes; if it is out of date, --fresh starts a new run.
$(LOW_TIDE)/.trained: $(demo-train) $(if $(wildcard $(LOW_TIDE)/checkpoint.pt),,FORCE)
	@$(set-up) train
	@rm -f $@
	$(python) -m job --preset laptop $(if $(wildcard $(LOW_TIDE)/.trained),--fresh)
	@touch $@

$(LOW_TIDE)/manifest.json: $(LOW_TIDE)/.trained $(demo-export) \
		$(if $(wildcard $(LOW_TIDE)/model.torchscript.pt),,FORCE)
	@$(set-up) train export
	$(python) -m export --checkpoint $(LOW_TIDE)/checkpoint.pt

# Uses a container if the machine has an NVIDIA GPU, Docker and the NVIDIA Container Toolkit. DOCKER=0 never does.
train: ## train: PRESET=seinfeld|laptop, DATA=show.txt, VALID=held_out.txt, OUT=artifacts/NAME, PROCESSES=2 (GPUs), ARGS="..."
	@PYTHON="$(PYTHON)" PRESET="$(PRESET)" tools/train.sh $(ARGS)

# Each step is skipped or resumed if it was done before. Training needs a GPU. Writes artifacts/base.
base: ## train the base network from its sources: ARCHIVES=folder instead of downloads, ARGS="..."
	@$(set-up) train
	$(strip $(python) -m data base --out data/raw/base $(if $(ARCHIVES),--archives "$$ARCHIVES"))
	$(python) -m data prepare data/raw/base/*.txt --out data/prepared/base --format plain --vocab-size 32768 \
		--valid-fraction 0.004
	$(python) -m job --preset base $(ARGS)
	$(python) -m job.publish --checkpoint artifacts/english/checkpoint.pt --text data/raw/base --overlap $(LOW_TIDE_TEXT)

evaluate: ## write report.html and report.json: CHECKPOINT=... (default: the newest), DATA=show.txt, VALID=held_out.txt
	@$(set-up) train
	$(strip $(python) -m job.report $(if $(CHECKPOINT),--checkpoint "$$CHECKPOINT") \
		$(if $(DATA),--data "$$DATA") $(if $(VALID),--valid "$$VALID") $(ARGS))

export: ## export to TorchScript and ONNX: CHECKPOINT=artifacts/NAME/checkpoint.pt (default: the newest), OUT=folder
	@$(set-up) train export
	$(strip $(python) -m export $(if $(CHECKPOINT),--checkpoint "$$CHECKPOINT") $(if $(OUT),--out "$$OUT") $(ARGS))

versions: ## list the versions of a model: MODEL=artifacts/NAME
	@$(set-up) train export
	@$(python) -m export versions $(if $(MODEL),"$$MODEL")

rollback: ## make an earlier version of a model current: MODEL=artifacts/NAME, TO=VERSION (default: the one before)
	@$(set-up) train export
	@$(strip $(python) -m export rollback $(if $(MODEL),"$$MODEL") $(if $(TO),--to "$$TO"))

serve: ## start the server: MODEL=artifacts/NAME (default: all in artifacts/), ARGS="--port 8000"
	@$(set-up) serve
	$(huge-pages) $(python) -m serve $(if $(MODEL),--model "$$MODEL") $(ARGS)

setup: ## install all dependencies into .venv: PYTHON=python3.12, TORCH_BACKEND=cpu|cu130
	@$(set-up)

# The tests start many processes, which would compile the code again.
test nightly: export PYTHONDONTWRITEBYTECODE :=

test: ## run all tests but the slow ones; installs Chromium for tests/browser if it can: ARGS="-k tokens"
	@$(set-up)
	@$(python) tools/browser.py
	$(python) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

# `make test` runs the property tests too, with the same values every time, and no slow ones.
nightly: ## run the slow tests, and the property tests with random values: SEED=... repeats a run
	@$(set-up)
	@seed=$${SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; \
	echo "slow tests, and property tests with random values; to repeat this run: make nightly SEED=$$seed"; \
	$(python) -m pytest -m "(hypothesis or slow) and not bench" --hypothesis-profile random --hypothesis-seed $$seed \
		-n auto --maxprocesses 4 --dist worksteal $(ARGS) || \
		{ code=$$?; echo "failed with SEED=$$seed"; exit $$code; }

bench: ## run the speed benchmarks
	@$(set-up)
	$(huge-pages) $(python) -m tests.bench.generation $(ARGS)
	$(huge-pages) $(python) -m tests.bench.serving
	$(python) -m pytest -m bench -s tests/bench

check: ## lint, check formatting and import rules
	@$(set-up) dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

fix: ## apply ruff's fixes and formatting
	@$(set-up) dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

images-check: ## build and test the container images end to end: ENGINE=docker|podman
	@$(set-up) serve supply-chain
	$(python) tools/check_images.py $(ARGS)

sbom: ## write an SBOM (CycloneDX) per container image to sbom/: ENGINE=docker|podman adds Debian's packages
	@$(set-up) supply-chain
	$(python) tools/supply_chain.py sbom

audit: ## check the locked packages for known vulnerabilities: ADVISORIES=all.zip (OSV) instead of the network
	@$(set-up) supply-chain
	$(python) tools/supply_chain.py audit

lock: ## update locks/ to the newest versions that pyproject.toml allows
	@$(set-up) dev supply-chain
	$(python) tools/lock.py

digests: ## update the digests of the base images (needs skopeo or docker buildx)
	@$(PYTHON) tools/digests.py

clean: ## remove .venv and caches, but no trained models
	rm -rf .venv sbom .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: ## clean, and remove trained models and downloads after confirmation
	@printf 'Remove all trained models in artifacts/ and downloads in data/raw/? [y/N] '; \
	if read -r answer && test "$$answer" = y; then \
		$(MAKE) --no-print-directory clean; rm -rf data/raw; \
		find artifacts -mindepth 1 -maxdepth 1 ! -name README.md ! -name base -exec rm -rf {} +; \
	else echo 'Nothing removed.'; fi
