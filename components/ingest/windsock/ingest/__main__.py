"""The command line: `python -m windsock.ingest STEP EXECUTOR_INPUT`."""

import sys

from windsock.contracts.step import main

sys.exit(main("ingest", {"snapshot_data": "windsock.ingest.snapshot_data:run"}))
