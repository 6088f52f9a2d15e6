"""Runs a pipeline: `python -m pipelines.run training --as-of 2013-07-01`. The last line of a failure is its reason.

Started by any Python 3.11, it goes on in the pipelines' own environment.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PREPARED = Path(__file__).parent / ".venv"
PIPELINES = ("materialization", "monitoring", "training", "validation")


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description="Runs a compiled pipeline.")
    parser.add_argument("pipeline", choices=PIPELINES)
    parser.add_argument("--as-of", required=True, help="what the run may know: all up to this time (UTC), or `latest`")
    parser.add_argument("--on", choices=["venv", "cluster"], default="venv", help="where the steps run")
    parser.add_argument("--use-case", type=Path, default=REPOSITORY / "feature_repo", help="the feature repository")
    parser.add_argument("--landing", type=Path, help="the landing zone; default .windsock/landing, or the store's")
    parser.add_argument("--online-store", default="", help="sqlite:///… or redis://…; default .windsock/online")
    parser.add_argument("--register-only", action="store_true", help="leave production as it is: a canary decides")
    parser.add_argument("--request", default="", help="on a cluster: one run for this name, however often it is asked")
    parser.add_argument("--after", type=Path, help="a validation run of the same time: its data are not judged again")
    parser.add_argument("--override", default="", help="signed-off entries that lift named findings, as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs and turns what goes wrong into one line and an exit code."""
    from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError

    options = parse_options(arguments)
    try:
        if options.on == "cluster":
            from pipelines.cluster import execute_on_cluster

            return execute_on_cluster(options).exit_code
        from pipelines.execute import execute

        return execute(options).exit_code
    except InputError as error:
        print(f"{options.pipeline}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"{options.pipeline}: {error}", file=sys.stderr)
        return EXIT_CRASHED
    except KeyboardInterrupt:
        print(f"\n{options.pipeline}: interrupted; the steps that ended keep their outputs", file=sys.stderr)
        return 130


def enter_environment() -> None:
    """Goes on in the prepared environment where this is another one."""
    # The image's environment is its own.
    if Path(sys.prefix).resolve() == PREPARED.resolve() or os.environ.get("WINDSOCK_IMAGE"):
        return
    python = PREPARED / "bin" / "python"
    if not python.exists():
        sys.exit("pipelines: their environment is missing: run `make environments`")
    os.execv(python, [str(python), "-m", "pipelines.run", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    enter_environment()
    sys.exit(main())
