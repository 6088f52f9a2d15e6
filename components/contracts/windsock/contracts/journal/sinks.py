"""Where batches of records go: a store of whole, named objects; here a directory."""

import re
from pathlib import Path
from typing import Protocol

from windsock.contracts.errors import InputError
from windsock.contracts.files import write_bytes
from windsock.contracts.journal.space import make_directory, sync_directory

NAME = re.compile(
    r"writer=(?P<writer>[A-Za-z0-9_-]+\.[0-9a-f-]{36})/(?P<first>\d{12})-(?P<last>\d{12})"
    r"_(?P<from_day>\d{4}-\d\d-\d\d)_(?P<to_day>\d{4}-\d\d-\d\d)\.(?P<suffix>[a-z]+)"
)


class SinkError(Exception):
    """The sink did not do what it was asked, and may do it later."""


class Sink(Protocol):
    """Four calls, each whole or a SinkError. Names are relative, with `/` between their parts."""

    def put(self, name: str, content: bytes) -> None:
        """Stores an object for good, in place of one of that name."""

    def get(self, name: str) -> bytes:
        """An object's bytes."""

    def names(self, prefix: str = "") -> list[str]:
        """The names of the objects that begin so, sorted."""

    def describe(self) -> str:
        """The sink's address, without secrets."""


class DirectorySink:
    """Objects as files below a directory: on disk, under their whole name or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, content: bytes) -> None:
        """Stores an object, and has its name and those of its directories on disk too."""
        path = self._root / name
        try:
            make_directory(path.parent)
            write_bytes(path, content)
            sync_directory(path.parent)
        except OSError as error:
            raise SinkError(f"{path}: {error}") from error

    def get(self, name: str) -> bytes:
        """An object's bytes."""
        try:
            return (self._root / name).read_bytes()
        except OSError as error:
            raise SinkError(f"{self._root / name}: {error}") from error

    def names(self, prefix: str = "") -> list[str]:
        """The objects' names; what is still being written has none."""
        found = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(name for name in found if name.startswith(prefix) and "/." not in f"/{name}")

    def describe(self) -> str:
        """The directory as an address."""
        return self._root.absolute().as_uri()


def directory_sink(address: str) -> DirectorySink:
    """The sink at `file:///path`.

    Raises:
        InputError: the address is of another kind.
    """
    if not address.startswith("file:///"):
        raise InputError("record sink", address, "file:///DIRECTORY")
    return DirectorySink(Path(address.removeprefix("file://")))


def batch_name(writer: str, first: int, last: int, from_day: str, to_day: str, suffix: str) -> str:
    """The name of a batch: its writer, its place in the chain, and the days (UTC) on which its predictions were made.

    A reader of a few days finds its objects by their names alone, and `writer=` is a partition to Spark or Trino.
    """
    return f"writer={writer}/{first:012d}-{last:012d}_{from_day}_{to_day}.{suffix}"
