"""The command line: predictor, rules and Envoy as supervised local processes on the release in production.

    python -m serving.local up        # until Ctrl-C
    python -m serving.local predict   # send a real request, show the answer
    python -m serving.local stop
    python -m serving.local replay | turn | release | rollback | decide

Started by any Python 3.11, it goes on in the edge's environment.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PREPARED = REPOSITORY / "serving" / "edge" / ".venv"


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m serving.local", description="Serves on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start everything and keep it running until Ctrl-C")
    up.add_argument("--as-of", default="", help="what the online features know; default: what the release knows")
    up.add_argument(
        "--online-store", default="", help="redis://host:port that others fill; default: a file filled here"
    )
    up.add_argument("--use-case", type=Path, default=REPOSITORY / "feature_repo", help="whose rules serve on day zero")
    up.add_argument("--port", type=int, default=8080, help="where the edge listens on loopback; 0 takes a free port")
    up.add_argument("--candidate", default="", help="digest of a second release, which starts without traffic")
    up.add_argument(
        "--clock", choices=("request", "real", "recorded"), default="request", help="what a request calls now"
    )
    verbs.add_parser("predict", help="send one real request through the edge and show the answer")
    verbs.add_parser("stop", help="stop what `up` started")
    replay = verbs.add_parser("replay", help="ask what was asked in recorded time, features and outcomes brought along")
    _add_replay_options(replay)
    replay.set_defaults(per_s=4000.0)
    replay.add_argument("--judged", type=Path, help="data that the gates have judged already; default: judged here")
    replay.add_argument("--requests-only", action="store_true", help="with --judged, what they refused: no features")
    replay.add_argument("--batch-rows", type=int, default=25, help="how many questions go in one call")
    turn = verbs.add_parser("turn", help="judge a rollout at one recorded time")
    turn.add_argument("--at", required=True, help="that time")
    turn.add_argument("--labels", type=Path, help="CSV of what came true; default: what a replay left")
    _add_release_verbs(verbs)
    return parser.parse_args(arguments)


def _add_replay_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--until", default="", help="end of the replayed time; default: 31 days after its training")
    verb.add_argument("--override", default="", help="signed-off findings of the data gates, as for `make run`")
    verb.add_argument("--per-s", type=float, default=40, help="requests a second")
    verb.add_argument("--stretch-minutes", type=int, default=60, help="how often features are brought up to date")


def _add_release_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    release = verbs.add_parser("release", help="lead the newest registered release through its canary")
    release.add_argument("--candidate", default="", help="digest of another release than the newest that waits")
    _add_replay_options(release)
    release.add_argument("--again", action="store_true", help="try a release that was refused before")
    release.add_argument("--report", type=Path, help="where the page goes; default below .windsock/serve")
    rollback = verbs.add_parser("rollback", help="give all the traffic to the release before, or to another")
    rollback.add_argument("--to", default="", help="a release's digest, or `rules`")
    rollback.add_argument("--at", default="", help="the recorded time, where a recorded past is replayed")
    rollback.add_argument("--reason", default="rolled back by hand", help="why; it goes into the history")
    verbs.add_parser("decide", help="what keeping, the release before, and the rules would cost")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb and turns what goes wrong into one line and an exit code."""
    from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError
    from windsock.edge.traffic import EdgeStuckError

    from serving.local import ask, feed, rollout, turn, up
    from serving.local.place import NotRunningError

    options = parse_options(arguments)
    verbs = {"up": up.up, "predict": ask.predict, "stop": up.stop, "replay": feed.replay, "turn": turn.turn}
    verbs |= {"release": rollout.release, "rollback": rollout.rollback, "decide": rollout.decide}
    try:
        return verbs[options.verb](options)
    except InputError as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except (OSError, EdgeStuckError, NotRunningError) as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return EXIT_CRASHED
    except KeyboardInterrupt:
        print(f"\n{options.verb}: interrupted", file=sys.stderr)
        return 130


def enter_environment() -> None:
    """Goes on in the prepared environment where this is another one."""
    if Path(sys.prefix).resolve() == PREPARED.resolve():
        return
    python = PREPARED / "bin" / "python"
    if not python.exists():
        sys.exit("serving: its environment is missing: run `make environments`")
    os.execv(python, [str(python), "-m", "serving.local", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    enter_environment()
    sys.exit(main())
