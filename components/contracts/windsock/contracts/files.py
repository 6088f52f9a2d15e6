"""Files that are whole or absent: everything is written under a temporary name and then moved."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError

JSON_LIMIT_BYTES = 64 * 1024 * 1024


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial-{os.getpid()}")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or none, and has it on disk before it gets its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def create_bytes(path: Path, content: bytes) -> bool:
    """Writes a whole file on condition that there is none of that name: of many who try at once, one is told True."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # The file system refuses a second link of one name.
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    return True


def write_text(path: Path, text: str) -> None:
    """Writes a whole UTF-8 file or none."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that is the same bytes for the same value: sorted keys, no NaN."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Reads a JSON file of at most 64 MiB.

    Raises:
        InputError: the file is missing, too large, or not JSON; `what` names it for the reader.
    """
    if not path.is_file():
        raise InputError(what, str(path), "a file that exists")
    if path.stat().st_size > JSON_LIMIT_BYTES:
        raise InputError(what, f"{path.stat().st_size} bytes", f"at most {JSON_LIMIT_BYTES} bytes")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(what, str(path), f"valid JSON ({error})") from error


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Gives an empty directory to fill, and moves it to `path` when the block ends well; else nothing stays.

    Raises:
        FileExistsError: `path` is there already; what is written once is not written again.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already and is write-once")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
