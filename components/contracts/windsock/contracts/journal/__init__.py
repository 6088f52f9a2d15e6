"""A durable local queue of prediction records: on disk before the answer leaves, then shipped to a sink."""

from windsock.contracts.journal.journal import NotRecorded
from windsock.contracts.journal.recorder import Recorder, RecorderState

__all__ = ["NotRecorded", "Recorder", "RecorderState"]
