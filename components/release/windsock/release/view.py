"""A rollout in the terminal: weights, evidence, intervals, verdicts."""

import sys

from windsock.contracts.report import interval_text, number
from windsock.contracts.verdict import Finding, Outcome
from windsock.release.rollout import Turn

SIGNS = {Outcome.PASSED: "passed", Outcome.REFUSED: "REFUSED", Outcome.INCONCLUSIVE: "open"}
CLEAR = "\x1b[2J\x1b[H"


def summary(turn: Turn) -> str:
    """A turn in one line."""
    shares = ", ".join(f"{release[:19]} {share} %" for release, share in turn.state.weights.items())
    return f"{turn.state.phase.value}: {shares}: {turn.message}"


def table(turn: Turn) -> str:
    """A turn with all its findings."""
    lines = [summary(turn), ""]
    if turn.judgement is not None:
        lines.append(f"{'check':12} {'verdict':8} {'effect':>9} {'interval':>22} {'bound':>8} {'requests':>9}")
        findings = [*turn.judgement.operation.findings, *turn.judgement.labels.findings]
        lines += [_row(finding) for finding in findings]
    return "\n".join(lines)


def live(turn: Turn) -> None:
    """Shows a turn in place of the last one; where there is no terminal, one line a turn."""
    if sys.stdout.isatty():
        print(CLEAR + table(turn), flush=True)
    else:
        print(summary(turn), flush=True)


def _row(finding: Finding) -> str:
    return (
        f"{finding.check:12} {SIGNS[finding.outcome]:8} {number(finding.effect):>9} "
        f"{interval_text(finding.interval):>22} "
        f"{number(finding.threshold):>8} {number(finding.sample_size):>9}"
    )
