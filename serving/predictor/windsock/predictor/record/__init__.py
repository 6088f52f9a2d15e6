"""The predictor's record: the common journal, shipped as Parquet to a directory or an S3 bucket."""

from pathlib import Path

from windsock.contracts.journal import NotRecorded, Recorder, RecorderState
from windsock.contracts.journal.shipper import Encoding
from windsock.contracts.journal.sinks import Sink, directory_sink
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record.fast_json import fast_json
from windsock.predictor.record.parquet import SUFFIX, encode_parquet, warm
from windsock.predictor.record.s3 import s3_sink

__all__ = ["NotRecorded", "Recorder", "RecorderState", "open_recorder", "open_sink"]


def open_sink(address: str) -> Sink:
    """The sink at `file:///DIRECTORY` or `s3://BUCKET/PREFIX`.

    Raises:
        InputError: the address is of another kind, or S3's credentials are missing.
    """
    return s3_sink(address) if address.startswith("s3://") else directory_sink(address)


def open_recorder(directory: Path, sink: str, settings: RecordSettings, name: str) -> Recorder:
    """A recorder with its journal below `directory`; any number of processes may share it. `name` begins the writer's.

    Raises:
        InputError: the directory cannot hold a journal, or the sink's address is wrong.
    """
    warm()
    encoding = Encoding(SUFFIX, encode_parquet)
    return Recorder.start(directory, open_sink(sink), encoding, settings, name, fast_json)
