r"""What a period's answers cost, by day, and what other ways to decide would have cost on the same questions.

    python -m windsock.drift.compare --use-case DIRECTORY --labelled DIRECTORY --since TIME --until TIME \
        [--model NAME=BUNDLE ...]

Prints JSON: `asked` (questions in the period), `labelled`, `answered_by` (how many by model and rules), and for each
day `decisions` and the cost of each way: `system` as it answered, `rules`, `nothing` (never to act), and each named
release. A named release decides on the very row that the release in production was given; where that had none, the
rules decide for it, as they did.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from windsock.contracts.clock import parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.release import Bundle, open_bundle
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.drift.monitor import costs_of
from windsock.drift.rows import Period, read_period, rules_act
from windsock.drift.scorer import score


def decisions(period: Period, use_case: UseCase, rules: Any, named: Mapping[str, Bundle]) -> dict[str, Any]:
    """What each way decides for every answer whose label is known, True where it acts."""
    by_rules = rules_act(rules, period.requests, use_case)
    ways = {"system": period.acted, "rules": by_rules, "nothing": np.zeros(len(by_rules), dtype=bool)}
    for name, bundle in named.items():
        width = len(bundle.release.columns)
        scored = np.asarray([row is not None and len(row) == width for row in period.rows], dtype=bool)
        rows = np.asarray([row for row, found in zip(period.rows, scored) if found], dtype=np.float32)
        acted = by_rules.copy()
        if scored.any():
            acted[scored] = score(bundle.model, rows.reshape(-1, width)) >= bundle.release.threshold
        ways[name] = acted
    return ways


def by_day(period: Period, use_case: UseCase, ways: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Sums by the day of the event (UTC): `decisions`, and the cost of each way."""
    costs = {name: costs_of(use_case.costs, acted, period.label) for name, acted in ways.items()}
    found = {}
    for day in sorted(set(period.days.tolist())):
        chosen = period.days == day
        sums = {name: round(float(cost[chosen].sum()), 2) for name, cost in costs.items()}
        found[datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()] = {"decisions": int(chosen.sum()), **sums}
    return found


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """The whole answer.

    Raises:
        InputError: a file is missing or not what it should be.
    """
    use_case = load_use_case(options.use_case)
    since, until = parse_time(options.since, "--since"), parse_time(options.until, "--until")
    named = {name: open_bundle(Path(path)) for name, _, path in (one.partition("=") for one in options.model)}
    everything = read_period(options.labelled, use_case, since, until)
    known = everything.known()
    rules = load_module(options.use_case / "fallback.py", "fallback").probability
    return {
        "asked": len(everything.acted),
        "labelled": len(known.acted),
        "answered_by": dict(Counter(everything.answered_by)),
        "days": by_day(known, use_case, decisions(known, use_case, rules, named)),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """One JSON line; a mistake is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m windsock.drift.compare", description="What answers cost.")
    parser.add_argument("--use-case", type=Path, required=True, help="the packed use case")
    parser.add_argument("--labelled", type=Path, required=True, help="what join_labels wrote")
    parser.add_argument("--since", required=True, help="events from this time on")
    parser.add_argument("--until", required=True, help="and before this one")
    parser.add_argument("--model", action="append", default=[], help="NAME=BUNDLE: a release to compare with")
    try:
        print(json.dumps(compare(parser.parse_args(arguments)), sort_keys=True))
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
