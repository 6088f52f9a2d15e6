"""What the process under test does, and what must be true after its end."""

import asyncio
import itertools
import os
import struct
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from windsock.contracts.journal import Recorder, sinks, store
from windsock.contracts.record import Prediction
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_recorder, open_sink
from windsock.predictor.record.reader import read_records

ACK = struct.Struct("<q")
LONG_S = 60.0
# So slow that the shipper keeps up with it on the fastest disk, and the small journal never fills.
PAUSE_S = 0.004
MORNING = datetime(2013, 7, 1, 6, tzinfo=UTC)


def prediction_of(number: int) -> Prediction:
    """The prediction of a number: whoever knows the number knows every byte."""
    at = MORNING + timedelta(seconds=number % 80_000)
    return Prediction(
        prediction_id=str(uuid.UUID(int=number)),
        request_id=str(number),
        release=f"sha256:{number:064x}",
        assigned_release="",
        role="primary",
        answered_by="model",
        reason="",
        key=f"thing/{number}",
        event_time=at,
        request={"number": number, "text": "x" * (number % 1500)},
        features={f"view__{column}": number / (column + 1) for column in range(10)},
        feature_times={"view": at},
        row=tuple(number / (column + 1) for column in range(10)),
        probability=number % 100 / 100,
        threshold=0.5,
        decision=number % 100 >= 50,
        predicted_at=at,
        deadline_s=0.25,
        latency_s=0.001,
    )


def start(directory: Path, ship_every_s: float = 3600.0) -> Recorder:
    """The recorder under test, with a small journal, small groups and small batches."""
    settings = RecordSettings(capacity_mb=2, group_rows=8, batch_rows=16, ship_every_s=ship_every_s)
    return open_recorder(directory / "journal", (directory / "sink").as_uri(), settings, "drill")


async def _append(
    recorder: Recorder, numbers: Iterable[int], acks: int, callers: int, pause_s: float | None = None
) -> None:
    """Several callers at once; each notes an answer as given once its record is said to be on disk."""
    numbers = iter(numbers)

    async def caller() -> None:
        for number in numbers:
            await recorder.append([prediction_of(number)], LONG_S)
            os.write(acks, ACK.pack(number))
            if pause_s is not None:
                await asyncio.sleep(pause_s)

    await asyncio.gather(*(caller() for _ in range(callers)))


def day(directory: Path, acks: int, first: int) -> None:
    """A whole life: start, answers, shipping in between, more answers, shipping, a clean stop."""
    recorder = start(directory)
    asyncio.run(_append(recorder, range(first, first + 20), acks, 3))
    recorder.ship()
    asyncio.run(_append(recorder, range(first + 20, first + 40), acks, 3))
    recorder._journal.run(lambda opened: opened.checkpoint(pages=0))
    asyncio.run(_append(recorder, range(first + 40, first + 45), acks, 1))
    recorder.close()


def first_day(directory: Path, acks: int, first: int) -> None:
    """The start on an empty disk, and the first answers."""
    recorder = start(directory)
    asyncio.run(_append(recorder, range(first, first + 3), acks, 1))
    recorder.close()


def busy(directory: Path, acks: int, first: int) -> None:
    """Answers without end, shipped all the time; somebody else ends it."""
    recorder = start(directory, ship_every_s=0.05)
    asyncio.run(_append(recorder, itertools.count(first), acks, 4, PAUSE_S))


@dataclass
class Finding:
    """What a recovery found: numbers that should be there and are not, records that are another's, copies."""

    lost: set[int]
    corrupt: int
    copies: int
    complaint: str = ""


def recover(directory: Path, acknowledged: set[int], marker: int) -> Finding:
    """Starts anew, records one more, ships all, stops, reads the sink, and compares with what was acknowledged."""
    read, wrote = os.pipe()
    try:
        recorder = start(directory)
        asyncio.run(_append(recorder, [marker], wrote, 1))
        shipped = recorder.ship()
        trouble = recorder.state().ship_trouble
        recorder.close()
    finally:
        os.close(read)
        os.close(wrote)
    reading = read_records(open_sink((directory / "sink").as_uri()))
    found: set[int] = set()
    corrupt = 0
    for prediction in reading:
        number = int(prediction.request_id)
        corrupt += prediction.encode() != prediction_of(number).encode() or number in found
        found.add(number)
    faults = [fault for audit in reading.audits.values() for fault in audit.faults]
    complaint = "" if shipped and reading.clean else f"{trouble} {faults} {reading.unreadable}"
    copies = reading.repeated + sum(audit.duplicates for audit in reading.audits.values())
    return Finding((acknowledged | {marker}) - found, corrupt, copies, complaint)


def _without_sync() -> None:
    store.PRAGMAS = tuple("synchronous = OFF" if "synchronous" in pragma else pragma for pragma in store.PRAGMAS)


def _without_names_synced() -> None:
    sinks.sync_directory = lambda _directory: None


def _early() -> None:
    waiting, append_in_time = [], Recorder.append

    async def append(recorder: Recorder, predictions: list[Prediction], within_s: float) -> None:
        waiting.append(asyncio.ensure_future(append_in_time(recorder, predictions, within_s)))
        await asyncio.sleep(0.001)

    Recorder.append = append


# What the drill must find if the product did it.
DEFECTS: dict[str, Callable[[], None]] = {
    "unsynced": _without_sync,
    "names_unsynced": _without_names_synced,
    "early": _early,
}
