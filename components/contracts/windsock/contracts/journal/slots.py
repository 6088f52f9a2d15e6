"""Places for writers below one directory: each process takes a free one, so any number of them can share it."""

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from windsock.contracts.errors import InputError
from windsock.contracts.journal.space import make_directory, sync_directory
from windsock.contracts.journal.store import (
    DATABASE,
    Store,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreLockedError,
)
from windsock.contracts.log import log
from windsock.contracts.record_settings import RecordSettings

SLOTS = 64
AS_IT_IS = 0


class Slot:
    """One writer's place, held by this process until it is released or the process ends."""

    def __init__(self, directory: Path, lock: TextIO) -> None:
        self.directory = directory
        self._lock = lock

    @classmethod
    def take(cls, directory: Path) -> "Slot | None":
        """Takes a place, or None if another process has it."""
        make_directory(directory)
        lock = (directory / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return cls(directory, lock)

    def open(self, name: str, settings: RecordSettings) -> Store:
        """The chain in this place; a database that is damaged is set aside, never written to, and a new chain begun.

        Raises:
            StoreError: by its kind.
            OSError: the disk is full, or the directory cannot be written.
        """
        try:
            return Store.open(self.directory, name, settings.capacity_mb)
        except StoreDamagedError as error:
            self.set_aside(str(error))
            return Store.open(self.directory, name, settings.capacity_mb)

    def set_aside(self, reason: str) -> None:
        """Moves a damaged database and its log out of the way, whole, for a person to look at."""
        aside = self.directory / f"damaged-{DATABASE}"
        number = sum(1 for _ in self.directory.glob(f"{aside.name}-*"))
        target = self.directory / f"{aside.name}-{number}"
        make_directory(target)
        for path in sorted(self.directory.glob(f"{DATABASE}*")):
            path.rename(target / path.name)
        sync_directory(target)
        sync_directory(self.directory)
        log("record_journal_damaged", moved_to=str(target), reason=reason)

    def release(self) -> None:
        """Gives the place back."""
        self._lock.close()


def places(root: Path) -> Iterator[Path]:
    """Where writers can be."""
    return (root / f"{number:02d}" for number in range(SLOTS))


def take_writer(root: Path, name: str, settings: RecordSettings) -> tuple[Slot, Store]:
    """The first place that is free and whose database nobody has locked.

    Raises:
        InputError: no place is free, the disk has not the space that a journal needs, or the directory cannot be used.
    """
    for place in places(root):
        try:
            slot = Slot.take(place)
            if slot is None:
                continue
            try:
                return slot, slot.open(name, settings)
            except StoreLockedError as error:
                slot.release()
                log("record_journal_locked", directory=str(place), reason=str(error))
            except BaseException:
                slot.release()
                raise
        except StoreFullError as error:
            raise InputError("record directory", str(root), f"{settings.capacity_mb} MiB of free space") from error
        except (OSError, StoreError) as error:
            raise InputError("record directory", str(root), f"a directory for the record ({error})") from error
    raise InputError("record directory", str(root), f"fewer than {SLOTS} processes in it")


def idle_writers(root: Path) -> Iterator[Store]:
    """The chains that no process writes to, such as that of a worker that is gone; each is open while it is yielded."""
    for place in places(root):
        if not (place / DATABASE).exists():
            continue
        slot = Slot.take(place)
        if slot is None:
            continue
        try:
            store = Store.open(place, "idle", AS_IT_IS)
            try:
                yield store
            finally:
                store.close()
        except StoreError as error:
            log("record_journal_unreadable", directory=str(place), reason=str(error))
        finally:
            slot.release()
