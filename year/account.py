"""What a year comes to: sums by month, what was lost, what happened when; pure functions of the journal."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from year.journal import Ended
from year.plan import Stage

THOUSAND = 1000.0
GATE, ALERT, REQUEST, TRAINING, CANARY, RELEASE, ROLLBACK = (
    "gate", "alert", "request", "training", "canary", "release", "rollback",
)  # fmt: skip
KINDS = (GATE, ALERT, REQUEST, TRAINING, CANARY, RELEASE, ROLLBACK)


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


@dataclass(frozen=True)
class Alarm:
    """An alert on a release or its world, and what came of it. `borne_out` says by what, or is empty."""

    event: Event
    borne_out: str


def alarms_of(events: Sequence[Event], incidents: Sequence[tuple[str, date, date]] = ()) -> list[Alarm]:
    """Every alert, held against what was wrong: refused data, an incident, harm that was shown on outcomes, or a better
    release that its request led to. What none of them bears out is a false alarm.
    """
    alerts = [event for event in events if event.kind == ALERT]
    return [Alarm(one, _borne_out(one, events, incidents)) for one in alerts]


def _borne_out(alert: Event, events: Sequence[Event], incidents: Sequence[tuple[str, date, date]]) -> str:
    for name, since, until in incidents:
        if str(since) <= alert.since <= str(until + timedelta(days=28)):
            return f"incident: {name}"
    for other in events:
        touches = other.since <= alert.until and (other.until or other.since) >= alert.since
        if other.kind == GATE and touches:
            return "the data gates refused"
        if other.kind == ALERT and touches and other.words.startswith("Harm"):
            return f"harm was shown: {other.words}"
    asked = [one for one in events if one.kind == REQUEST and alert.since <= one.since <= alert.until]
    better = [one for one in events if one.kind == RELEASE and asked and one.since > asked[0].since]
    return f"a better release on {better[0].since}" if better else ""


def fingerprint(journal: Sequence[Ended]) -> str:
    """Names all that was decided and what it cost: two runs of one year have the same."""
    told = [[event.since, event.kind, event.words, event.until] for event in events_of(journal)]
    content = {"events": told, "days": sorted(days_of(journal)), "account": account(journal)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def short(digest: object) -> str:
    """A digest that a person can tell from others."""
    return str(digest).removeprefix("sha256:")[:12]
