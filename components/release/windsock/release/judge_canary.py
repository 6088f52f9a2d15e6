"""The step `judge_canary`: says how a rollout stands, and changes nothing."""

from windsock.contracts.report import Section, findings_table, page
from windsock.contracts.step import Step
from windsock.contracts.verdict import Verdict, judge
from windsock.release.history import fold
from windsock.release.judge import judge_candidate
from windsock.release.opened import open_step

GATE = "release"


def run(step: Step) -> None:
    """Judges what is recorded by now; the verdict on labels counts only once there are labels."""
    release = open_step(step)
    state = fold(release.store.read())
    look = release.look(state)
    judgement = judge_candidate(look.evidence, release.settings, release.costs)
    verdict: Verdict = judge(GATE, [*judgement.operation.findings, *judgement.labels.findings])
    with step.output("verdict", "verdict", {"outcome": verdict.outcome.value}) as directory:
        verdict.write(directory)
    facts = [("serves", state.serving[:19]), ("candidate", state.candidate[:19]), ("weight", f"{state.weight} %")]
    lead = f"{len(verdict.reasons)} of {len(verdict.findings)} checks stand against it" if verdict.findings else ""
    sections = [Section("Checks", findings_table(verdict.findings))]
    html = page(title="Canary", outcome=verdict.outcome.value, lead=lead, facts=facts, sections=sections)
    step.report("report", html)
