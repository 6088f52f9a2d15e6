"""What follows from findings: pure rules on plain values, no files and no libraries.

Drift alone is told: somebody looks. Retraining is asked for when harm was shown on outcomes that another model could
mend: by the loss, the calibration, the ranking, or by being dearer than the rules. A cost above the plan alone is told
too: harder times cost more with any model.
"""

from collections.abc import Sequence
from enum import StrEnum

from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.report import number
from windsock.contracts.verdict import Finding, Outcome

HARM = ("concept/", "kpi/rules")
ONLINE = "concept/online_errors"
PARTS = 6


class Ask(StrEnum):
    """What a verdict asks for."""

    NOTHING = "nothing"
    ALERT = "alert"
    RETRAIN = "retrain"


def ask(findings: Sequence[Finding]) -> Ask:
    """Retraining where harm was shown, an alert where anything lasted beyond its bound, else nothing."""
    refused = [finding.check for finding in findings if finding.outcome is Outcome.REFUSED]
    if any(check.startswith(HARM) for check in refused):
        return Ask.RETRAIN
    return Ask.ALERT if refused else Ask.NOTHING


def part_of_budget(alarms_a_month: float) -> float:
    """Each of the families, the joint test, and the bet on cost with the online detector, may spend an equal part."""
    return alarms_a_month / PARTS


def part_of_bet(alarms_a_month: float) -> float:
    """The chance that the bet on cost fails once in the life of a release, which is rarely shorter than a month."""
    return min(0.05, part_of_budget(alarms_a_month) / 2)


def part_of_online(alarms_a_month: float) -> float:
    """What the bet on cost leaves of its part of the budget: false alarms a month of the online detector."""
    return part_of_budget(alarms_a_month) - part_of_bet(alarms_a_month)


def judge_joint(
    distances: Sequence[float], clean: Sequence[float], p_value: float, rows: int, floor: float, owner: str
) -> Finding:
    """All features together: further from the reference than every clean window was, in every one of the last windows.

    The chance that a clean window exceeds n others is 1 / (n + 1), if they are alike: no distribution is assumed.
    """
    bound = max([floor, *clean])
    beyond = all(distance > bound for distance in distances)
    return Finding(
        check="joint/classifier",
        outcome=Outcome.REFUSED if beyond else Outcome.PASSED,
        message=f"a classifier tells production's rows from the reference's: distance {number(distances[-1])}, "
        f"p {number(p_value)}, which decides nothing",
        effect=distances[-1],
        sample_size=rows,
        interval=(min(distances), max(distances)),
        threshold=bound,
        threshold_origin=f"the furthest of {len(clean)} clean windows, floor {number(floor)}; Alibi Detect's "
        "ClassifierDrift; the interval is the range over the last windows",
        owner=owner,
    )


def judge_share(
    check: str, share: float, interval: tuple[float, float], rows: int, floor: float, owner: str
) -> Finding:
    """A share of answers that should be about none: refused when all of its interval lies beyond the floor."""
    beyond = interval[0] > floor
    return Finding(
        check=check,
        outcome=Outcome.REFUSED if beyond else Outcome.PASSED,
        message=f"{share:.1%} of answers were given by the rules",
        effect=share,
        sample_size=rows,
        interval=interval,
        threshold=floor,
        threshold_origin="[drift.floors] share; the clean share is none",
        owner=owner,
    )


def judge_bet(lowest: float, mean: float, days: int, error_rate: float, unit: str, owner: str) -> Finding:
    """Dearer than the rules, whenever one looks: the whole confidence sequence lies above zero."""
    return Finding(
        check="kpi/rules",
        outcome=Outcome.REFUSED if lowest > 0 else Outcome.PASSED,
        message=f"{number(mean)} {unit} against the rules on the same events, a day's mean; at least {number(lowest)}",
        effect=mean,
        sample_size=days,
        interval=(lowest, float("1e9")) if lowest > 0 else None,
        threshold=0.0,
        threshold_origin=f"a model that is dearer than the rules is not needed; error {number(error_rate)} over all "
        "looks together, one bet a day",
        owner=owner,
    )


def judge_days(
    since: str,
    kept: bool,
    bad: tuple[int, int],
    loss: tuple[float, tuple[float, float]],
    rows: int,
    floor: float,
    origin: str,
    owner: str,
) -> Finding:
    """An alarm of the online detector in the last window, whose loss lies above the floor too; it counts if `kept`.

    `since` is the first day of alarms that went on until now, or empty; `bad` the bad days of the last window and all
    of them; `loss` its mean above what was usual, with its interval.
    """
    beyond = bool(since) and loss[0] > floor
    message = f"{bad[0]} of the last {bad[1]} days were bad ones"
    message += f"; alarms since {since}" if since else "; no alarm"
    if beyond and not kept:
        message += ", but its self-test does not show that it keeps its budget"
    return Finding(
        check=ONLINE,
        outcome=(Outcome.REFUSED if kept else Outcome.INCONCLUSIVE) if beyond else Outcome.PASSED,
        message=message,
        effect=loss[0],
        sample_size=rows,
        interval=loss[1],
        threshold=floor,
        threshold_origin=f"[drift.floors] loss, and {origin}",
        owner=owner,
    )


def judge_skew(
    column: str, differing: int, interval: tuple[float, float], rebuilt: Rebuilt, floors: tuple[float, int], owner: str
) -> Finding:
    """A column that the history gives otherwise than serving did, in more answers than the floor, beyond doubt.

    `floors` are the share that matters and the fewest answers that are judged.
    """
    floor, minimum_rows = floors
    beyond = Outcome.REFUSED if interval[0] > floor else Outcome.PASSED
    example = rebuilt.examples.get(column)
    message = f"{differing:,} of {rebuilt.rows:,} rebuilt answers differ{f', such as {example}' if example else ''}"
    return Finding(
        check=f"skew/{column}",
        outcome=beyond if rebuilt.rows >= minimum_rows else Outcome.INCONCLUSIVE,
        message=message,
        effect=differing / rebuilt.rows if rebuilt.rows else None,
        sample_size=rebuilt.rows,
        interval=interval,
        threshold=floor,
        threshold_origin="[drift.floors] skew; the clean share is none",
        owner=owner,
    )
