"""What the predictor is told by its command line or its environment: places and ports."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.recorded import CLOCK as RECORDED

ENVIRONMENT_PREFIX = "WINDSOCK_"
CLOCKS = ("real", "request", RECORDED)


@dataclass(frozen=True)
class Options:
    """`model_dir` holds the release, `online_store` is a SQLite file's path or a Redis URL, `record_dir` the journal.

    `clock` is `real`, or `request` to replay old traffic: then each row is answered as of its event time less the lead
    time. With `recorded` its record says so too, and no answer is hurried (see `windsock.contracts.recorded`).
    For `drain_s` after a stop is asked for, the server says that it is not ready but goes on answering.
    """

    model_dir: Path
    online_store: str
    record_dir: Path
    sink: str
    model_name: str
    host: str
    http_port: int
    grpc_port: int
    clock: str
    drain_s: float

    @property
    def recorded(self) -> bool:
        """Whether time is recorded time."""
        return self.clock == RECORDED

    @property
    def known(self) -> Path:
        """Where it is noted which releases were examined and let in."""
        return self.record_dir / "examined"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m windsock.predictor",
        description="Serves one release. Each flag may be given as WINDSOCK_<FLAG> in the environment.",
    )
    parser.add_argument("--model_dir", type=Path, required=True, help="the release bundle")
    parser.add_argument("--online_store", required=True, help="path of a SQLite file, or redis://host:port")
    parser.add_argument("--record_dir", type=Path, required=True, help="where the journal of answers is kept")
    parser.add_argument("--sink", default="", help="file:///directory or s3://bucket/prefix")
    parser.add_argument("--model_name", default="", help="the model's name in paths; default: that of the use case")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http_port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--grpc_port", type=int, default=8081, help="0 for none")
    parser.add_argument("--clock", choices=CLOCKS, default="real")
    parser.add_argument("--drain_s", type=float, default=0.0)
    return parser


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Reads flags, and the environment for those that are not given.

    Raises:
        InputError: a port or a time is out of range.
        SystemExit: a flag is unknown, missing or of another type; argparse has said so.
    """
    known = [field.name for field in fields(Options)]
    from_environment = [
        argument
        for name in known
        if (value := environment.get(ENVIRONMENT_PREFIX + name.upper()))
        for argument in (f"--{name}", value)
    ]
    options = Options(**vars(_parser().parse_args([*from_environment, *arguments])))
    for name in ("http_port", "grpc_port"):
        if not 0 <= getattr(options, name) <= 65535:
            raise InputError(f"--{name}", getattr(options, name), "a port from 0 to 65535")
    if not 0 <= options.drain_s <= 3600:
        raise InputError("--drain_s", options.drain_s, "seconds from 0 to 3600")
    return options
