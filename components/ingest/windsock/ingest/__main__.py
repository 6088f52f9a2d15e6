"""The command line: `python -m windsock.ingest STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

steps = {
    "snapshot_data": "windsock.ingest.snapshot_data:run",
    "join_labels": "windsock.ingest.join_labels:run",
}
sys.exit(main("ingest", steps))
