"""Takes the retraining that was asked for, through the very same gates: `python -m pipelines.retrain`.

Drift and the schedule ask through a monitoring run, a person with `--reason`. A request is trained for once, however
many take it: on a laptop under a lock, on a cluster by the request's name. What became of it is noted in the ledger.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from windsock.contracts.clock import parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, EXIT_REFUSED, InputError
from windsock.contracts.lock import held
from windsock.contracts.monitoring import Request, short_digest
from windsock.contracts.retraining import objection
from windsock.contracts.use_case import UseCase, load_use_case

from pipelines.latest import resolve_as_of
from pipelines.ledger import DirectoryShelf, Kind, Ledger, known
from pipelines.summary import Ended, say
from pipelines.workspace import REPOSITORY, Workspace

OUTCOMES = {0: "proposed", EXIT_REFUSED: "refused"}
WORDS = {"proposed": "passed every gate", "refused": "refused: production stays as it is", "failed": "failed"}


@dataclass(frozen=True)
class Place:
    """Where a retraining happens: what is known there, who answers there, and how one is trained."""

    ledger: Ledger
    use_case: UseCase
    landed: Callable[[], Iterable[str]]
    production: Callable[[], str]
    train: Callable[[Request], Ended]


def waiting(requests: Sequence[Request], again: bool = False) -> Request | None:
    """The request to take: the latest one, while nobody knows what became of it. `again` takes a failed one as well."""
    last = requests[-1] if requests else None
    if last is None or last.outcome not in (("", "failed") if again else ("",)):
        return None
    return last


def ask(place: Place, as_of: str, reason: str) -> Request:
    """Notes a person's request for a retraining as of a time, or of the latest that the landing zone can answer for.

    Raises:
        InputError: the same was asked for already, or as many as a week may have.
    """
    release = place.production()
    as_of = resolve_as_of(as_of, place.landed, place.use_case.tables)
    wanted = Request(f"hand-{short_digest(release, as_of)}", "hand", as_of, reason, release)
    requests = known(place.ledger.entries()).requests
    against = objection(place.use_case.retraining, wanted, requests, parse_time(as_of, "--as-of"))
    if against:
        raise InputError("--reason", reason, f"a request that [retraining] allows: {against}")
    place.ledger.append(Kind.REQUESTED, as_of, {"request": asdict(wanted)})
    return wanted


def take(place: Place, again: bool = False) -> Ended:
    """Trains for the request that waits and notes what became of it; nothing where none waits."""
    request = waiting(known(place.ledger.entries()).requests, again)
    if request is None:
        return Ended(0, "none is asked for")
    say(f"retraining {request.request_id}: {request.reason}")
    ended = place.train(request)
    outcome = OUTCOMES.get(ended.exit_code, "failed")
    noted = {one.request_id: one.outcome for one in known(place.ledger.entries()).requests}
    # Who followed another's run on a cluster finds its end noted already.
    if noted[request.request_id] != outcome:
        details = {"request_id": request.request_id, "outcome": outcome, "result": ended.words}
        place.ledger.append(Kind.ENDED, request.as_of, details)
    return Ended(ended.exit_code, f"{request.request_id} {WORDS[outcome]}; {ended.words}")


def _options(options: argparse.Namespace, request: Request) -> argparse.Namespace:
    from pipelines.run import parse_options

    words = ["training", "--as-of", request.as_of, "--on", options.on, "--use-case", str(options.use_case)]
    on_cluster = ["--request", request.request_id, "--register-only"] if options.on == "cluster" else []
    return parse_options([*words, *on_cluster])


def _laptop(options: argparse.Namespace) -> Place:
    from windsock.contracts.use_case_code import pack_use_case

    from pipelines.execute import execute, landed, production_of

    workspace = Workspace()
    use_case = pack_use_case(options.use_case, workspace.use_cases)
    return Place(
        Ledger(DirectoryShelf(workspace.root)),
        load_use_case(use_case.path),
        lambda: landed(workspace.landing),
        lambda: production_of(use_case, workspace).digest,
        lambda request: execute(_options(options, request)),
    )


def _cluster(options: argparse.Namespace) -> Place:
    from pipelines.cluster import execute_on_cluster, landed, production_digest, use_case_of
    from pipelines.store import open_store

    store = open_store()
    return Place(
        Ledger(store),
        load_use_case(use_case_of(options, Workspace(), store).path),
        lambda: landed(store),
        lambda: production_digest(store),
        lambda request: execute_on_cluster(_options(options, request)),
    )


def retrain(options: argparse.Namespace) -> Ended:
    """Asks, if a reason is given, and takes what waits."""
    place = _cluster(options) if options.on == "cluster" else _laptop(options)
    with held(Workspace().monitoring / "retrain.lock") as first:
        if not first:
            return Ended(0, "another process is at it")
        if options.reason:
            ask(place, options.as_of, options.reason)
        return take(place, options.again)


def main(arguments: Sequence[str] | None = None) -> int:
    """Retrains and turns what goes wrong into one line and an exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=__doc__)
    parser.add_argument("--on", choices=["venv", "cluster"], default="venv", help="where the steps run")
    parser.add_argument("--use-case", type=Path, default=REPOSITORY / "feature_repo", help="the feature repository")
    parser.add_argument("--reason", default="", help="ask for one by hand, and why")
    parser.add_argument("--as-of", default="latest", help="with --reason: what the run may know")
    parser.add_argument("--again", action="store_true", help="take a request whose run failed once more")
    try:
        ended = retrain(parser.parse_args(arguments))
    except InputError as error:
        print(f"retrain: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"retrain: {error}", file=sys.stderr)
        return EXIT_CRASHED
    print(f"retrain: {ended.words}")
    return ended.exit_code


if __name__ == "__main__":
    sys.exit(main())
