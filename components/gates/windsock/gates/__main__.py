"""`python -m windsock.gates STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

STEPS = {
    "validate_data": "windsock.gates.validate_data:run",
    "require_passed": "windsock.gates.require_passed:run",
}

if __name__ == "__main__":
    sys.exit(main("gates", STEPS))
