"""Business rules: one SQL file a rule, its header says how strict it is and who answers for it.

    -- table: orders
    -- severity: quarantine
    -- tolerance: 0.0005
    -- tolerance_a_day: 0.02
    -- origin: the last year has none; one row in 2,000 is left to the quarantine
    -- owner: sales
    -- message: brings in less than nothing
    select order_number from orders where revenue < 0

The query returns the keys of the rows that offend. `refuse` and `quarantine` refuse the run above a tolerance, which is
a share of the table's rows, and of those of the worst day; `quarantine` also takes the offending rows out of the data.
`warn` only tells.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.settings import parse

HEADER = re.compile(r"--\s*([a-z_]+):\s*(.*)")
NUMBERS = ("tolerance", "tolerance_a_day")


class Severity(StrEnum):
    """What an offending row does."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"
    WARN = "warn"


@dataclass(frozen=True)
class Header:
    """The comment lines above a rule's query; shares are from 0 to 1."""

    table: str
    severity: str
    tolerance: float
    tolerance_a_day: float
    origin: str
    owner: str
    message: str

    def __post_init__(self) -> None:
        if self.severity not in tuple(Severity):
            raise InputError("severity", self.severity, f"one of {', '.join(Severity)}")
        for name in NUMBERS:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, getattr(self, name), "a share from 0 to 1")
        for name in ("origin", "owner", "message"):
            if not getattr(self, name):
                raise InputError(name, "", "a text")


@dataclass(frozen=True)
class Rule:
    """One rule: its name is the file's, its query returns the keys of offending rows of `header.table`."""

    name: str
    header: Header
    query: str

    @property
    def severity(self) -> Severity:
        """What an offending row does."""
        return Severity(self.header.severity)


def parse_rule(name: str, text: str) -> Rule:
    """Reads one rule.

    Raises:
        InputError: names the rule and what is wrong in its header, or that it has no query.
    """
    lines = text.splitlines()
    size = next((index for index, line in enumerate(lines) if not line.startswith("--")), len(lines))
    values: dict[str, object] = {}
    for line in lines[:size]:
        found = HEADER.fullmatch(line.strip())
        if found is None:
            raise InputError(f"rule {name}", line, "a header line such as `-- owner: a-team`")
        if found[1] in values:
            raise InputError(f"rule {name}: {found[1]}", found[2], "one line only")
        values[found[1]] = _number(name, found[1], found[2]) if found[1] in NUMBERS else found[2].strip()
    query = "\n".join(lines[size:]).strip().removesuffix(";").strip()
    if not query:
        raise InputError(f"rule {name}", "no query", "a select below the header")
    try:
        return Rule(name, parse(Header, values, f"rule {name}"), query)
    except InputError as error:
        if error.field.startswith("rule "):
            raise
        raise InputError(f"rule {name}: {error.field}", error.value, error.expected) from error


def _number(name: str, field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"rule {name}: {field}", text, "a share from 0 to 1") from error


def load_rules(directory: Path) -> tuple[Rule, ...]:
    """Reads all rules of a use case, by name.

    Raises:
        InputError: a rule is wrong, or there is none at all.
    """
    paths = sorted((directory / "rules").glob("*.sql"))
    if not paths:
        raise InputError("rules", str(directory), "at least one file rules/*.sql")
    rules = []
    for path in paths:
        try:
            rules.append(parse_rule(path.stem, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError as error:
            raise InputError(f"rule {path.stem}", str(path), f"a file in UTF-8 ({error})") from error
    return tuple(rules)
