"""The predictor's command line."""

import os
import sys

from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.predictor.options import read_options


def main() -> int:
    """Serves until told to stop; a bad release, place or port is one line and exit code 2."""
    # One row is a few microseconds of work; pools of threads in libraries only get in its way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        options = read_options(sys.argv[1:], os.environ)
        from windsock.predictor.server import (
            serve,  # Libraries that take seconds to import; a wrong flag need not wait.
        )

        serve(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
