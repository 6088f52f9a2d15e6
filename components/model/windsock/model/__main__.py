"""The image's command: `python -m windsock.model STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

STEPS = {
    "train_model": "windsock.model.train_model:run",
    "evaluate_model": "windsock.model.evaluate_model:run",
    "register_model": "windsock.model.register_model:run",
}

if __name__ == "__main__":
    sys.exit(main("model", STEPS))
