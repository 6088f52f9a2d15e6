"""The page of a year: what it cost beside other ways to decide, whether anything was lost, and what happened when."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from windsock.contracts.chart import Bar, Series, bars, lines
from windsock.contracts.report import Section, escape, figure, number, page, table
from windsock.contracts.use_case import UseCase

from year.journal import Ended
from year.plan import Stage
from year.scenario import Scenario

THOUSAND = 1000.0
WAYS = {
    "system": ("this system", "accent"),
    "first": ("first release, never retrained", "second"),
    "rules": ("the rules", "third"),
    "nothing": ("never acting", "refused"),
}
DUE_ONLY = "Of the answers those are counted whose labels are due: all but those of the last days."
SERVED_ROWS = (
    "A release that is compared decides on the rows that were served; where the rules answered, they do for it."
)


def months_of(journal: Sequence[Ended]) -> dict[str, dict[str, float]]:
    """Sums by month of all that was counted."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for ended in journal:
        for day, figures in ended.figures.get("days", {}).items():
            for name, value in figures.items():
                sums[day[:7]][name] += value
    return {month: dict(figures) for month, figures in sorted(sums.items())}


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
    """How many questions were asked, answered, lost; how many answers were found again, and their labels."""
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


def events_of(journal: Sequence[Ended]) -> list[tuple[str, str, str]]:
    """The time line: day, what it was, and in words."""
    events = []
    open_before: set[str] = set()
    for ended in journal:
        figures, day = ended.figures, ended.until
        if ended.stage == Stage.TRAIN:
            events.append((ended.since, "release", f"the first release, {short(figures['production'])}, takes over"))
        if ended.stage == Stage.REPLAY and str(figures.get("features", "")).startswith("left"):
            events.append((day, "gate", "the data gates refuse the period: features stay, the rules answer"))
        if ended.stage == Stage.LEAD and figures.get("candidate"):
            events.append((day, "canary", f"{short(figures['candidate'])} {canary_words(figures)}"))
        if ended.stage == Stage.MONITOR and "alerts" in figures:
            now = set(figures["alerts"])
            events += [(day, "alert", f"fires: {one}") for one in sorted(now - open_before)]
            events += [(day, "alert", f"is over: {one}") for one in sorted(open_before - now)]
            open_before = now
            if figures.get("request"):
                events.append((day, "request", f"retraining is asked for: {figures['why']}"))
        if ended.stage == Stage.RETRAIN and (figures.get("candidate") or ended.exit_code):
            made = f"{short(figures['candidate'])} waits" if figures.get("candidate") else "refused"
            events.append((day, "training", f"exit code {ended.exit_code}: {made}"))
    return events


def canary_words(figures: Mapping[str, object]) -> str:
    """How a rollout stands at the end of a period."""
    if figures.get("promoted"):
        return "gets all of the traffic"
    return "is refused by its canary" if figures.get("refused") else "goes on being tried"


def short(digest: object) -> str:
    """A digest that a person can tell from others."""
    return str(digest).removeprefix("sha256:")[:12]


def incidents_body(scenario: Scenario, journal: Sequence[Ended], currency: str) -> str:
    """What went wrong, what was expected to catch it, what was said meanwhile, and what decisions cost then."""
    spans = [(one.name, one.expected, one.since, one.until) for one in scenario.data]
    spans += [(one.name, one.expected, one.at, one.at + timedelta(days=1)) for one in scenario.releases]
    rows = []
    for name, expected, since, until in sorted(spans, key=lambda span: span[2]):
        if journal[0].since <= str(since) < journal[-1].until:
            told = [f"{day[5:]} {what}: {words}" for day, what, words in during(journal, since, until)]
            costs = [f"{number(value)} {way}" for way, value in costs_during(journal, since, until).items()]
            cells = (name, f"{since} to {until}", expected, "; ".join(told), ", ".join(costs))
            rows.append([escape(cell) or "nothing" for cell in cells])
    return table(["what", "when", "expected to catch it", "what was said", f"{currency} per 1,000"], rows)


def during(journal: Sequence[Ended], since: date, until: date) -> list[tuple[str, str, str]]:
    """What was said from the end of the first day to the day after the last."""
    last = until + timedelta(days=1)
    return [event for event in events_of(journal) if str(since) < event[0] <= str(last)]


def costs_during(journal: Sequence[Ended], since: date, until: date) -> dict[str, float | None]:
    """Cost per 1,000 decisions by way, of the events of these days as nearly as they were counted apart."""
    total: Counter[str] = Counter()
    for ended in journal:
        first, last = ended.figures.get("counted", ("", ""))
        if ended.stage == Stage.COUNT and first < str(until) and last > str(since):
            for day, figures in ended.figures.get("days", {}).items():
                if str(since) <= day < str(until):
                    total.update(figures)
    return {way: per_thousand(total, way) for way in WAYS} if total else {}


def year_page(use_case: UseCase, journal: Sequence[Ended], scenario: Scenario | None = None) -> str:
    """The whole page; with a scenario, what became of its incidents."""
    months, counts = months_of(journal), account(journal)
    total = whole(months)
    currency = use_case.costs.currency
    figures = {way: per_thousand(total, way) for way in WAYS}
    facts = [("questions", number(counts.get("asked"))), ("lost", number(counts.get("lost")))]
    facts += [(f"{currency} per 1,000, {WAYS[way][0]}", number(value)) for way, value in figures.items()]
    sections = [
        Section("What it cost", cost_body(months, currency), SERVED_ROWS),
        Section(
            "Nothing lost",
            account_body(counts),
            DUE_ONLY,
        ),
        *([Section("What went wrong", incidents_body(scenario, journal, currency))] if scenario else []),
        Section("What happened", events_body(journal)),
        Section("Where the time went", time_body(journal)),
    ]
    lost = bool(counts.get("lost"))
    lead = (
        f"{use_case.name}, {journal[0].since} to {journal[-1].until}: every stage by the command that a person types."
    )
    return page("A year in production", "refused" if lost else "passed", lead, facts, sections)


def cost_body(months: Mapping[str, Mapping[str, float]], currency: str) -> str:
    """The cost of each way by month, as a chart and as a table."""
    if not months:
        return "<p>No label is due yet.</p>"
    names = list(months)
    series = [
        Series(words, [(i, value) for i, m in enumerate(names) if (value := per_thousand(months[m], way)) is not None])
        for way, (words, _) in WAYS.items()
    ]
    # The legend has room for a word each.
    toned = [Series(way, one.points, tone=WAYS[way][1], dots=True) for way, one in zip(WAYS, series)]
    chart = lines(toned, f"months since {names[0]}", f"{currency} per 1,000")
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


def events_body(journal: Sequence[Ended]) -> str:
    """The time line."""
    rows = [[escape(part) for part in event] for event in events_of(journal)]
    return table(["day", "what", "in words"], rows)


def time_body(journal: Sequence[Ended]) -> str:
    """Seconds by stage."""
    spent: dict[str, float] = defaultdict(float)
    for ended in journal:
        spent[ended.stage] += ended.took_s
    return figure(
        bars([Bar(stage, spent[stage]) for stage in sorted(spent, key=spent.__getitem__, reverse=True)], "seconds"),
        "All periods together.",
    )
