"""The command line of the edge: write its files, run it, show and change its weights."""

import argparse
import os
import sys
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError
from windsock.edge.admin import EdgeDownError
from windsock.edge.envoy_binary import command
from windsock.edge.routing import Routing
from windsock.edge.traffic import EdgeStuckError, EnvoyTraffic


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m windsock.edge", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where the edge keeps its state")
    verbs = parser.add_subparsers(dest="verb", required=True)
    render = verbs.add_parser("render", help="write Envoy's files for a routing file")
    render.add_argument("routing", type=Path)
    run = verbs.add_parser("run", help="become Envoy")
    run.add_argument("--threads", type=int, default=1, help="worker threads")
    weights = verbs.add_parser("weights", help="show the weights in use, or set them")
    weights.add_argument("weights", nargs="*", metavar="RELEASE=PERCENT")
    shadow = verbs.add_parser("shadow", help="send a copy of every request to a release, or to none")
    shadow.add_argument("release", nargs="?", default="")
    finalize = verbs.add_parser("finalize", help="end a rollout: one release keeps all, the others leave")
    finalize.add_argument("release")
    verbs.add_parser("ready", help="exit 0 when the edge routes as wanted to healthy servers")
    return parser


def _parse_weight(text: str) -> tuple[str, int]:
    release, _, percent = text.rpartition("=")
    if not release or not percent.isdecimal():
        raise InputError("weight", text, "RELEASE=PERCENT")
    return release, int(percent)


def _run(arguments: argparse.Namespace) -> int:
    traffic = EnvoyTraffic(arguments.directory)
    if arguments.verb == "render":
        traffic.apply(Routing.read(arguments.routing))
    elif arguments.verb == "run":
        traffic.apply(traffic.routing)
        envoy = command(arguments.directory, arguments.threads)
        os.execv(envoy[0], envoy)  # noqa: S606 (a list, no shell: Envoy takes this process over)
    elif arguments.verb == "weights":
        if arguments.weights:
            traffic.set_weights(dict(map(_parse_weight, arguments.weights)))
        for release, weight in traffic.get_weights().items():
            print(f"{weight:3d} % {release}")
    elif arguments.verb == "shadow":
        traffic.shadow(arguments.release)
    elif arguments.verb == "finalize":
        traffic.finalize(arguments.release)
    elif missing := traffic.waits_for():
        raise EdgeDownError(missing)
    return 0


def main() -> int:
    """Runs one verb; a mistake ends in one line and an exit code."""
    try:
        return _run(_parser().parse_args())
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except (EdgeDownError, EdgeStuckError) as error:
        print(error, file=sys.stderr)
        return EXIT_CRASHED


if __name__ == "__main__":
    sys.exit(main())
