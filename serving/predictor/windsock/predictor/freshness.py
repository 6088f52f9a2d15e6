"""Which of the store's values may be used: present, and of a time that fits. Feast's own status is not asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from windsock.contracts.use_case import View
from windsock.predictor.encoding import Value
from windsock.predictor.plan import Plan
from windsock.predictor.store import NOTHING, Readings


@dataclass(frozen=True, slots=True)
class Usable:
    """What `derive` is given: `view__feature` to value, and the time of each view's values (seconds since 1970).

    `reason` is empty when every required view is there and fresh, else it names the first fault.
    """

    features: dict[str, Value]
    times_s: dict[str, float | None]
    ages_s: dict[str, float]
    reason: str


class Freshness:
    """The limits of a release's views."""

    def __init__(self, plan: Plan, views: Mapping[str, View], skew_s: float) -> None:
        self._skew_s = skew_s
        self._views = [
            (view.name, [(feature, f"{view.name}__{feature}") for feature in view.features], views[view.name])
            for view in plan.views
            if view.name in views
        ]

    def judge(self, readings: Readings, now_s: float) -> Usable:
        """Keeps the values that are known and fresh at `now_s` (seconds since 1970); the others become None.

        A required view that is missing, stale, or from the future gives the reason for the rules to answer.
        """
        usable = Usable({}, {}, {}, "")
        reason = ""
        for view, names, limit in self._views:
            reading = readings.get(view, NOTHING)
            fault = self._fault(reading.event_at_s, now_s, limit)
            if limit.required and fault and not reason:
                reason = fault
            values = {} if fault else reading.values
            for feature, name in names:
                usable.features[name] = values.get(feature)
            usable.times_s[view] = None if fault else reading.event_at_s
            if reading.event_at_s is not None:
                usable.ages_s[view] = now_s - reading.event_at_s
        return Usable(usable.features, usable.times_s, usable.ages_s, reason)

    def _fault(self, event_at_s: float | None, now_s: float, limit: View) -> str:
        if event_at_s is None:
            return "features_missing"
        age_s = now_s - event_at_s
        if age_s < -self._skew_s:
            return "features_future"
        # Written so that an age that is no number counts as stale.
        return "" if age_s <= limit.fresh_for_s else "features_stale"
