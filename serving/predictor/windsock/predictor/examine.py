"""Examines a release in a process of its own, with bounds on memory and time, before the server lets it in.

    python -m windsock.predictor.examine BUNDLE

Prints one JSON object: what is read from the online store. A file that was made to crash or fill up its reader does
that here, to nobody's harm. It also keeps Feast, which takes seconds to import, out of the server.
"""

import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.log import log
from windsock.contracts.release import Bundle, open_bundle
from windsock.contracts.use_case import load_use_case
from windsock.predictor.plan import Plan, check_plan

MEMORY_LIMIT_BYTES = 8 * 1024**3
SECONDS_LIMIT = 180


def examine(bundle: Bundle, known: Path | None = None) -> Plan:
    """The plan of a release that may be let in.

    `known` is a directory of plans by release digest: a release that was examined there before is not examined again,
    so that a server that starts anew is back within a second or two.

    Raises:
        InputError: says what is wrong with the release, in one line.
    """
    note = known / f"{bundle.digest.removeprefix('sha256:')}.json" if known is not None else None
    if note is not None and note.is_file():
        try:
            return Plan.from_json(read_json(note, "plan"))
        except (InputError, KeyError, TypeError, AttributeError) as error:
            log("plan_forgotten", release=bundle.digest, error=str(error))
    plan = _examine_apart(bundle.artifact.path)
    if note is not None:
        write_json(note, plan.to_json())
    return plan


def _examine_apart(directory: Path) -> Plan:
    command = [sys.executable, "-m", "windsock.predictor.examine", str(directory)]
    # Definitions name the offline sources, which serving never reads.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "WINDSOCK_FEATURE_SOURCES": os.devnull}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise InputError("release", str(directory), f"one that loads within {SECONDS_LIMIT} s") from error
    last = (done.stderr.strip().splitlines() or ["no word"])[-1]
    if done.returncode == EXIT_BAD_INPUT:
        raise RefusedRelease(last)
    if done.returncode != 0:
        raise InputError(
            "release", f"exit code {done.returncode}: {last}", "one that loads within the memory it may use"
        )
    return Plan.from_json(json.loads(done.stdout.strip().splitlines()[-1]))


class RefusedRelease(InputError):  # noqa: N818 - the name says what happened; it is an InputError in all else.
    """The line of an `InputError` that was raised in the other process."""

    def __init__(self, line: str) -> None:
        ValueError.__init__(self, line)
        self.field, self.value, self.expected = "release", line, "a release that may be let in"


def _trial(bundle: Bundle) -> None:
    """Loads the model and scores two odd rows: all zero, all missing."""
    from windsock.predictor.model import Scorer, check_model

    columns = len(bundle.release.columns)
    check_model(bundle.model)
    rows = [[0.0] * columns, [math.nan] * columns]
    try:
        scores = Scorer(bundle.model, columns).score(rows)
    except InputError:
        raise
    except Exception as error:  # ONNX Runtime raises types of its own that have no common base.
        raise InputError(bundle.model.name, type(error).__name__, f"a model that scores a row ({error})") from error
    if len(scores) != len(rows) or not all(isinstance(score, float) and not score > 1.0 for score in scores):
        raise InputError(bundle.model.name, scores, "one probability a row")


def _examine_here(directory: Path) -> Plan:
    bundle = open_bundle(directory)
    use_case = load_use_case(bundle.use_case)
    if bundle.release.answers_with == "rules":
        return Plan(use_case.name, ())
    _trial(bundle)
    if not use_case.views:
        return Plan(use_case.name, ())
    from windsock.predictor.feast_plan import read_plan

    plan = read_plan(bundle.use_case, tuple(use_case.views))
    check_plan(plan, use_case.request, use_case.views)
    return plan


def main() -> int:
    """Runs in the other process; the last line on standard error is the reason of a refusal."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    try:
        print(json.dumps(_examine_here(Path(sys.argv[1])).to_json()))
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except MemoryError:
        print(f"release: got {sys.argv[1]}, expected one that loads within {MEMORY_LIMIT_BYTES} bytes", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
