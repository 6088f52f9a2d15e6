"""Prints every shipped record of a home, one JSON object a line; runs in the predictor's environment.

serving/predictor/.venv/bin/python -m tests.drills.serving.read_records HOME
"""

import json
import sys
from pathlib import Path

from windsock.predictor.record import open_sink
from windsock.predictor.record.reader import read_records

SHOWN = ("prediction_id", "request_id", "release", "assigned_release", "role", "answered_by", "reason")


def main() -> None:
    """Reads the predictors' sink and the one beside the rules' journal."""
    home = Path(sys.argv[1])
    for sink in (home / "predictions", *(home / "serve" / "records").glob("*/shipped")):
        reading = read_records(open_sink(sink.as_uri()))
        for prediction in reading:
            print(json.dumps({name: getattr(prediction, name) for name in SHOWN}))
        assert reading.clean, (sink, reading.audits, reading.unreadable)


if __name__ == "__main__":
    main()
