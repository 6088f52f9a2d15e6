"""For a person, on a laptop or in a cluster: start a rollout, take turns, look, roll back, decide.

python -m windsock.release.console start --candidate DIGEST [--serving DIGEST] …
python -m windsock.release.console run        # a turn every second, with a live view, until it is over
python -m windsock.release.console status
python -m windsock.release.console rollback [--to DIGEST] --reason WHY
python -m windsock.release.console decide --bundle DIRECTORY

In a cluster `--store s3://BUCKET/PREFIX --traffic kserve:NAMESPACE/NAME` says it all.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from windsock.contracts.clock import parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_REFUSED, InputError
from windsock.contracts.files import write_text
from windsock.contracts.log import log
from windsock.contracts.release import Registry
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.release.decide import choose, render
from windsock.release.history import Kind, Phase, fold
from windsock.release.page import render_history
from windsock.release.paths import gather_cases
from windsock.release.place import open_release, read_labels
from windsock.release.registered import complete, follow
from windsock.release.rollout import Release, Turn, adopt, advance, bring, roll_back, start
from windsock.release.stored import Stored, complete_options
from windsock.release.traffic import OvertakenError
from windsock.release.view import live, summary

TURN_S = 1.0
SETTLES_WITHIN_S = 300.0
EXIT_INTERRUPTED = 130


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m windsock.release.console", description="Releases by canary.")
    parser.add_argument("verb", choices=("start", "run", "turn", "status", "rollback", "decide"))
    parser.add_argument("--use-case", type=Path, help="directory with use_case.toml")
    parser.add_argument("--history", default="", help="directory, or s3://BUCKET/PREFIX, of the history")
    parser.add_argument("--store", default="", help="s3://BUCKET/PREFIX that has all but the traffic in it")
    parser.add_argument("--traffic", required=True, help="none:…, edge:… or kserve:…, as windsock.release.place says")
    parser.add_argument("--records", action="append", default=[], help="file:///… or s3://… of records; may recur")
    parser.add_argument("--memory", default="", help="directory, or s3://BUCKET/PREFIX, that remembers what was read")
    parser.add_argument("--labels", default="", help="CSV with key, label, event_time: a path or s3://…")
    parser.add_argument("--serving", default="", help="the release that serves; default: as the history says")
    parser.add_argument("--candidate", default="", help="the release to start with")
    parser.add_argument("--again", action="store_true", help="try a candidate that was refused before")
    parser.add_argument("--to", default="", help="the release to roll back to; default: the one before")
    parser.add_argument("--reason", default="rolled back by hand", help="why")
    parser.add_argument("--bundle", type=Path, help="the bundle whose rules are weighed by `decide`")
    parser.add_argument("--report", type=Path, help="write an HTML report of the history here")
    parser.add_argument("--json", action="store_true", help="`status` as one line of JSON")
    parser.add_argument("--within-s", type=float, default=math.inf, help="how long `run` goes on; default: to the end")
    parser.add_argument("--now", default="", help="the time on the records' clock, where that is a recorded one")
    parser.add_argument("--registry", type=Path, help="directory of releases; it is told who is promoted and refused")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. 0: done; 2: a mistake, in one line; 3: the candidate was refused or voided."""
    options = parse_options(arguments)
    try:
        with TemporaryDirectory() as scratch:
            return _do(options, Path(scratch))
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("stopped; what was decided stands, and a later run goes on from there", file=sys.stderr)
        return EXIT_INTERRUPTED


def _do(options: argparse.Namespace, scratch: Path) -> int:
    if options.store:
        complete_options(options, Stored(options.store), scratch)
    if options.use_case is None or not options.history:
        raise InputError("--use-case and --history", None, "both, or --store, which has them")
    use_case = load_use_case(options.use_case)
    places = (options.history, options.traffic, tuple(options.records), options.labels)
    release = open_release(use_case, *places, options.memory)
    try:
        return VERBS[options.verb](options, use_case, release)
    finally:
        if options.report:
            write_text(options.report, render_history(release.store.read(), use_case.name))


def _now(options: argparse.Namespace) -> datetime:
    return parse_time(options.now, "--now") if options.now else datetime.now(UTC)


def _start(options: argparse.Namespace, _: UseCase, release: Release) -> int:
    serving = options.serving or fold(release.store.read()).serving
    turn = start(release, serving, options.candidate, _now(options), options.again)
    print(turn.message)
    return 0


def _turn(options: argparse.Namespace, _: UseCase, release: Release) -> int:
    turn = advance(release, _now(options))
    _alert(turn)
    print(summary(turn))
    if turn.decision is not None and turn.state.phase is Phase.IDLE:
        _tell(options, release)
    return _code(turn)


def _run(options: argparse.Namespace, use_case: UseCase, release: Release) -> int:
    """A turn a second until the rollout is over, or the time is up. Begins one with `--candidate`, or goes on.

    With `--now` time stands still: turns are taken until one of them decides nothing more.
    """
    until = time.monotonic() + options.within_s
    _reconcile(options, release)
    if options.candidate and fold(release.store.read()).candidate != options.candidate:
        _start(options, use_case, release)
    while True:
        before = fold(release.store.read()).number
        turn = advance(release, _now(options))
        _alert(turn)
        live(turn)
        if turn.state.phase is Phase.IDLE:
            _tell(options, release)
            _settle(options, release, until)
            return _code(turn)
        if time.monotonic() > until or (options.now and turn.state.number == before):
            return 0
        time.sleep(0 if options.now else TURN_S)


def _settle(options: argparse.Namespace, release: Release, until: float) -> None:
    """Brings the traffic to where the history has it: in a cluster that takes more than one turn."""
    while options.store and time.monotonic() < until:
        state = fold(release.store.read())
        # KServe's own controller may have written meanwhile; the next look says what is still missing.
        with suppress(OvertakenError):
            if not state.serving or not bring(release.traffic, state, release.settings):
                return
        time.sleep(TURN_S)


def _tell(options: argparse.Namespace, release: Release) -> None:
    """The registry follows the history, or the store does."""
    if options.store:
        Stored(options.store).follow(release.store.read())
    if options.registry:
        follow(Registry(options.registry), release.store.read())


def _reconcile(options: argparse.Namespace, release: Release) -> None:
    """Brings history and registry together, where a process died between the two, or another release took over since
    the last rollout because there was no traffic to split.
    """
    if options.registry:
        complete(Registry(options.registry), release.store.read())
    # In a store the history alone says who serves: what this process read of it may be old by now.
    if options.serving and not options.store and fold(release.store.read()).phase is Phase.IDLE:
        adopt(release, options.serving, _now(options))


def _code(turn: Turn) -> int:
    kind = turn.decision.kind if turn.decision is not None else None
    return EXIT_REFUSED if kind in (Kind.ROLLED_BACK, Kind.VOIDED) else 0


def _alert(turn: Turn) -> None:
    """What a person should know of is logged with a name that alerts can be made of."""
    if turn.decision is not None and turn.decision.kind in (Kind.HELD, Kind.VOIDED, Kind.ROLLED_BACK):
        log(f"release_{turn.decision.kind.value}", candidate=turn.state.candidate, reason=turn.decision.reason)


def _status(options: argparse.Namespace, _: UseCase, release: Release) -> int:
    entries = release.store.read()
    if options.json:
        state = fold(entries)
        named = {name: getattr(state, name) for name in ("phase", "serving", "candidate", "previous", "weight")}
        print(json.dumps(named))
        return 0
    for entry in entries:
        print(f"{entry.number:4} {entry.at:%Y-%m-%d %H:%M:%S} {entry.kind.value:12} {entry.weight:3} %  {entry.reason}")
    state = fold(entries)
    print(f"{state.phase.value}: wanted {state.weights}, in use {release.traffic.get_weights()}")
    return 0


def _rollback(options: argparse.Namespace, _: UseCase, release: Release) -> int:
    _reconcile(options, release)
    state = fold(release.store.read())
    before = state.serving if state.phase is not Phase.IDLE else state.previous
    to = options.to or before
    if not to:
        raise InputError("--to", options.to, "a release: the history knows none before this one")
    print(roll_back(release, to, _now(options), options.reason, options.serving).message)
    _tell(options, release)
    _settle(options, release, time.monotonic() + min(options.within_s, SETTLES_WITHIN_S))
    return 0


def _decide(options: argparse.Namespace, use_case: UseCase, release: Release) -> int:
    if options.bundle is None:
        raise InputError("--bundle", None, "the bundle of the release that serves, for its rules")
    state = fold(release.store.read())
    labels = read_labels(options.labels)
    cases, health = gather_cases(tuple(options.records), options.bundle, state, labels)
    print(render(choose(cases, health, use_case.costs), use_case.costs))
    return 0


VERBS = {"start": _start, "run": _run, "turn": _turn, "status": _status, "rollback": _rollback, "decide": _decide}

if __name__ == "__main__":
    sys.exit(main())
