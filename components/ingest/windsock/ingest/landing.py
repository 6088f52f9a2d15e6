"""The landing zone: one file a table and day, believed only when its receipt says the same.

`LANDING/<table>/YYYY-MM/YYYY-MM-DD.<format>` holds what became known on that UTC day; `YYYY-MM-DD.receipt.json` beside
it says how many rows it has and what its SHA-256 is, and is written last.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.contracts.settings import parse

MEGABYTE = 1024 * 1024
DAY_FILE = re.compile(r"(\d{4}-\d{2})/(\1-\d{2})\.(?:csv|parquet|receipt\.json)")


@dataclass(frozen=True)
class Receipt:
    """What the upstream system says about a file that it has delivered whole."""

    rows: int = field(metadata={"low": 0})
    sha256: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise InputError("receipt.sha256", self.sha256, "64 hexadecimal digits")


@dataclass(frozen=True)
class Delivery:
    """One table's file of one day, and where it lies. `name` is its path inside the landing zone, for messages."""

    table: str
    day: date
    path: Path

    @property
    def name(self) -> str:
        """The file as messages call it."""
        return f"landing {self.table}/{self.day:%Y-%m}/{self.path.name}"

    def read(self, max_bytes: int) -> tuple[bytes, Receipt]:
        """The file's bytes, which are proved to be the ones that the receipt names, and the receipt.

        Raises:
            InputError: the file or its receipt is missing or too large, or the two do not fit together.
        """
        receipt_path = self.path.with_name(f"{self.day}.receipt.json")
        if not self.path.is_file():
            raise InputError(self.name, "no such file", "a delivery for every day from the first one to as_of")
        if not receipt_path.is_file():
            raise InputError(self.name, "no receipt", f"{receipt_path.name} beside it; without, it is half-written")
        receipt = _receipt(receipt_path, f"receipt of {self.name}")
        size = self.path.stat().st_size
        if size > max_bytes:
            expected = f"at most {max_bytes} bytes; the bound is ingest.max_file_megabytes"
            raise InputError(self.name, f"{size} bytes", expected)
        content = self.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != receipt.sha256:
            expected = f"{receipt.sha256}, as its receipt says; the file is half-written or was changed"
            raise InputError(self.name, f"sha256 {digest}", expected)
        return content, receipt


def _receipt(path: Path, what: str) -> Receipt:
    """Reads a receipt; an upstream system may say more in it than is needed here."""
    found = read_json(path, what)
    if not isinstance(found, dict):
        raise InputError(what, found, "an object with `rows` and `sha256`")
    return parse(Receipt, {name: found[name] for name in ("rows", "sha256") if name in found}, what)


def delivery(landing: Path, table: str, day: date, suffix: str) -> Delivery:
    """The place where one day of one table belongs."""
    return Delivery(table, day, landing / table / f"{day:%Y-%m}" / f"{day}.{suffix}")


def delivered_days(landing: Path, table: str) -> set[date]:
    """The days for which a table has a file or a receipt, whole or not. Other files are not looked at.

    Raises:
        InputError: the landing zone or the table's folder is missing, or holds no delivery.
    """
    folder = landing / table
    if not folder.is_dir():
        raise InputError(f"landing {table}", str(folder), "a directory of daily deliveries")
    names = (DAY_FILE.fullmatch(path.relative_to(folder).as_posix()) for path in folder.glob("*/*"))
    days = set()
    for name in filter(None, names):
        try:
            days.add(date.fromisoformat(name[2]))
        except ValueError as error:
            raise InputError(f"landing {table}", name[0], f"a file named after a day ({error})") from error
    if not days:
        raise InputError(f"landing {table}", str(folder), "at least one delivery such as 2013-01/2013-01-05.csv")
    return days
