# Needs only make and python3; everything else is installed, as uv.lock says, into .venv.

PYTHON ?= python3
TEST_WORKERS ?= 2
# What of the locked parts is installed, as options of `uv sync`: everything.
PARTS ?=

export UV_PROJECT_ENVIRONMENT := .venv
export UV_COMPILE_BYTECODE := 1
# Tests start hMESH in many processes, each of which would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

bin := .venv/bin
synced := .venv/.synced
uv_version := $(shell sed -n '/^name = "uv"$$/{n;s/version = "\(.*\)"/\1/p;}' uv.lock)
# The digests that uv.lock gives for the files of this version; no other file is installed.
uv_digests := $(shell sed -n '/^name = "uv"$$/,/^\]$$/s/.*hash = "\(sha256:[0-9a-f]*\)".*/--hash=\1/p' uv.lock)

.DEFAULT_GOAL := help
.PHONY: help run test test-all lint style types docs bench fuzz kills tampering mutants advisories sbom clean

help:  ## show these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: $(synced)  ## simulate the three communities and replicate the published vehicle study
	@echo "Two jobs: the day of the three communities (5 to 15 s), then the published study that"
	@echo "it belongs to, replicated with all its variations (10 to 40 s)."
	@echo "== 1 of 2: hmesh run three-communities"
	@mkdir -p results; directory=results/three-communities; number=1; \
	while [ -e "$$directory" ]; do \
		number=$$((number + 1)); directory=results/three-communities-$$number; \
	done; \
	$(bin)/hmesh run three-communities --out "$$directory"
	@echo "== 2 of 2: hmesh replicate vehicles"
	@$(bin)/hmesh replicate vehicles

# Tests of a file stay with one worker, which makes the runs that they share once; a worker has a
# processor to itself, so that OpenBLAS needs no threads.
# Types and imports are checked at the same time, which take one processor and hold up nothing.
test: style  ## check style, types and the direction of imports; run the quick tests
	@set +e; checks=$$(mktemp); trap 'rm -f "$$checks"' EXIT; \
	$(MAKE) --no-print-directory types >"$$checks" 2>&1 & checker=$$!; \
	echo "== tests"; \
	OPENBLAS_NUM_THREADS=1 $(bin)/python -m pytest -m "not slow" -n $(TEST_WORKERS) --dist loadscope; \
	tested=$$?; wait $$checker; checked=$$?; cat "$$checks"; \
	[ $$tested -eq 0 ] && [ $$checked -eq 0 ]

test-all: lint docs  ## all of that, the slow tests, the documentation and short benchmarks
	@echo "== benchmarks, smallest sizes"
	@$(bin)/python benchmarks/vehicle_study.py --smoke
	@$(bin)/python benchmarks/vehicle_groups.py --smoke
	@$(bin)/python benchmarks/plain_mesa.py --smoke
	@$(bin)/python benchmarks/long_run.py --smoke
	@$(bin)/python benchmarks/city_year.py --smoke
	@$(bin)/python benchmarks/sweep_overhead.py --smoke
	@$(bin)/python benchmarks/battery_sharing.py --smoke
	@$(bin)/python benchmarks/smart_homes.py --smoke
	@$(bin)/python benchmarks/school_buses.py --smoke
	@$(bin)/python benchmarks/community_storage.py --smoke
	@$(bin)/python benchmarks/composite_storage.py --smoke
	@$(bin)/python benchmarks/reading.py --smoke
	@$(bin)/python benchmarks/scaling.py --smoke
	@$(bin)/python benchmarks/random_kills.py --smoke
	@$(bin)/python benchmarks/random_inputs.py --smoke
	@$(bin)/python benchmarks/tampering.py --smoke
	@$(bin)/python benchmarks/audit_time.py --smoke
	@$(bin)/python benchmarks/ratios.py --smoke
	@echo "== tests, the slow ones too, with newly drawn examples"
	@HMESH_EXAMPLES=drawn $(bin)/python -m pytest -n $(TEST_WORKERS)

lint: style types  ## check style, types and the direction of imports

style: $(synced)
	@echo "== ruff check"
	@$(bin)/ruff check .
	@echo "== ruff format"
	@$(bin)/ruff format --check .

types: $(synced)
	@echo "== mypy"
	@$(bin)/mypy
	@echo "== import-linter"
	@$(bin)/lint-imports --no-logo

docs: $(synced)  ## build the documentation into site/
	@echo "== documentation"
	@NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --strict --quiet
	@echo "site/index.html"

bench: $(synced)  ## time studies, long runs, a city's year and a sweep; fail where a ratio is below its floor; figures go to results/
	@mkdir -p results
	@$(bin)/python benchmarks/vehicle_study.py --json results/benchmark.json
	@$(bin)/python benchmarks/plain_mesa.py --json results/plain-mesa.json
	@$(bin)/python benchmarks/long_run.py --json results/long-run.json
	@$(bin)/python benchmarks/city_year.py --json results/city-year.json
	@$(bin)/python benchmarks/sweep_overhead.py --json results/sweep-overhead.json
	@$(bin)/python benchmarks/battery_sharing.py --json results/battery-sharing.json
	@$(bin)/python benchmarks/smart_homes.py --json results/smart-homes.json
	@$(bin)/python benchmarks/school_buses.py --json results/school-buses.json
	@$(bin)/python benchmarks/community_storage.py --json results/community-storage.json
	@$(bin)/python benchmarks/composite_storage.py --json results/composite-storage.json
	@$(bin)/python benchmarks/reading.py --json results/reading.json
	@$(bin)/python benchmarks/scaling.py --json results/scaling.json --plot results/scaling.png
	@$(bin)/python benchmarks/audit_time.py --json results/audit-time.json
	@$(bin)/python benchmarks/ratios.py --json results/ratios.json

fuzz: $(synced)  ## give hMESH 10,000 wrong inputs; figures go to results/
	@mkdir -p results
	@$(bin)/python benchmarks/random_inputs.py --json results/random-inputs.json

kills: $(synced)  ## kill runs of all scenarios a thousand times at random moments; figures go to results/
	@mkdir -p results
	@$(bin)/python benchmarks/random_kills.py --cold 20 --json results/random-kills.json

tampering: $(synced)  ## change results of every scheme place by place, see whether audits notice; figures go to results/
	@mkdir -p results
	@$(bin)/python benchmarks/tampering.py --json results/tampering.json

mutants: $(synced)  ## change rules at random places, see whether the quick tests notice; MODULES=... names some
	@mkdir -p results
	@$(bin)/python benchmarks/mutants.py $(MODULES) --json results/mutants.json

advisories: $(synced)  ## compare locked packages with known vulnerabilities; DATABASE=... names a folder of advisories
	@$(bin)/python benchmarks/advisories.py "$(DATABASE)"

sbom: $(synced)  ## list all parts of hMESH with their digests (CycloneDX) in results/sbom.json
	@mkdir -p results
	@$(bin)/uv export --locked --offline --quiet --no-dev --all-extras --format cyclonedx1.5 \
		--output-file results/sbom.json
	@echo "results/sbom.json"

clean:  ## remove caches and built pages; results/ and .venv stay
	@rm -rf build dist site .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find agents environment markets runs tests -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is one of the locked tools: a throw-away copy of it fills .venv once, then .venv has its own.
$(synced): pyproject.toml uv.lock .python-version
	@if [ -x $(bin)/uv ]; then \
		$(bin)/uv sync --locked --quiet $(PARTS); \
	else \
		set -e; \
		echo "Installing the locked tools into .venv (once, a minute or two)"; \
		bootstrap=$$(mktemp -d); trap 'rm -rf "$$bootstrap"' EXIT; trap 'exit 130' INT TERM; \
		echo "uv==$(uv_version) $(uv_digests)" >"$$bootstrap/uv.txt"; \
		if $(PYTHON) -m venv "$$bootstrap/venv" >"$$bootstrap/log" 2>&1; then \
			"$$bootstrap/venv/bin/python" -m pip install -qq --disable-pip-version-check \
				--only-binary=:all: --require-hashes -r "$$bootstrap/uv.txt"; \
			"$$bootstrap/venv/bin/uv" sync --locked --quiet $(PARTS); \
		elif $(PYTHON) -m pip install -qq --disable-pip-version-check --only-binary=:all: \
				--target "$$bootstrap/target" --require-hashes -r "$$bootstrap/uv.txt" >>"$$bootstrap/log" 2>&1; then \
			"$$bootstrap/target/bin/uv" sync --locked --quiet $(PARTS); \
		else \
			cat "$$bootstrap/log" >&2; \
			echo "$(PYTHON) could neither make a virtual environment nor install uv with pip (above: why)." >&2; \
			echo "On Debian and Ubuntu: apt install python3-venv; then run make again." >&2; \
			exit 1; \
		fi; \
	fi
	@touch $@
