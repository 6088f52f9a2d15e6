"""The command line: `python -m windsock.drift STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

STEPS = ("profile_reference", "detect_drift", "raise_alerts", "request_retraining")

sys.exit(main("drift", {step: f"windsock.drift.{step}:run" for step in STEPS}))
