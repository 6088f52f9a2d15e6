"""What a person reads while a pipeline runs and when it has ended."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windsock.contracts.verdict import FILE, Outcome, Verdict

from pipelines.runners.venv import StepFailedError, StepResult, exit_code, interactive

MARKS = {Outcome.PASSED: "passed", Outcome.REFUSED: "REFUSED", Outcome.INCONCLUSIVE: "inconclusive"}
REASONS_SHOWN = 5
# Of all that the steps measure, what a person wants at the end of a run; the rest is in the reports and in MLflow.
KEY_FIGURES = re.compile(r"cost_per_1000$|^auc$|^brier$|^rows$|^quarantined$|^positive_share$")


@dataclass(frozen=True)
class Ended:
    """How a pipeline ended: the process's exit code, and in words what it made or what stopped it."""

    exit_code: int
    words: str = ""


def say(text: str = "", end: str = "\n") -> None:
    """Prints for a person: standard error, since standard output is for results."""
    print(text, file=sys.stderr, end=end, flush=True)


class Progress:
    """One line a step, with its seconds and what its gate said."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0

    def started(self, step: str) -> None:
        """A step begins; on a terminal its line is there at once."""
        self.count += 1
        if interactive():
            say(f"  {self.count}/{self.total}  {step} …", end="")

    def finished(self, result: StepResult) -> None:
        """A step has ended."""
        answer = "" if result.exit_code == 0 else "stopped here"
        verdict = verdict_of(result)
        if verdict is not None:
            answer = MARKS[verdict.outcome]
        elif result.reused:
            answer = "reused: same program, same inputs"
        back = "\r" if interactive() else ""
        say(f"{back}  {self.count}/{self.total}  {result.name:<22}{result.duration_s:6.1f} s  {answer}")


def verdict_of(result: StepResult) -> Verdict | None:
    """The verdict that a step wrote, if it is a gate."""
    if "verdict" in result.outputs and (result.path("verdict") / FILE).is_file():
        return Verdict.read(result.path("verdict"))
    return None


def report_failure(failure: StepFailedError, results: Sequence[StepResult]) -> Ended:
    """Names the reports of the gates, the log, and in the last line the step and its reason."""
    say()
    _say_verdicts(results)
    say(f"log     {_shown(failure.result.log)}")
    words = f"{failure.result.name}: {failure.result.last_line}"
    say(words)
    return Ended(exit_code(failure.result), words)


def report_success(results: Sequence[StepResult], release: str) -> None:
    """Verdicts with their reports, the figures that matter, the release, and how long it took."""
    say()
    _say_verdicts(results)
    for result in results:
        for name, value in result.metadata("metrics").items():
            if KEY_FIGURES.search(name):
                figure = f"{value:>14,.4g}" if isinstance(value, float) and abs(value) < 10 else f"{value:>14,.0f}"
                say(f"  {result.name:<22}{name:<34}{figure}")
    if release:
        say(f"\nrelease {release}")
    say(f"{len(results)} steps in {sum(result.duration_s for result in results):.0f} s")


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def published_report(result: StepResult) -> Path | None:
    """The page that a step wrote, linked under a name that a browser opens: outputs themselves stay as they are."""
    if "report" not in result.outputs:
        return None
    page = result.path("report").with_name("report.html")
    if not page.exists():
        os.link(result.path("report"), page)
    return page


def _say_verdicts(results: Sequence[StepResult]) -> None:
    for result in results:
        verdict = verdict_of(result)
        if verdict is None:
            continue
        say(f"{result.name}: {MARKS[verdict.outcome]}, {len(verdict.findings)} checks")
        for finding in verdict.reasons[:REASONS_SHOWN]:
            say(f"  {finding.check}: {finding.message}")
        if len(verdict.reasons) > REASONS_SHOWN:
            say(f"  and {len(verdict.reasons) - REASONS_SHOWN} more, all in the report")
        page = published_report(result)
        if page is not None:
            say(f"  report {_shown(page)}")
