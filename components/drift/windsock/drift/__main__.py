"""The command line: `python -m windsock.drift STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

sys.exit(main("drift", {"detect_drift": "windsock.drift.detect_drift:run"}))
