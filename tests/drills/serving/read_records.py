"""Prints every shipped record of a home or a sink, one JSON object a line; runs in the predictor's environment.

serving/predictor/.venv/bin/python -m tests.drills.serving.read_records HOME | s3://BUCKET/PREFIX
"""

import json
import sys
from pathlib import Path

from windsock.predictor.record import open_sink
from windsock.predictor.record.reader import read_records

SHOWN = ("prediction_id", "request_id", "release", "assigned_release", "role", "answered_by", "reason")


def main() -> None:
    """Reads the sink; of a home the predictors' sink and the one beside the rules' journal."""
    home = Path(sys.argv[1])
    places = (home / "predictions", *(home / "serve" / "records").glob("*/shipped"))
    for sink in [sys.argv[1]] if "://" in sys.argv[1] else [place.as_uri() for place in places]:
        reading = read_records(open_sink(sink))
        for prediction in reading:
            print(json.dumps({name: getattr(prediction, name) for name in SHOWN}))
        assert reading.clean, (sink, reading.audits, reading.unreadable)


if __name__ == "__main__":
    main()
