"""The command line: `python -m windsock.release STEP EXECUTOR_INPUT`; people use `windsock.release.console`."""

import sys

from windsock.contracts.step import main

STEPS = ("deploy_canary", "judge_canary", "advance", "roll_back")

sys.exit(main("release", {step: f"windsock.release.{step}:run" for step in STEPS}))
