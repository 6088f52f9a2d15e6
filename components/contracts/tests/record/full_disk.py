"""Fills a small disk around a recorder that is at work. Run by test_full_disk.py with a file system of its own."""

import asyncio
import json
import sys
from pathlib import Path

from windsock.contracts.journal import NotRecorded, Recorder
from windsock.contracts.journal.lines import SUFFIX, decode_lines
from windsock.contracts.journal.reading import Reading
from windsock.contracts.journal.sinks import directory_sink
from windsock.contracts.record import Prediction
from windsock.contracts.record_settings import RecordSettings

ROWS_AN_APPEND = 20
ROWS_AT_MOST = 100_000


def fill(disk: Path) -> Path:
    """Another program takes all the space that is left."""
    path = disk / "other.log"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


async def append_until_refused(recorder: Recorder, body: bytes) -> tuple[int, str]:
    prediction = Prediction.decode(body)
    rows = 0
    while rows < ROWS_AT_MOST:
        try:
            await recorder.append([prediction] * ROWS_AN_APPEND, 30.0)
        except NotRecorded as error:
            return rows, error.reason
        rows += ROWS_AN_APPEND
    return rows, "nothing"


def main(disk: Path, body: bytes) -> None:
    settings = RecordSettings(capacity_mb=4, ship_every_s=3600.0)

    def start() -> Recorder:
        return Recorder.open(disk / "journal", (disk / "sink").as_uri(), settings, "local")

    found: dict[str, object] = {}
    recorder = start()
    other = fill(disk)
    asyncio.run(recorder.append([Prediction.decode(body)], 30.0))
    found["ships_on_a_full_disk"] = recorder.ship()
    found["could_record"] = recorder.state().can_record
    recorder.close()
    fill(disk)  # Whatever a clean stop gave back is gone too.
    recorder = start()
    rows, found["refused_by"] = asyncio.run(append_until_refused(recorder, body))
    found["rows"] = rows + 1
    found["record_bytes"] = len(body)
    other.unlink()
    found["ships_when_there_is_space"] = recorder.ship()
    asyncio.run(recorder.append([Prediction.decode(body)], 30.0))
    recorder.close()
    reading = Reading(directory_sink((disk / "sink").as_uri()), {SUFFIX: decode_lines})
    found["predictions"] = sum(1 for _ in reading)
    found["faults"] = sum(len(audit.faults) for audit in reading.audits.values()) + len(reading.unreadable)
    found["rows_in_the_sink"] = sum(audit.accepted for audit in reading.audits.values())
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer.read())
