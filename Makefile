# All a person does with Windsock, by name; `make help` lists it. Nothing is needed but Python 3.11, git and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
AS_OF ?= 2013-07-01
HOME_DIRECTORY := $(or $(WINDSOCK_HOME),.windsock)
UV_VERSION := 0.13.9
UV := $(HOME_DIRECTORY)/tools/bin/uv
FOLDERS := $(patsubst %/pyproject.toml,%,$(wildcard components/*/pyproject.toml serving/*/pyproject.toml)) feature_repo pipelines
RUNS := components/ingest components/gates components/features components/model feature_repo pipelines
WATCHES := components/ingest components/gates components/features components/drift feature_repo pipelines
ENVIRONMENT = $(addsuffix /.venv/.ready,$(1))
export UV_NO_PROGRESS := 1
# Each step is a process of its own: what it imports is compiled once, even where Python is told to keep no bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: $(call ENVIRONMENT,$(RUNS)) landing ## train on real data as of AS_OF (2013-07-01) and register the release
	@pipelines/.venv/bin/python -m pipelines.run training --as-of $(AS_OF) $(if $(OVERRIDE),--override '$(OVERRIDE)')

.PHONY: landing
landing: $(call ENVIRONMENT,feature_repo)
	@feature_repo/.venv/bin/python feature_repo/source.py --into $(HOME_DIRECTORY)/landing --until $(AS_OF)

.PHONY: monitor
monitor: $(call ENVIRONMENT,$(WATCHES)) landing ## hold the answers up to AS_OF against the release: drift, alerts, a request to retrain
	@pipelines/.venv/bin/python -m pipelines.run monitoring --as-of $(AS_OF)

.PHONY: retrain
retrain: $(call ENVIRONMENT,$(RUNS)) ## train for the request that waits, through the same gates (REASON='why' asks for one by hand, AGAIN=1)
	@pipelines/.venv/bin/python -m pipelines.retrain $(if $(REASON),--reason '$(REASON)') $(if $(AGAIN),--again)

.PHONY: watchdog
watchdog: $(call ENVIRONMENT,pipelines) ## say whether a monitoring run is missing
	@pipelines/.venv/bin/python -m pipelines.watchdog

.PHONY: experiments
experiments: $(call ENVIRONMENT,components/model) ## open MLflow on the runs of this machine
	components/model/.venv/bin/mlflow ui --backend-store-uri sqlite:///$(abspath $(HOME_DIRECTORY))/mlflow.db --host 127.0.0.1

SERVES := $(RUNS) serving/edge serving/predictor serving/rules
SERVING := serving/edge/.venv/bin/python -m serving.local

.PHONY: serve
serve: $(call ENVIRONMENT,$(SERVES)) ## serve the release in production (or the rules) behind Envoy until Ctrl-C
	@$(SERVING) up

.PHONY: predict
predict: $(call ENVIRONMENT,serving/edge) ## ask the running servers about a real flight and show the answer
	@$(SERVING) predict

.PHONY: stop
stop: $(call ENVIRONMENT,serving/edge) ## stop what `make serve` started
	@$(SERVING) stop

RELEASES := $(call ENVIRONMENT,$(SERVES) components/release)

.PHONY: release
release: $(RELEASES) ## lead the newest registered release to all of the traffic, on evidence (RELEASE=sha256:…, UNTIL=date)
	@feature_repo/.venv/bin/python feature_repo/source.py --into $(HOME_DIRECTORY)/landing --until $(or $(UNTIL),2014-01-02)
	@$(SERVING) release $(if $(RELEASE),--candidate $(RELEASE)) $(if $(UNTIL),--until $(UNTIL)) $(if $(AGAIN),--again) $(if $(OVERRIDE),--override '$(OVERRIDE)')

.PHONY: replay
replay: $(RELEASES) ## ask the running servers what was asked up to UNTIL, features and outcomes brought along by the hour
	@feature_repo/.venv/bin/python feature_repo/source.py --into $(HOME_DIRECTORY)/landing --until $(UNTIL)
	@$(SERVING) replay --until $(UNTIL) $(if $(OVERRIDE),--override '$(OVERRIDE)')

.PHONY: year
year: $(call ENVIRONMENT,$(SERVES) components/drift components/release) ## a year in production, day by day: SINCE (2013-05-01), UNTIL (2014-01-01), DAYS (1), SCENARIO=file; goes on where it was
	@serving/edge/.venv/bin/python -m year --home $(HOME_DIRECTORY)/year $(if $(SINCE),--since $(SINCE)) $(if $(UNTIL),--until $(UNTIL)) $(if $(DAYS),--days $(DAYS)) $(if $(SCENARIO),--scenario $(SCENARIO))

.PHONY: rollback
rollback: $(RELEASES) ## give all the traffic to the release before, or TO=rules, or TO=sha256:… (REASON='why')
	@$(SERVING) rollback $(if $(TO),--to $(TO)) $(if $(REASON),--reason '$(REASON)')

.PHONY: decide
decide: $(RELEASES) ## keep, the release before, or the rules: what each costs, and what would flip the choice
	@$(SERVING) decide

CLUSTER ?= ../shared/cluster

.PHONY: test
test: environments packages check ## everything: house rules, types, every folder's tests, contracts, journeys, defects, drills
	@WINDSOCK_CLUSTER=$(CLUSTER) UV=$(abspath $(UV)) tests/run

.PHONY: test-cluster
test-cluster: environments ## the journey on a real cluster, as root: CLUSTER names a folder with platform/up and down
	@WINDSOCK_CLUSTER=$(CLUSTER) UV=$(abspath $(UV)) pipelines/.venv/bin/python -m pytest -c pipelines/pyproject.toml --rootdir . -s --durations 30 --durations-min 1 tests/journeys/cluster

.PHONY: test-tfdv
test-tfdv: ## the gates' own tests on the newest TFDV in an image of Debian 13 (BUILDER, BUILD_OPTIONS, BASE as for images)
	@$(or $(BUILDER),$(firstword $(notdir $(wildcard /usr/bin/docker /usr/bin/podman /usr/bin/buildah)))) \
		build $(BUILD_OPTIONS) $(if $(BASE),--build-arg BASE_IMAGE=$(BASE)) --file tests/contracts/tfdv/Containerfile .

.PHONY: images
images: $(call ENVIRONMENT,pipelines) ## build every folder's image by its content; PUSH=registry pushes, BASE=image is the base, PRUNE=1 removes those of older contents
	@UV=$(abspath $(UV)) pipelines/.venv/bin/python -m pipelines.build_images $(if $(PUSH),--push-to $(PUSH)) $(if $(BASE),--base $(BASE)) $(if $(PRUNE),--prune)

.PHONY: publish
publish: $(call ENVIRONMENT,pipelines) ## put the use case and its rules into the cluster's object store
	@pipelines/.venv/bin/python -m pipelines.publish

.PHONY: schedules
schedules: $(call ENVIRONMENT,pipelines) ## bring Kubeflow's recurring runs to manifests/schedules/recurring.toml; runs in flight go on
	@pipelines/.venv/bin/python -m pipelines.schedules

.PHONY: doctor
doctor: $(call ENVIRONMENT,pipelines) ## look whether a cluster has what OVERLAY (laptop) needs: a line a finding
	@pipelines/.venv/bin/python -m pipelines.doctor $(if $(OVERLAY),--overlay $(OVERLAY))

.PHONY: parity
parity: $(call ENVIRONMENT,pipelines) ## compare RUN of this machine with CLUSTER_RUN, artifact by artifact
	@pipelines/.venv/bin/python -m pipelines.parity $(RUN) $(CLUSTER_RUN)

.PHONY: check
check: environments ## lint, format, types
	@.venv/bin/ruff check --quiet . && .venv/bin/ruff format --check --quiet .
	@tests/types

.PHONY: environments
environments: $(call ENVIRONMENT,. $(FOLDERS)) ## prepare every folder's environment from its lock file

.PHONY: lock
lock: $(UV) ## resolve every folder's lock file anew
	@for folder in . $(FOLDERS); do $(UV) lock --quiet --project $$folder || exit 1; done

.PHONY: compile
compile: $(call ENVIRONMENT,pipelines) ## compile the pipelines to YAML, images named by content
	@pipelines/.venv/bin/python -m pipelines.compile

.PHONY: packages
packages: # Debian packages that some tests start; without root those tests say what they skip
	@missing=$$(xargs -a tests/packages dpkg-query -W -f '$${db:Status-Status} $${Package}\n' 2>&1 | grep -cv '^installed' || true); \
	if [ "$$missing" != 0 ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && xargs -a tests/packages apt-get install -qqy --no-install-recommends >/dev/null; fi

.PHONY: clean
clean: ## remove all that was made here: environments, runs, releases, landing zone
	rm -rf $(HOME_DIRECTORY) .venv $(addsuffix /.venv,$(FOLDERS))

# An environment is ready when its marker is newer than its lock; the contracts are linked, so their changes need no new one.
PREPARE = $(UV) sync --quiet --locked --project $(1) && touch $@
%/.venv/.ready: %/uv.lock %/pyproject.toml | $(UV)
	@$(call PREPARE,$*)
.venv/.ready: uv.lock pyproject.toml | $(UV)
	@$(call PREPARE,.)

$(UV):
	@command -v python3 >/dev/null || { echo "windsock: python3 is missing; install Python 3.11" >&2; exit 1; }
	@python3 -m venv $(HOME_DIRECTORY)/tools || { echo "windsock: python3 has no venv; install python3-venv" >&2; exit 1; }
	@$(HOME_DIRECTORY)/tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) python find --quiet 3.11 >/dev/null 2>&1 || $(UV) python install --quiet 3.11 || \
		{ echo "windsock: Python 3.11 is missing and could not be downloaded; install it (python3.11)" >&2; rm -f $(UV); exit 1; }
