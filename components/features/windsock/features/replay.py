r"""Replays recorded time for servers on one machine: requests as they came, features and outcomes as they became known.

    python -m windsock.features.replay --use-case DIRECTORY --data JUDGED --online-store sqlite:///… --labels FILE \
        --since 2013-07-01 --until 2013-07-15

Each line on standard input asks for the next stretch of time that has requests. The online store is brought to the
stretch's beginning, labels that are settled by then are written, and one JSON line comes back: `at` and `until`,
`rows_written`, `labels`, and `requests`, all that were put in the stretch. A line with `"requests": []` is the end.

The judged data reach to the end of the replay; what a stretch sees of them is what had happened and become known at its
beginning, by the rule of the historical join.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.files import write_text
from windsock.contracts.record import entity_key
from windsock.contracts.use_case import load_use_case
from windsock.features.history import History, open_history
from windsock.features.materialize_features import write
from windsock.features.online_store import Ledger, open_ledger, parse_address
from windsock.features.policy import check_views
from windsock.features.repository import Repository, open_repository
from windsock.features.rows import records_of


@dataclass(frozen=True)
class Replay:
    """Recorded time, ready to be replayed from `since` to `until` in stretches of `stretch`.

    `brought` is the time up to which the store has all that these views knew.
    """

    history: History
    repository: Repository
    ledger: Ledger
    labels: Path | None
    since: datetime
    until: datetime
    stretch: timedelta
    labels_since: datetime | None = None
    requests_only: bool = False
    brought: datetime | None = None

    @property
    def begins_at(self) -> datetime:
        """No earlier than what the online store was already brought to: it never goes back."""
        reached = [self.ledger.until(name) for name in self.repository.views]
        return max([self.since, *(parse_time(one, "until") for one in reached if one)])

    def stretches(self) -> Iterator[dict[str, Any]]:
        """Brings features and labels to each stretch's beginning, and gives its requests."""
        at, brought = self.begins_at, self.brought
        labels_since = self.labels_since or at
        while at < self.until:
            end = min(at + self.stretch, self.until)
            requests = self._requests(at, end)
            if requests:
                known = self.history.earlier(at)
                views = () if self.requests_only else self.repository.views.values()
                rows = sum(write(known, self.repository, self.ledger, view, brought) for view in views)
                brought = at
                settled = write_labels(known, self.labels, labels_since) if self.labels else 0
                times = {"at": format_time(at), "until": format_time(end)}
                yield {**times, "rows_written": rows, "labels": settled, "requests": requests}
            at = end

    def _requests(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        names = list(self.history.use_case.request.fields)
        return [_plain(record) for record in records_of(self.history.asked_between(since, until), names)]


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A request as a caller sends it."""
    return {name: format_time(value) if isinstance(value, datetime) else value for name, value in record.items()}


def write_labels(history: History, path: Path, since: datetime) -> int:
    """Writes `key`, `label`, `event_time` of what happened from `since` on and is settled; returns the number."""
    request = history.use_case.request
    names = list(dict.fromkeys([*request.key, request.event_time, "label"]))
    lines = ["key,label,event_time"]
    for row in records_of(history.labels_due(since), names):
        key = entity_key(row[name] for name in request.key)
        lines.append(f"{key},{row['label']},{format_time(row[request.event_time])}")
    write_text(path, "\n".join(lines) + "\n")
    return len(lines) - 1


@contextmanager
def open_replay(options: argparse.Namespace) -> Iterator[Replay]:
    """Computes every view once, over all that the data hold, or over what the store still lacks.

    Raises:
        InputError: the use case's files do not fit together, or the store is out of reach or has another writer.
    """
    use_case, address = load_use_case(options.use_case), parse_address(options.online_store)
    since, until = parse_time(options.since, "--since"), parse_time(options.until, "--until")
    with TemporaryDirectory() as scratch:
        repository = open_repository(options.use_case, Path(scratch), Path(scratch) / "registry.db", address.feast)
        check_views(repository.views, use_case.views, use_case.request.fields)
        with open_ledger(address, repository.project) as ledger:
            brought = brought_to(ledger, repository, since) if options.continues else None
            facts_from = use_case.facts_from(brought) if brought else None
            with open_history(use_case, options.use_case, options.data, until, facts_from) as history:
                for view in repository.views.values():
                    history.compute(view)
                    history.keep_news(view, brought or since, valid_only=facts_from is not None)
                stretch = timedelta(minutes=options.stretch_minutes)
                labels_since = parse_time(options.labels_since, "--labels-since") if options.labels_since else None
                given = (options.labels, since, until, stretch, labels_since, options.requests_only, brought)
                yield Replay(history, repository, ledger, *given)


def brought_to(ledger: Ledger, repository: Repository, since: datetime) -> datetime | None:
    """The time that all views of a store were brought to, no later than `since`; None if there is no such time."""
    reached = {ledger.until(name) for name in repository.views}
    if len(reached) != 1 or not (text := reached.pop()):
        return None
    at = parse_time(text, "until")
    return at if at <= since else None


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m windsock.features.replay", description="Replays recorded time.")
    parser.add_argument("--use-case", type=Path, required=True, help="the packed use case")
    parser.add_argument("--data", type=Path, required=True, help="judged data that reach to --until")
    parser.add_argument(
        "--online-store", required=True, help="sqlite:///absolute/path.db or redis://host:port/database"
    )
    parser.add_argument("--labels", type=Path, help="the CSV file of settled labels to write; default: none")
    parser.add_argument(
        "--continues", action="store_true", help="the store has all that this use case knew at its time: read the news"
    )
    parser.add_argument("--since", required=True, help="when the replay begins, unless the store is further already")
    parser.add_argument("--until", required=True, help="when it ends")
    parser.add_argument("--labels-since", default="", help="from when on; default: the beginning")
    parser.add_argument("--requests-only", action="store_true", help="leave the features as they are")
    parser.add_argument("--stretch-minutes", type=int, default=60, help="how often features are brought up to date")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """One answer a line of standard input; a mistake is one line and exit code 2."""
    try:
        with open_replay(parse_options(arguments)) as replay:
            stretches = replay.stretches()
            for _ in sys.stdin:
                print(json.dumps(next(stretches, {"requests": []})), flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
