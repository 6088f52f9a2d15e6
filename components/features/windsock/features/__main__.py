"""The command line: `python -m windsock.features STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

STEPS = {
    "build_training_set": "windsock.features.build_training_set:run",
    "materialize_features": "windsock.features.materialize_features:run",
    "rebuild_rows": "windsock.features.rebuild_rows:run",
}

if __name__ == "__main__":
    sys.exit(main("features", STEPS))
