"""What a person reads while a pipeline runs and when it has ended."""

import sys
from collections.abc import Sequence

from windsock.contracts.verdict import FILE, Outcome, Verdict

from pipelines.runners.venv import StepFailedError, StepResult, interactive

MARKS = {Outcome.PASSED: "passed", Outcome.REFUSED: "REFUSED", Outcome.INCONCLUSIVE: "inconclusive"}
REASONS_SHOWN = 5


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


def report_failure(failure: StepFailedError, results: Sequence[StepResult]) -> None:
    """Names the step, the reason and the log; and the report of the gate that refused."""
    say()
    _say_verdicts(results)
    say(f"log     {failure.result.log}")
    say(f"{failure.result.name}: {failure.result.last_line}")


def report_success(results: Sequence[StepResult], release: str) -> None:
    """Verdicts, figures, reports and the release."""
    say()
    _say_verdicts(results)
    for result in results:
        figures = result.metadata("metrics")
        if figures:
            say(f"{result.name}")
            for name, value in figures.items():
                say(f"        {name:<40} {value:,.4f}" if isinstance(value, float) else f"        {name:<40} {value}")
    if release:
        say(f"release {release}")


def _say_verdicts(results: Sequence[StepResult]) -> None:
    for result in results:
        verdict = verdict_of(result)
        if verdict is None:
            continue
        say(f"{verdict.gate}: {MARKS[verdict.outcome]} ({len(verdict.findings)} checks)")
        for finding in verdict.reasons[:REASONS_SHOWN]:
            say(f"        {finding.check}: {finding.message}")
        if len(verdict.reasons) > REASONS_SHOWN:
            say(f"        and {len(verdict.reasons) - REASONS_SHOWN} more in the report")
        if "report" in result.outputs:
            say(f"        report {result.path('report')}")
