"""What can be wrong with a delivery: each defect spoils one day of a landing zone, before ingest reads it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

AS_OF = "2013-02-01"
DAY = "2013-01/2013-01-16"
Spoil = Callable[[Path], None]


def linked(landing: Path, target: Path) -> Path:
    """A landing zone up to `AS_OF`, as links: a file that is written anew leaves the other zone alone."""
    for path in landing.rglob("*/201[23]-*/*"):
        if path.name < AS_OF:
            copy = target / path.relative_to(landing)
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)
    return target


def rewrite(table: str, change: Callable[[bytes], bytes], *, receipt: bool = True) -> Spoil:
    """Delivers a changed file, with a receipt that agrees with it or with the old one."""

    def spoil(zone: Path) -> None:
        path = zone / table / f"{DAY}.csv"
        content = change(path.read_bytes())
        path.unlink()
        path.write_bytes(content)
        if receipt:
            told = path.with_suffix(".receipt.json")
            told.unlink()
            rows = content.count(b"\n") - 1
            told.write_text(json.dumps({"rows": rows, "sha256": hashlib.sha256(content).hexdigest()}))

    return spoil


def remove(table: str, suffix: str = "*") -> Spoil:
    """Takes away the day's files, or one of them."""

    def spoil(zone: Path) -> None:
        for path in list((zone / table).glob(f"{DAY}.{suffix}")):
            path.unlink()

    return spoil


def doubled(content: bytes) -> bytes:
    """Every row twice below one header."""
    head, rows = content.split(b"\n", 1)
    return head + b"\n" + rows + rows


def of_the_day_before(zone: Path) -> None:
    """The file of the day holds the rows of the day before."""
    content = (zone / "weather" / f"{DAY.replace('-16', '-15')}.csv").read_bytes()
    rewrite("weather", lambda _: content)(zone)


# Ingest takes none of these, and says in one line what is wrong with what.
NOT_TAKEN: dict[str, Spoil] = {
    "half a file, and the receipt of a whole one": rewrite("outcomes", lambda c: c[: len(c) // 2], receipt=False),
    "a file without a receipt": remove("flights", "receipt.json"),
    "a day that was not delivered": remove("weather"),
    "a month that was not delivered": lambda zone: shutil.rmtree(zone / "flights/2013-01"),
    "a file in Latin-1": rewrite("flights", lambda c: c.replace(b"EWR", b"\xcbWR")),
    "a row of two fields": rewrite("flights", lambda c: c + b"AA,1\n"),
    "a digit that changed on the way": rewrite("weather", lambda c: c.replace(b"30.", b"80.", 1), receipt=False),
}
# Ingest may take these; then the gates refuse them.
REFUSED: dict[str, Spoil] = {
    "a file with one column renamed": rewrite("weather", lambda c: c.replace(b"humidity_pct", b"humidity", 1)),
    "a word among numbers": rewrite("weather", lambda c: c.replace(b",10.0,", b",ten,", 1)),
    "a file with a header and no row": rewrite("flights", lambda c: c.split(b"\n", 1)[0] + b"\n"),
    "the file of the day before": of_the_day_before,
    "a file that is not CSV": rewrite("outcomes", lambda _: b'{"rows": []}\n'),
}
# Nothing is wrong with these once ingest has read them.
HARMLESS: dict[str, Spoil] = {
    "a file with every row twice": rewrite("outcomes", doubled),
    "a file with its rows in another order": rewrite(
        "flights", lambda c: b"\n".join([c.split(b"\n")[0], *reversed(c.split(b"\n")[1:-1])]) + b"\n"
    ),
}
EVERY = {**NOT_TAKEN, **REFUSED, **HARMLESS}
