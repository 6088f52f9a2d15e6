"""What a year comes to: sums by month, what was lost, what happened when; pure functions of the journal."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from year.journal import Ended
from year.plan import Stage

THOUSAND = 1000.0
GATE, ALERT, REQUEST, TRAINING, CANARY, RELEASE, ROLLBACK = (
    "gate", "alert", "request", "training", "canary", "release", "rollback",
)  # fmt: skip
KINDS = (GATE, ALERT, REQUEST, TRAINING, CANARY, RELEASE, ROLLBACK)
# How the words of a request begin that drift has asked for by lasting; the checks follow after a colon.
LASTED = "drift has lasted for "
# Harm that is shown so much later was not what an alert told of.
FORETOLD = timedelta(days=28)


@dataclass(frozen=True)
class Event:
    """Something that happened: from a day on, until another one where it lasted."""

    since: str
    kind: str
    words: str
    until: str = ""


def in_order(journal: Sequence[Ended]) -> list[Ended]:
    """The stages by time and not by when they ended, which two runs may do otherwise."""
    order = {stage.value: place for place, stage in enumerate(Stage)}
    return sorted(journal, key=lambda one: (one.until, order[one.stage], one.name))


def months_of(journal: Sequence[Ended]) -> dict[str, dict[str, float]]:
    """Sums by month of all that was counted."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for day, figures in days_of(journal):
        for name, value in figures.items():
            sums[day[:7]][name] += value
    return {month: dict(figures) for month, figures in sorted(sums.items())}


def days_of(journal: Sequence[Ended]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Every day that was counted, with its sums."""
    for ended in journal:
        yield from ended.figures.get("days", {}).items()


def per_thousand(figures: Mapping[str, float], way: str) -> float | None:
    """Cost per 1,000 decisions of a way; None where it was not counted."""
    if not figures.get("decisions") or way not in figures:
        return None
    return figures[way] / figures["decisions"] * THOUSAND


def whole(months: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The sums over all months."""
    total: Counter[str] = Counter()
    for figures in months.values():
        total.update(figures)
    return dict(total)


def account(journal: Sequence[Ended]) -> dict[str, int]:
    """Questions asked, answered and lost; of those whose labels are due, the answers that were found, and labels."""
    total: Counter[str] = Counter(asked=0, answered=0, lost=0)
    for ended in journal:
        figures = ended.figures
        if ended.stage == Stage.REPLAY:
            # Totals of all replays so far, those of a killed process too.
            for name, number_so_far in figures.get("in_all", {}).items():
                total[name] = max(total[name], number_so_far)
        if ended.stage == Stage.COUNT:
            total.update({"recorded": figures.get("asked", 0), "labelled": figures.get("labelled", 0)})
            total.update(figures.get("answered_by", {}))
    return dict(total)


def costs_during(journal: Sequence[Ended], since: date, until: date) -> dict[str, float]:
    """The sums of the events of some days."""
    total: Counter[str] = Counter()
    for day, figures in days_of(journal):
        if str(since) <= day < str(until):
            total.update(figures)
    return dict(total)


def events_of(journal: Sequence[Ended]) -> list[Event]:
    """The time line, in order."""
    ordered = in_order(journal)
    found = [*_points(ordered), *_gates(ordered), *_alerts(ordered)]
    return sorted(found, key=lambda event: (event.since, KINDS.index(event.kind), event.words))


def _points(journal: Sequence[Ended]) -> Iterator[Event]:
    """What has a day and no length, and rollouts."""
    begun = ""
    for ended in journal:
        figures, day = ended.figures, ended.until
        if ended.stage == Stage.TRAIN:
            words = f"the first release, {short(figures['production'])}, takes over"
            yield Event(ended.since, RELEASE, words)
        if ended.stage == Stage.MONITOR and figures.get("request"):
            yield Event(day, REQUEST, f"retraining is asked for: {figures['why']}")
        if ended.stage == Stage.RETRAIN and (figures.get("candidate") or ended.exit_code):
            made = f"{short(figures['candidate'])} waits" if figures.get("candidate") else "its gate lets none pass"
            yield Event(day, TRAINING, made)
        if ended.stage == Stage.LEAD and figures.get("candidate"):
            begun = begun or day
            if figures["phase"] != "idle":
                continue
            yield Event(begun, CANARY, f"{short(figures['candidate'])} {_end_of(figures)}", day)
            if figures.get("promoted"):
                yield Event(day, RELEASE, f"{short(figures['candidate'])} takes over")
            else:
                yield Event(day, ROLLBACK, f"{short(figures['candidate'])} loses its traffic")
            begun = ""
    if begun:
        yield Event(begun, CANARY, "goes on being tried", journal[-1].until)


def _end_of(figures: Mapping[str, object]) -> str:
    if figures.get("undecided"):
        return "is tried, stays undecided and is ended by hand"
    return "is tried and gets all of the traffic" if figures.get("promoted") else "is tried and refused"


def _gates(journal: Sequence[Ended]) -> Iterator[Event]:
    """Days in a row on which the data gates refuse."""
    refused = [one for one in journal if one.stage == Stage.JUDGE and not one.figures.get("passed", True)]
    open_now: Event | None = None
    for ended in refused:
        reasons = ", ".join(ended.figures.get("reasons", ()))
        if open_now is not None and open_now.until == ended.since and open_now.words == reasons:
            open_now = replace(open_now, until=ended.until)
            continue
        if open_now is not None:
            yield open_now
        open_now = Event(ended.since, GATE, reasons, ended.until)
    if open_now is not None:
        yield open_now


def _alerts(journal: Sequence[Ended]) -> Iterator[Event]:
    """Alerts from the day on which they fire to the one on which they are over."""
    since: dict[str, str] = {}
    watched = [one for one in journal if one.stage == Stage.MONITOR and "alerts" in one.figures]
    for ended in watched:
        now = set(ended.figures["alerts"])
        for name in sorted(since.keys() - now):
            yield Event(since.pop(name), ALERT, name, ended.until)
        for name in sorted(now - since.keys()):
            since[name] = ended.until
    for name, day in sorted(since.items()):
        yield Event(day, ALERT, name, watched[-1].until)


class Worth(StrEnum):
    """What an alert was worth to whoever was told of it, the best first."""

    BORNE_OUT = "borne out"
    MOVED = "moved for good"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Alarm:
    """An alert on a release or its world, what it was worth, and in words why."""

    event: Event
    worth: Worth
    why: str = ""


@dataclass(frozen=True)
class Episode:
    """Alerts of one name that touch each other in time: what a person is told once, since notices go by name.

    It is worth what the best of its alerts is.
    """

    name: str
    since: str
    until: str
    worth: Worth


def alarms_of(events: Sequence[Event], incidents: Sequence[tuple[str, date, date]] = ()) -> list[Alarm]:
    """Every alert, held against what was wrong: refused data, an incident, harm that was shown on outcomes, or a better
    release that its request led to. What none of them bears out moved for good where a request says that it lasted.
    """
    found = []
    for alert in events:
        if alert.kind == ALERT:
            if borne_out := _borne_out(alert, events, incidents):
                found.append(Alarm(alert, Worth.BORNE_OUT, borne_out))
            elif lasted := _lasted(alert, events):
                found.append(Alarm(alert, Worth.MOVED, lasted))
            else:
                found.append(Alarm(alert, Worth.NOTHING))
    return found


def _borne_out(alert: Event, events: Sequence[Event], incidents: Sequence[tuple[str, date, date]]) -> str:
    for name, since, until in incidents:
        if str(since) <= alert.since <= str(until + FORETOLD):
            return f"incident: {name}"
    soon = str(date.fromisoformat(alert.since) + FORETOLD)
    for other in events:
        touches = other.since <= alert.until and (other.until or other.since) >= alert.since
        if other.kind == GATE and touches:
            return "the data gates refused"
        if other.kind == ALERT and touches and wakes(other) and other != alert and other.since <= soon:
            return f"harm was shown: {other.words}"
    # On the day on which an alert is over, whatever asks is another.
    asked = [one for one in events if one.kind == REQUEST and alert.since <= one.since < alert.until]
    better = [one for one in events if one.kind == RELEASE and asked and one.since > asked[0].since]
    return f"a better release on {better[0].since}" if better else ""


def _lasted(alert: Event, events: Sequence[Event]) -> str:
    """The request that an alert led to by lasting, or nothing: its words name the checks that did."""
    for one in events:
        lasting = one.words.partition(LASTED)[2].partition(": ")[2].split(", ")
        if one.kind == REQUEST and alert.since <= one.since <= alert.until and _check_of(alert) in lasting:
            return f"it had lasted when a retraining was asked for on {one.since}"
    return ""


def wakes(alert: Event) -> bool:
    """Whether an alert wakes somebody, since it shows harm on outcomes: the drift component's own rule."""
    check = _check_of(alert)
    return check.startswith("concept/") or check == "kpi/rules"


def _check_of(alert: Event) -> str:
    return alert.words.partition(": ")[2]


def _name_of(alert: Event) -> str:
    return alert.words.partition(": ")[0]


def episodes_of(alarms: Sequence[Alarm]) -> list[Episode]:
    """What a person is told: alerts of one name, from the first until a day on which none of that name fires."""
    found: list[Episode] = []
    for alarm in sorted(alarms, key=lambda one: (_name_of(one.event), one.event.since)):
        name, event = _name_of(alarm.event), alarm.event
        before = found[-1] if found and found[-1].name == name else None
        if before is None or event.since > before.until:
            found.append(Episode(name, event.since, event.until, alarm.worth))
        else:
            worth = min(before.worth, alarm.worth, key=list(Worth).index)
            found[-1] = replace(before, until=max(before.until, event.until), worth=worth)
    return sorted(found, key=lambda one: (one.since, one.name))


def fingerprint(journal: Sequence[Ended]) -> str:
    """Names all that was decided and what it cost: two runs of one year have the same."""
    told = [[event.since, event.kind, event.words, event.until] for event in events_of(journal)]
    content = {"events": told, "days": sorted(days_of(journal)), "account": account(journal)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def short(digest: object) -> str:
    """A digest that a person can tell from others."""
    return str(digest).removeprefix("sha256:")[:12]
