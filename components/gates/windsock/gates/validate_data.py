"""`validate_data`: judges a snapshot, sets offending rows aside, and says why in a verdict and on a page."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from windsock.contracts.artifact import Artifact
from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.verdict import Finding, Outcome, Verdict, judge
from windsock.gates.duck import Tables, check_queries, split_table
from windsock.gates.gate import Gate, Judged
from windsock.gates.page import verdict_page
from windsock.gates.policy import make_policy
from windsock.gates.rules import load_rules
from windsock.gates.structure import judge_accounting
from windsock.gates.tfdv import load_schema

GATE = "validate_data"


def run(step: Step) -> None:
    """Writes `judged`, `quarantine`, `verdict`, `report` and `metrics`."""
    packed, snapshot = step.artifact("use_case", "use_case"), step.artifact("snapshot", "snapshot")
    use_case = load_use_case(packed.path)
    gate = make_gate(use_case, packed.path, step.as_of, str(snapshot.details.get("since", "")))
    with Tables(snapshot.path, use_case.tables, use_case.gates.time_zone, step.as_of) as tables:
        judged = gate.judge(tables)
    accounts = _write_tables(step, snapshot, judged, use_case.owner)
    verdict = judge(GATE, [*(finding for table in judged.values() for finding in table.findings), *accounts])
    details = {"outcome": verdict.outcome.value, "reasons": len(verdict.reasons)}
    with step.output("verdict", "verdict", details) as directory:
        verdict.write(directory)
    subject = (use_case.name, format_time(step.as_of), snapshot.digest)
    step.report("report", verdict_page(verdict, judged, gate.policy.rules, use_case.gates, subject))
    step.metrics("metrics", _metrics(verdict, judged))


def make_gate(use_case: UseCase, directory: Path, as_of: datetime, since: str = "") -> Gate:
    """Loads schema and rules from a use case's directory and checks them against its settings.

    `since` is the time from which on a snapshot of late holds what happened; empty where it holds all.

    Raises:
        InputError: names the part that is missing, wrong or at odds with another.
    """
    schema, rules = load_schema(directory), load_rules(directory)
    check_queries({rule.name: rule.query for rule in rules})
    policy = make_policy(use_case, {table: part.kinds for table, part in schema.items()}, rules)
    if since:
        policy = policy.for_recent(parse_time(since, "since").date())
    return Gate(policy, schema, use_case.tables, as_of)


def _write_tables(step: Step, snapshot: Artifact, judged: Mapping[str, Judged], owner: str) -> list[Finding]:
    """Splits every table into what stays and what is quarantined; counts rows in the files that were written."""
    counts: dict[str, tuple[int, int]] = {}
    quarantined = {f"rows_{name}": len(table.quarantined) for name, table in judged.items()}
    kept = {f"rows_{name}": table.rows - len(table.quarantined) for name, table in judged.items()}
    with step.output("judged", "judged", kept) as stay, step.output("quarantine", "quarantine", quarantined) as away:
        for name, table in judged.items():
            rows = {row: ", ".join(rules) for row, rules in table.quarantined.items()}
            file = f"{name}.parquet"
            counts[name] = split_table(snapshot.path / file, rows, stay / file, away / file)
    return [judge_accounting(name, table.rows, *counts[name], owner) for name, table in judged.items()]


def _metrics(verdict: Verdict, judged: Mapping[str, Judged]) -> dict[str, float | int | str]:
    outcomes = [finding.outcome for finding in verdict.findings]
    return {
        "outcome": verdict.outcome.value,
        "findings": len(outcomes),
        "refused": outcomes.count(Outcome.REFUSED),
        "inconclusive": outcomes.count(Outcome.INCONCLUSIVE),
        "rows": sum(table.rows for table in judged.values()),
        "quarantined": sum(len(table.quarantined) for table in judged.values()),
    }
