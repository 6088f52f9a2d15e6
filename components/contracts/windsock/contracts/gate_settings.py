"""Settings of the data gates: `[gates.…]` in `use_case.toml`."""

from collections.abc import Container
from dataclasses import dataclass, field

from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Comparison:
    """How one column's distribution is held against the reference: the measure and the bound that refuses."""

    measure: str = field(metadata={"choices": ("jensen_shannon", "l_infinity")})
    threshold: float = field(metadata={"low": 0, "high": 1})


@dataclass(frozen=True)
class Gates:
    """Strictness of the data gates."""

    statistics: dict[str, dict[str, Comparison]] = field(default_factory=dict)

    def check_tables(self, tables: Container[str]) -> None:
        """Every table that a gate names must exist."""
        for table in self.statistics:
            if table not in tables:
                raise InputError(f"gates.statistics.{table}", table, "a table of the use case")
