"""Puts a use case and its rules into the object store and names it the current one: `python -m pipelines.publish`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError

from pipelines.cluster import publish
from pipelines.store import open_store
from pipelines.workspace import REPOSITORY, Workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes; a mistake is one line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.publish", description=__doc__)
    parser.add_argument("--use-case", type=Path, default=REPOSITORY / "feature_repo", help="the feature repository")
    options = parser.parse_args(arguments)
    try:
        store = open_store()
        use_case = publish(options.use_case, Workspace(), store)
    except InputError as error:
        print(f"publish: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"publish: {error}", file=sys.stderr)
        return EXIT_CRASHED
    print(f"use case {use_case.digest} is the current one at {store.address}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
