"""The page of a year: what it cost beside other ways to decide, whether anything was lost, and what happened when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from windsock.contracts.chart import Bar, Series, Stretch, bars, lanes, lines
from windsock.contracts.report import Section, escape, figure, folded, number, page, table
from windsock.contracts.use_case import UseCase

from year.account import (
    ALERT,
    GATE,
    KINDS,
    ROLLBACK,
    Alarm,
    Episode,
    Event,
    Worth,
    account,
    alarms_of,
    costs_during,
    episodes_of,
    events_of,
    fingerprint,
    months_of,
    per_thousand,
    wakes,
    whole,
)
from year.journal import Ended
from year.plan import Stage, month_starts
from year.scenario import Scenario

WAYS = {
    "system": ("this system", "accent"),
    "ungated": ("monthly retraining without gates", "muted"),
    "first": ("first release, never retrained", "second"),
    "rules": ("the rules", "third"),
    "nothing": ("never acting", "refused"),
}
DUE_ONLY = "Of the answers those are counted whose labels are due: all but those of the last days."
SERVED_ROWS = (
    "A release that is compared decides on the rows that were served; where the rules answered, they do for it."
)
ALARMS = (
    "An alert is borne out by refused data, an incident, harm that another alert showed on outcomes, or a better "
    "release that its request led to. It moved for good where none of them does, but the world stayed so long where it "
    "had moved that a retraining was asked for by that. All else was worth nothing: a false alarm. Alerts of one name "
    "that touch each other in time are one episode, of which a person is told once. A page wakes somebody."
)
A_MONTH_DAYS = 30
TONES = {GATE: "refused", ALERT: "second", ROLLBACK: "refused"}


def year_page(use_case: UseCase, journal: Sequence[Ended], scenario: Scenario | None = None) -> str:
    """The whole page; with a scenario, what became of its incidents."""
    months, counts, events = months_of(journal), account(journal), events_of(journal)
    total = whole(months)
    currency = use_case.costs.currency
    facts = [("questions", number(counts.get("asked"))), ("lost", number(counts.get("lost")))]
    facts += [(f"{currency} per 1,000, {words}", number(per_thousand(total, way))) for way, (words, _) in WAYS.items()]
    facts += [("fingerprint of all decisions", fingerprint(journal)[:16])]
    sections = [
        Section("What it cost", cost_body(months, currency), SERVED_ROWS),
        Section("Nothing lost", account_body(counts), DUE_ONLY),
        *([Section("What went wrong", incidents_body(scenario, journal, currency))] if scenario else []),
        Section("What happened", events_body(events, journal)),
        Section("What alerts were worth", alarms_body(events, scenario, watched_days(journal)), ALARMS),
        Section("Where the time went", time_body(journal)),
    ]
    first, last = min(one.since for one in journal), max(one.until for one in journal)
    lead = f"{use_case.name}, {first} to {last}: every stage by the command that a person types."
    return page("A year in production", "refused" if counts.get("lost") else "passed", lead, facts, sections)


def cost_body(months: Mapping[str, Mapping[str, float]], currency: str) -> str:
    """The cost of each way by month, as a chart and as a table."""
    if not months:
        return "<p>No label is due yet.</p>"
    names = list(months)
    # The legend has room for a word each.
    series = [
        Series(
            way,
            [(i, value) for i, m in enumerate(names) if (value := per_thousand(months[m], way)) is not None],
            tone=tone,
            dots=True,
        )
        for way, (_, tone) in WAYS.items()
    ]
    chart = lines(series, f"months since {names[0]}", f"{currency} per 1,000")
    every = {**months, "all": whole(months)}
    rows = [
        [escape(month), number(row["decisions"]), *(number(per_thousand(row, way)) for way in WAYS)]
        for month, row in every.items()
    ]
    headers = ["month", "decisions", *(words for words, _ in WAYS.values())]
    return figure(chart, "Cost of all decisions whose outcome is known.") + table(headers, rows, range(1, len(headers)))


def account_body(counts: Mapping[str, int]) -> str:
    """Questions, answers, records and labels."""
    rows = [[escape(name), number(value)] for name, value in counts.items()]
    return table(["what", "how many"], rows, (1,))


def spans_of(scenario: Scenario | None) -> list[tuple[str, str, date, date]]:
    """Each incident: its name, what is expected to catch it, and its days."""
    if scenario is None:
        return []
    spans = [(one.name, one.expected, one.since, one.until) for one in scenario.data]
    spans += [(one.name, one.expected, one.at, one.at + timedelta(days=1)) for one in scenario.releases]
    return sorted(spans, key=lambda span: span[2])


def incidents_body(scenario: Scenario, journal: Sequence[Ended], currency: str) -> str:
    """What went wrong, what was expected to catch it, what caught it and when, and what decisions cost then."""
    first, last = min(one.since for one in journal), max(one.until for one in journal)
    rows = []
    for name, expected, since, until in spans_of(scenario):
        if not first <= str(since) < last:
            continue
        told = [f"{one.since[5:]} {one.kind}: {one.words}" for one in during(events_of(journal), since, until)]
        sums = costs_during(journal, since, until)
        costs = [f"{number(per_thousand(sums, way))} {way}" for way in WAYS] if sums else []
        cells = (name, f"{since} to {until}", expected, "; ".join(told[:8]), ", ".join(costs))
        rows.append([escape(cell) or "nothing" for cell in cells])
    return table(["what", "when", "expected to catch it", "what was said", f"{currency} per 1,000"], rows)


def during(events: Sequence[Event], since: date, until: date) -> list[Event]:
    """What began from the first of some days to the day after the last, or within four weeks if it ends a release."""
    last, lately = str(until + timedelta(days=1)), str(until + timedelta(days=28))
    return [
        one
        for one in events
        if str(since) <= one.since <= last or (one.kind == ROLLBACK and str(since) <= one.since <= lately)
    ]


def events_body(events: Sequence[Event], journal: Sequence[Ended]) -> str:
    """The time line, as a picture and in words."""
    first = date.fromisoformat(min(one.since for one in journal))
    last = date.fromisoformat(max(one.until for one in journal))

    def place(day: str) -> float:
        return float((date.fromisoformat(day) - first).days)

    rows = [
        (
            kind,
            [
                Stretch(place(one.since), place(one.until or one.since), f"{one.since} {one.words}", TONES[kind])
                if kind in TONES
                else Stretch(place(one.since), place(one.until or one.since), f"{one.since} {one.words}")
                for one in events
                if one.kind == kind
            ],
        )
        for kind in KINDS
    ]
    months = [(place(str(day)), f"{day:%b}") for day in (first, *month_starts(first, last))]
    words = [[escape(part) for part in (one.since, one.until, one.kind, one.words)] for one in events]
    picture = figure(lanes(rows, months), "Every verdict against data, alert, request, training, canary and release.")
    return picture + folded(f"In words: {len(events)} events", table(["since", "until", "what", "in words"], words))


def watched_days(journal: Sequence[Ended]) -> int:
    """The days that monitoring has looked at: alerts of no other day could be raised."""
    watched = [one for one in journal if one.stage == Stage.MONITOR]
    if not watched:
        return 0
    first, last = min(one.since for one in watched), max(one.until for one in watched)
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def alarms_body(events: Sequence[Event], scenario: Scenario | None, days: int) -> str:
    """How many alerts and episodes there were in some days and what they were worth, and each alert by itself."""
    incidents = [(name, since, until) for name, _, since, until in spans_of(scenario)]
    alarms = alarms_of(events, incidents)
    waking = [one for one in alarms if wakes(one.event)]
    counted: dict[str, Sequence[Alarm | Episode]] = {
        "alerts": alarms,
        "episodes": episodes_of(alarms),
        "pages": waking,
        "episodes of pages": episodes_of(waking),
    }
    headers = ["what", "how many", "a month", *Worth, f"{Worth.NOTHING}, a month"]
    sums = table(headers, [_worth_row(what, ones, days) for what, ones in counted.items()], range(1, len(headers)))
    rows = [
        [escape(part) for part in (one.event.since, one.event.until, one.event.words, one.worth, one.why)]
        for one in alarms
    ]
    told = table(["since", "until", "alert", "what it was worth", "why"], rows)
    return sums + folded(f"One by one: {len(alarms)} alerts", told)


def _worth_row(what: str, ones: Sequence[Alarm | Episode], days: int) -> list[str]:
    worth = [sum(one.worth is kind for one in ones) for kind in Worth]
    months = days / A_MONTH_DAYS
    rates = [number(count / months if months else None) for count in (len(ones), worth[-1])]
    return [what, str(len(ones)), rates[0], *map(str, worth), rates[1]]


def time_body(journal: Sequence[Ended]) -> str:
    """Seconds by stage."""
    spent: dict[str, float] = defaultdict(float)
    for ended in journal:
        spent[ended.stage] += ended.took_s
    return figure(
        bars([Bar(stage, spent[stage]) for stage in sorted(spent, key=spent.__getitem__, reverse=True)], "seconds"),
        "All periods together. Three stages may run at once: one ahead, one served, one watched.",
    )
