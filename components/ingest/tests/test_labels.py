"""When a label counts: tables of cases, and a brute-force reading that must agree with the rules."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windsock.ingest.labels import (
    Label,
    State,
    cohorts,
    delay_quantile,
    hours_between,
    maturity_curve,
    settle_labels,
    state_of,
)

START = datetime(2020, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=4)
TWO_DAYS = timedelta(hours=48)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize(
    "event,has_label,state",
    [
        (at(0), True, State.LABELLED),
        (at(23.9), True, State.LABELLED),
        (at(23.9), False, State.UNKNOWN),
        (at(24), True, State.LABELLED),
        (at(24), False, State.UNKNOWN),
        (at(47.9), False, State.UNKNOWN),
        (at(48), True, State.OPEN),
        (at(48), False, State.OPEN),
        (at(200), False, State.OPEN),
    ],
)
def test_a_day_is_judged_only_when_all_of_it_is_due(event, has_label, state):
    assert state_of(event, has_label, TWO_DAYS, AS_OF) is state


@pytest.mark.parametrize(
    "labels,value,replaced",
    [
        ([], None, 0),
        ([Label("a", 1, at(5))], 1, 0),
        ([Label("a", None, at(5))], None, 0),
        ([Label("a", 1, None)], None, 0),
        ([Label("a", 1, at(97))], None, 0),
        ([Label("a", 0, at(5)), Label("a", 1, at(9))], 1, 1),
        ([Label("a", 1, at(9)), Label("a", 0, at(5))], 1, 1),
        ([Label("a", 1, at(5)), Label("a", 0, at(97))], 1, 0),
        ([Label("a", 0, at(5)), Label("a", 1, at(5))], 1, 1),
        ([Label("a", 1, at(5)), Label("a", 1, at(5))], 1, 1),
        ([Label("b", 1, at(5))], None, 0),
    ],
)
def test_the_label_known_last_counts(labels, value, replaced):
    settled, count = settle_labels(labels, AS_OF)
    assert (settled["a"].value if "a" in settled else None, count) == (value, replaced)


LABELS = st.lists(
    st.builds(
        Label,
        st.sampled_from("ab"),
        st.sampled_from([None, 0, 1]),
        st.none() | st.integers(0, 120).map(at),
    ),
    max_size=8,
)


@given(labels=LABELS, hours=st.integers(0, 120), order=st.randoms())
def test_the_settled_labels_are_what_an_oracle_says_in_any_order(labels, hours, order):
    as_of = at(hours)
    shuffled = list(labels)
    order.shuffle(shuffled)
    settled, _ = settle_labels(shuffled, as_of)
    for key in "ab":
        known = [x for x in labels if x.key == key and x.value is not None and x.known_at and x.known_at <= as_of]
        newest = max((x.known_at for x in known), default=None)
        expected = max((x.value for x in known if x.known_at == newest), default=None)
        assert (settled[key].value if key in settled else None) == expected


def test_a_label_that_never_comes_is_no_negative():
    rows = [(at(1), 1), (at(2), 0), (at(3), None), (at(4), None), (at(80), 1)]
    first, second = cohorts(rows, TWO_DAYS, AS_OF)
    assert (first.day, first.mature, first.answers, first.labels, first.positives) == (date(2020, 1, 1), True, 4, 2, 1)
    assert first.bounds == (0.25, 0.75)
    assert not second.mature


def test_the_maturity_curve_counts_who_waits():
    assert maturity_curve({1: 1, 2: 1}, {}) == [(1, 0.5), (2, 1.0)]
    # One left after an hour without a label: of the two that are left, one is labelled at two hours.
    curve = maturity_curve({1: 1, 2: 1}, {1: 1, 5: 1})
    assert curve == [(1, pytest.approx(0.25)), (2, pytest.approx(0.625))]
    assert delay_quantile(curve, 0.5) == 2
    assert delay_quantile(curve, 0.9) is None
    assert maturity_curve({}, {3: 2}) == []


@given(delays=st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_without_waiting_events_the_curve_is_the_plain_share(delays):
    curve = maturity_curve({hour: delays.count(hour) for hour in delays}, {})
    for hour, share in curve:
        assert share == pytest.approx(sum(delay <= hour for delay in delays) / len(delays))


@pytest.mark.parametrize("hours,expected", [(-3, 0), (0, 0), (0.1, 1), (1, 1), (1.01, 2)])
def test_delays_are_rounded_up(hours, expected):
    assert hours_between(at(10), at(10 + hours)) == expected
