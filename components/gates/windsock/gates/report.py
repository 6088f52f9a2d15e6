"""The page of a verdict: one HTML file that needs nothing else."""

from collections.abc import Mapping
from html import escape

from windsock.contracts.use_case import UseCase
from windsock.contracts.verdict import Verdict
from windsock.gates.gate import Judged


def page(use_case: UseCase, verdict: Verdict, judged: Mapping[str, Judged], as_of: str, digest: str) -> str:
    """The whole page; everything that comes from data is escaped."""
    rows = "".join(
        f"<tr><td>{escape(f.outcome.value)}<td>{escape(f.check)}<td>{escape(f.message)}" for f in verdict.findings
    )
    head = f"<h1>{escape(use_case.name)}: {verdict.outcome.value}</h1><p>{escape(as_of)} {escape(digest)} {len(judged)}"
    return f"<!doctype html><meta charset=utf-8><title>validate_data</title>{head}<table>{rows}</table>"
