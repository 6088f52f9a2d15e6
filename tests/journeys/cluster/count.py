"""Counts records: `count.py DIRECTORY` prints how many by release, who answered and the reason; copies count once."""

import json
import sys
from collections import Counter
from pathlib import Path

from windsock.release.records import Records

if __name__ == "__main__":
    records = Records((Path(sys.argv[1]).absolute().as_uri(),))
    counted = Counter((found.release, found.answered_by, found.reason) for found in records.new())
    assert not records.edited
    print(json.dumps([[*what, number] for what, number in counted.items()]))
