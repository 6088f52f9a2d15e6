"""From answers and history to findings: which families there are, and what each of them measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from windsock.contracts.cost import Costs
from windsock.contracts.drift_settings import Drift
from windsock.contracts.use_case import UseCase
from windsock.contracts.verdict import Finding, Outcome
from windsock.drift import betting, online, policy
from windsock.drift.bins import Bins, Codes, Numbers
from windsock.drift.calibrate import DAYS_A_MONTH, Plan, exact_interval
from windsock.drift.classic import told
from windsock.drift.family import OUTSIDE, RESAMPLES, Family, Together, build, judge_family
from windsock.drift.frame import Frame
from windsock.drift.joint import Joint, joint
from windsock.drift.measures import DayMeans, Means, Measure, Ranking, Shapes, Wins, shapes
from windsock.drift.rows import Answers, History
from windsock.drift.traffic import equal_parts

THOUSAND = 1000.0


@dataclass(frozen=True)
class Subject:
    """What is watched: the use case, the release's columns, threshold and promise.

    `scores` are the release's scores of the history, `wins` how they rank it, `held_out` the days of it that the model
    did not learn from, `clean_distances` how well a classifier tells clean windows from the rest.
    """

    use_case: UseCase
    columns: Sequence[str]
    threshold: float
    promise: Mapping[str, float]
    scores: Numbers
    wins: Wins
    clean_distances: Sequence[float]
    held_out: Numbers

    @property
    def settings(self) -> Drift:
        """The settings of monitoring."""
        return self.use_case.drift


@dataclass
class Watched:
    """All that was found, for the verdict and for the page."""

    families: dict[str, Family] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    bins: Bins | None = None
    joint: Joint | None = None
    wealth: Sequence[float] = ()
    error_rate: float = 0.05
    windows: list[dict[str, float]] = field(default_factory=list)


def watch(subject: Subject, history: History, answers: Answers, as_of: datetime) -> Watched:
    """Judges the last windows by all families that their rows allow."""
    settings, watched = subject.settings, Watched()
    plan, owner = Plan.of(settings), subject.use_case.owner
    asked = Frame.until(as_of, settings.window_days, settings.history_days)
    due = Frame.until(
        as_of - timedelta(hours=subject.use_case.label.mature_after_hours), settings.window_days, settings.history_days
    )
    recent = answers.where(asked.inside(answers.days))
    if not recent.by_model.any():
        message = f"no answer of this release's model in {asked.days} days"
        watched.findings.append(Finding("answers/model", Outcome.INCONCLUSIVE, message, owner=owner))
        return watched
    even = recent.where(equal_parts(asked.codes(recent.days), answers.asked.inside(asked), asked))
    _watch_inputs(watched, subject, history, even.where(even.by_model), asked, plan)
    _watch_answers(watched, subject, history, even, asked)
    labelled = answers.where(due.inside(answers.days) & answers.by_model & ~np.isnan(answers.label))
    watch_outcomes(watched, subject, history, labelled, due)
    watched.windows = _windows(subject, recent, asked, labelled, due)
    return watched


def _add(
    watched: Watched, subject: Subject, history: History, name: str, measure: Measure, frame: Frame, days: Codes
) -> Family:
    """Builds a family and takes its findings."""
    settings, plan = subject.settings, Plan.of(subject.settings)
    rate = plan.rate(policy.part_of_budget(settings.alarms_a_month))
    _, history_days = day_codes(history)
    seed = subject.use_case.training.seed
    family = build(name, measure, frame, frame.rows(days), history_days, plan, rate, seed)
    watched.families[name] = family
    words = _words(measure, watched.bins, frame)
    watched.findings += judge_family(family, plan, settings.minimum_rows, subject.use_case.owner, words)
    return family


def _words(measure: Measure, bins: Bins | None, frame: Frame) -> Sequence[str]:
    """What the classic test says of each feature in the last window; nothing of other checks."""
    if not isinstance(measure, Shapes) or bins is None:
        return [""] * len(measure.names)
    last = np.tensordot(frame.windows()[-1], measure.production, axes=1)
    return told(last, measure.history.sum(axis=0), bins.discrete)


def day_codes(history: History) -> tuple[Codes, int]:
    """The history's days counted without gaps, so that a block is of days that have rows."""
    different, codes = np.unique(history.days, return_inverse=True)
    return codes.astype(np.int64), len(different)


def _watch_inputs(
    watched: Watched, subject: Subject, history: History, scored: Answers, frame: Frame, plan: Plan
) -> None:
    """Each feature alone, then all of them together."""
    settings = subject.settings
    codes, day_count = day_codes(history)
    days = frame.codes(scored.days)
    season = frame.season(np.unique(history.days), settings.season_days)
    measure, watched.bins = shapes(
        subject.columns,
        settings.floors.feature,
        (history.rows, codes, day_count),
        (scored.rows, days, frame.days),
        season if season.any() else None,
    )
    family = _add(watched, subject, history, "feature", measure, frame, days)
    fewest = family.rows[-plan.persistence :].min()
    if fewest < settings.minimum_rows:
        return
    windows = [scored.rows[days // settings.window_days == index] for index in range(frame.count)][-plan.persistence :]
    found = joint(history.rows, windows, subject.clean_distances, settings, subject.use_case.training.seed)
    watched.joint = found
    watched.findings.append(
        policy.judge_joint(
            found.distances, found.clean, found.p_value, found.rows, settings.floors.feature, subject.use_case.owner
        )
    )


def _watch_answers(watched: Watched, subject: Subject, history: History, recent: Answers, frame: Frame) -> None:
    """The scores, the decisions, the agreement with the rules; and how often the rules had to answer."""
    settings, owner = subject.settings, subject.use_case.owner
    codes, day_count = day_codes(history)
    scored = recent.where(recent.by_model)
    days = frame.codes(scored.days)
    floor = settings.floors.share
    acted = subject.scores >= subject.threshold
    agree = acted == history.rules_act
    now = np.column_stack([scored.acted, scored.acted == scored.rules_act]).astype(np.float64)
    then = np.column_stack([acted, agree]).astype(np.float64)
    shape, _ = shapes(
        ["scores"],
        settings.floors.scores,
        (subject.scores[:, None].astype(np.float32), codes, day_count),
        (scored.probability[:, None].astype(np.float32), days, frame.days),
    )
    means = Means(
        names=["decisions", "agreement_with_rules"],
        floors=np.full(2, floor),
        history=DayMeans.of(then, codes, day_count),
        production=DayMeans.of(now, days, frame.days),
        base=then.mean(axis=0),
        one_sided=[False, False],
        scale=np.ones(2),
    )
    _add(watched, subject, history, "prediction", Together([shape, means]), frame, days)
    last = recent.where(recent.days >= frame.end - settings.window_days)
    if len(last) >= settings.minimum_rows:
        fallen = int((~last.by_model).sum())
        share, interval = fallen / len(last), exact_interval(fallen, len(last))
        watched.findings.append(policy.judge_share("prediction/fallback", share, interval, len(last), floor, owner))


def costs_of(costs: Costs, acted: Any, positive: Any) -> Numbers:
    """The cost of each decision, given what came true."""
    when_acted = np.where(positive, costs.act_positive, costs.act_negative)
    return np.where(acted, when_acted, np.where(positive, costs.skip_positive, costs.skip_negative)).astype(np.float64)


def excess_loss(score: Numbers, label: Any) -> Numbers:
    """How far a row's Brier score lies above what the score itself expects: (y - p)^2 - p (1 - p).

    Its mean is zero for calibrated scores whatever the features are, so that a change of features alone does not move
    it; Brier, 1950, and the decomposition of Murphy, 1973.
    """
    return np.asarray((label - score) * (1 - 2 * score))


def watch_outcomes(watched: Watched, subject: Subject, history: History, labelled: Answers, frame: Frame) -> None:
    """What came true: loss, calibration and ranking against the promise, cost against the plan and the rules."""
    if not len(labelled):
        message = f"no label of {frame.days} mature days is known"
        finding = Finding("concept/labels", Outcome.INCONCLUSIVE, message, owner=subject.use_case.owner)
        watched.findings.append(finding)
        return
    floors, costs = subject.settings.floors, subject.use_case.costs
    codes, day_count = day_codes(history)
    days, label = frame.codes(labelled.days), labelled.label
    then = np.column_stack([excess_loss(subject.scores, history.label), history.label - subject.scores])
    now = np.column_stack([excess_loss(labelled.probability, label), label - labelled.probability])
    held_out = subject.held_out.astype(bool)
    means = Means(
        names=["loss", "calibration"],
        floors=np.asarray([floors.loss, floors.calibration]),
        history=DayMeans.of(then, codes, day_count),
        production=DayMeans.of(now, days, frame.days),
        base=np.asarray([float(then[held_out, 0].mean()) if held_out.any() else 0.0, 0.0]),
        one_sided=[True, False],
        scale=np.ones(2),
    )
    wins = subject.wins
    promised = subject.promise.get("auc", float(wins.auc(np.ones((1, day_count)))[0]))
    outcome = Wins.of(labelled.probability, label.astype(np.int64), days, frame.days)
    ranking = Ranking(["auc"], np.asarray([floors.auc]), wins, outcome, promised)
    _add(watched, subject, history, "concept", Together([means, ranking]), frame, days)
    watched.findings.append(_day_by_day(subject, means, frame))
    paid = costs_of(costs, labelled.acted, label == 1)
    usual = costs_of(costs, subject.scores >= subject.threshold, history.label == 1)
    plan_cost = subject.promise.get("cost_per_1000", float(usual.mean()) * THOUSAND) / THOUSAND
    kpi = Means(
        names=["plan"],
        floors=np.asarray([floors.cost]),
        history=DayMeans.of(usual[:, None], codes, day_count),
        production=DayMeans.of(paid[:, None], days, frame.days),
        base=np.asarray([plan_cost]),
        one_sided=[True],
        scale=np.asarray([1 / max(plan_cost, 1e-9)]),
    )
    _add(watched, subject, history, "kpi", kpi, frame, days)
    _bet(watched, subject, labelled, paid, days, frame)


def _day_by_day(subject: Subject, means: Means, frame: Frame) -> Finding:
    """The loss of each day as it came: a gross change is seen in days, where windows in a row take weeks."""
    settings, plan, owner = subject.settings, Plan.of(subject.settings), subject.use_case.owner
    run_length = DAYS_A_MONTH / policy.part_of_online(settings.alarms_a_month)
    rows = int(means.production.rows[-plan.window_days :].sum())
    refusal = online.unable(len(means.history.rows), plan, run_length)
    if rows < settings.minimum_rows:
        refusal = f"too few rows in a window: {rows:,} of {settings.minimum_rows:,}"
    if refusal:
        return Finding(policy.ONLINE, Outcome.INCONCLUSIVE, refusal, sample_size=rows, owner=owner)
    base, seed = float(means.base[0]), subject.use_case.training.seed
    found = online.watch_days(means.history, means.production, base, plan, run_length, seed)
    resampled = means.production.means(frame.resamples(RESAMPLES, np.random.default_rng(seed)))[:, 0] - found.base
    low, high = np.nanpercentile(resampled, [OUTSIDE, 100 - OUTSIDE])
    since = found.since(frame.days, plan.window_days)
    last = frame.days - plan.window_days
    test = f"{found.test.rate * found.test.stretches:.0f} of {found.test.stretches} clean windows with one in its test"
    return policy.judge_days(
        frame.day_name(since) if since is not None else "",
        found.kept,
        (sum(day >= last for day in found.bad), sum(day >= last for day in found.days)),
        (float(means.production.means(frame.windows())[-1, 0]) - found.base, (float(low), float(high))),
        rows,
        settings.floors.loss,
        f"an alarm of Alibi Detect's FETDriftOnline, of which one in {run_length:.0f} clean days is expected; {test}",
        owner,
    )


def _bet(watched: Watched, subject: Subject, labelled: Answers, paid: Numbers, days: Codes, frame: Frame) -> None:
    """The release against the rules, on the same events, a bet a day."""
    costs, settings = subject.use_case.costs, subject.settings
    others = costs_of(costs, labelled.rules_act, labelled.label == 1)
    largest = max(costs.act_positive, costs.act_negative, costs.skip_positive, costs.skip_negative)
    rows = np.bincount(days, minlength=frame.days)
    sums = np.bincount(days, weights=(paid - others) / largest, minlength=frame.days)
    values = sums[rows > 0] / rows[rows > 0]
    watched.error_rate = policy.part_of_bet(settings.alarms_a_month)
    watched.wealth = [float(value) for value in betting.log_wealth(values, 0.0)]
    scale = largest * THOUSAND
    lowest = betting.lower_bound(values, watched.error_rate) * scale
    unit = f"{costs.currency} per 1,000"
    watched.findings.append(
        policy.judge_bet(
            lowest, float(values.mean()) * scale, len(values), watched.error_rate, unit, subject.use_case.owner
        )
    )


def _windows(subject: Subject, recent: Answers, asked: Frame, labelled: Answers, due: Frame) -> list[dict[str, float]]:
    """Figures of each window for the page: what the scores alone expect, before labels, and what then came true.

    The expectation trusts the scores to be calibrated, so it sees what a change of features does, and no change of
    concept: confidence-based performance estimation (Guo et al., 2017; NannyML's CBPE).
    """
    costs = subject.use_case.costs
    scored = recent.where(recent.by_model)
    expected = [
        scored.probability * (1 - scored.probability),
        scored.probability * costs_of(costs, scored.acted, True)
        + (1 - scored.probability) * costs_of(costs, scored.acted, False),
    ]
    others = costs_of(costs, labelled.rules_act, labelled.label == 1)
    never = costs_of(costs, np.zeros(len(labelled), dtype=bool), labelled.label == 1)
    came = [(labelled.label - labelled.probability) ** 2, costs_of(costs, labelled.acted, labelled.label == 1)]
    before = DayMeans.of(np.column_stack(expected), asked.codes(scored.days), asked.days)
    after = DayMeans.of(np.column_stack([*came, others, never]), due.codes(labelled.days), due.days)
    random = np.random.default_rng(subject.use_case.training.seed)
    spread = np.percentile(np.nan_to_num(before.means(asked.resamples(200, random))), [2.5, 97.5], axis=0)
    low, high = spread[:, 1] * THOUSAND
    estimate, found = before.means(asked.windows()), after.means(due.windows())
    return [
        {
            "estimated_loss": float(estimate[index, 0]),
            "estimated_cost": float(estimate[index, 1]) * THOUSAND,
            "loss": float(found[index, 0]),
            "cost": float(found[index, 1]) * THOUSAND,
            "rules_cost": float(found[index, 2]) * THOUSAND,
            "never_cost": float(found[index, 3]) * THOUSAND,
            "estimate_low": float(low),
            "estimate_high": float(high),
        }
        for index in range(asked.count)
    ]
