"""Parity: the same inputs on this machine and on the cluster give the same artifacts, byte for byte.

`python -m pipelines.parity RUN CLUSTER_RUN` compares a run of `--on venv` with one of `--on cluster`, output by output,
in the order of the pipeline, and names the first that differs.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from windsock.contracts.artifact import MANIFEST
from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, EXIT_REFUSED, InputError
from windsock.contracts.files import read_json

from pipelines.store import Store, open_store
from pipelines.summary import say
from pipelines.workspace import Workspace

Digests = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """An output that is not the same, or is missing on a side (an empty digest)."""

    output: str
    here: str
    there: str


def local_digests(run: Path) -> dict[str, str]:
    """The digest of every sealed output of a run on this machine, by `task/output`."""
    if not run.is_dir():
        raise InputError("run", str(run), "a run's folder below .windsock/runs")
    return {
        path.parent.relative_to(run).as_posix(): str(read_json(path, "manifest")["digest"])
        for path in run.glob(f"*/*/{MANIFEST}")
    }


def cluster_digests(store: Store, pipeline: str, run_id: str) -> dict[str, str]:
    """The same of a run on the cluster, out of the object store."""
    root = f"runs/{pipeline}/{run_id}/"
    manifests = [name for name in store.names(root) if name.endswith(f"/{MANIFEST}")]
    if not manifests:
        raise InputError("cluster run", run_id, f"outputs below {store.uri(root)}")
    digests = {}
    for name in manifests:
        parts = name.removeprefix(root).split("/")
        digests[f"{parts[0]}/{parts[-2]}"] = str(json.loads(store.read(name) or b"{}").get("digest", ""))
    return digests


def compare(here: Digests, there: Digests, order: Sequence[str]) -> list[Difference]:
    """What differs, in the order of the pipeline's tasks."""
    names = sorted(here.keys() | there.keys(), key=lambda name: (_rank(name, order), name))
    pairs = (Difference(name, here.get(name, ""), there.get(name, "")) for name in names)
    return [pair for pair in pairs if pair.here != pair.there]


def _rank(name: str, order: Sequence[str]) -> int:
    task = name.split("/", maxsplit=1)[0]
    return order.index(task) if task in order else len(order)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all are the same, 3 when one differs."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.parity", description=__doc__)
    parser.add_argument("run", help="a run on this machine: its folder's name below .windsock/runs")
    parser.add_argument("cluster_run", help="a run on the cluster: its id")
    parser.add_argument("--pipeline", default="training")
    options = parser.parse_args(arguments)
    order = ["snapshot-data", "validate-data", "require-passed", "build-training-set", "train-model", "evaluate-model"]
    try:
        here = local_digests(Workspace().runs / options.run)
        there = cluster_digests(open_store(), options.pipeline, options.cluster_run)
    except InputError as error:
        print(f"parity: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"parity: {error}", file=sys.stderr)
        return EXIT_CRASHED
    differences = compare(here, there, order)
    for name in sorted(here, key=lambda name: (_rank(name, order), name)):
        say(f"  {name:<34} {here[name][:19]}…  {'same' if here[name] == there.get(name) else 'DIFFERENT'}")
    for found in differences:
        say(f"{found.output}: {found.here or 'missing'} here, {found.there or 'missing'} on the cluster")
    if differences:
        print(f"parity: {differences[0].output} is the first that differs", file=sys.stderr)
        return EXIT_REFUSED
    print(f"parity: {len(here)} artifacts are the same here and on the cluster")
    return 0


if __name__ == "__main__":
    sys.exit(main())
