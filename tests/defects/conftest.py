"""Makes the real data that defects are injected into, tries every defect once, and prints what became of each."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from windsock.contracts.use_case_code import pack_use_case  # noqa: E402

from tests.defects.catalogue import AS_OF, load_defects  # noqa: E402
from tests.defects.deliveries import EVERY  # noqa: E402
from tests.defects.trial import MONTHS, Trials, try_clean, try_defect, try_delivery, warm_up  # noqa: E402
from tests.defects.upstream import deliver, snapshot  # noqa: E402

lines: list[str] = []


@pytest.fixture(scope="session")
def use_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped use case, packed."""
    return pack_use_case(ROOT / "feature_repo", tmp_path_factory.mktemp("use_case")).path


@pytest.fixture(scope="session")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A landing zone with all of 2013."""
    return deliver(tmp_path_factory.mktemp("upstream") / "landing", "2014-01-02")


@pytest.fixture(scope="session")
def snapshots(use_case: Path, landing: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Snapshots by real ingest: the one that defects are injected into, and that of the whole year."""
    work = tmp_path_factory.mktemp("snapshots")
    with ThreadPoolExecutor(2) as threads:
        made = {
            as_of: threads.submit(snapshot, use_case, landing, as_of, work / as_of) for as_of in (MONTHS[-1], AS_OF)
        }
    return {as_of: path.result() for as_of, path in made.items()}


@pytest.fixture(scope="session")
def trials(use_case: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Trials:
    """Tries everything, on as many processes as there are processors: each of them has to import TFDV once."""
    work = tmp_path_factory.mktemp("trials")
    processes = min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for _ in range(processes):
            pool.submit(warm_up)
        landing = request.getfixturevalue("landing")
        made = request.getfixturevalue("snapshots")
        clean = {
            as_of: pool.submit(try_clean, use_case, made[MONTHS[-1]], as_of, work / f"clean-{as_of}")
            for as_of in reversed(MONTHS)
        }
        delivered = {
            name: pool.submit(try_delivery, use_case, landing, name, work / f"delivery-{index}")
            for index, name in enumerate(EVERY)
        }
        spoilt = {
            defect: pool.submit(try_defect, use_case, made[AS_OF], AS_OF, defect, work / f"defect-{index}")
            for index, defect in enumerate(load_defects())
        }
        found = Trials(
            {defect: trial.result() for defect, trial in spoilt.items()},
            {name: trial.result() for name, trial in delivered.items()},
            {as_of: clean[as_of].result() for as_of in MONTHS},
        )
    lines.extend(table(found))
    return found


def table(found: Trials) -> list[str]:
    """What became of each defect, and how near the clean months came to each limit, as lines for a person."""
    shown = []
    for defect, answer in found.defects.items():
        reasons = answer.verdict.reasons if answer.verdict else ()
        gates = ", ".join(dict.fromkeys(reason.check.split("/", 1)[0] for reason in reasons)) or "NOT REFUSED"
        reason = f"{reasons[0].check}: {reasons[0].message}" if reasons else ""
        shown.append(f"{defect!s:80.80} {gates:40.40} {reason:.140}")
    for name, delivery in found.deliveries.items():
        reasons = delivery.answer.verdict.reasons if delivery.answer and delivery.answer.verdict else ()
        reason = f"{reasons[0].check}: {reasons[0].message}" if reasons else delivery.line if delivery.code else "taken"
        gate = "ingest" if delivery.code else reasons[0].check.split("/", 1)[0] if reasons else "passed"
        shown.append(f"{'delivery: ' + name:80.80} {gate:40.40} {reason:.140}")
    refused = sum(answer.refused for answer in found.defects.values())
    kinds = len({defect.kind for defect in found.defects})
    shown.append(f"defects: {refused} of {len(found.defects)} refused, of {kinds} kinds")
    for as_of, answer in found.clean.items():
        outcome = answer.verdict.outcome.value if answer.verdict else "no verdict"
        shown.append(f"clean month judged {as_of}: {outcome}")
    return shown + headroom(found)


def headroom(found: Trials) -> list[str]:
    """Of each check the largest effect in the clean months against its limit, the nearest first."""
    worst: dict[str, tuple[float, str]] = {}
    for as_of, answer in found.clean.items():
        for finding in answer.verdict.findings if answer.verdict else ():
            if finding.effect and finding.threshold:
                low = finding.check.endswith("/low")
                share = finding.threshold / finding.effect if low else finding.effect / finding.threshold
                if share > worst.get(finding.check, (0.0, ""))[0]:
                    text = f"{finding.effect:.4g} of {finding.threshold:.4g} as of {as_of}: {finding.message}"
                    worst[finding.check] = (share, text)
    ranked = sorted(worst.items(), key=lambda item: -item[1][0])
    return [f"clean {share:5.0%} {check}: {text:.150}" for check, (share, text) in ranked]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table below the tests."""
    if lines:
        terminalreporter.section("defects and the gates that refused them")
    for line in lines:
        terminalreporter.write_line(line)
