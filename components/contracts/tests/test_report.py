"""Reports: what comes from data cannot become markup, figures read well, and the charts are drawings that parse."""

import math
import xml.etree.ElementTree as ET

import pytest
from windsock.contracts.chart import Bar, Mark, Series, bars, category_pairs, histogram, lines, ticks
from windsock.contracts.report import (
    Section,
    columns,
    figure,
    findings_table,
    folded,
    interval_text,
    number,
    page,
    table,
)
from windsock.contracts.verdict import Finding, Outcome

HOSTILE = '<script>alert("1")</script>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "∞"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (-0.12345, "\N{MINUS SIGN}0.123"),
        (26847, "26,847"),
        (1.3e-7, "1.30e-07"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_intervals_read_well():
    assert interval_text((1.0, 2.5)) == "1 … 2.50"
    assert interval_text(None) == "\N{EN DASH}"


def test_a_page_shows_the_verdict_and_escapes_what_comes_from_data():
    finding = Finding("rule/" + HOSTILE, Outcome.REFUSED, HOSTILE, threshold_origin=HOSTILE, owner=HOSTILE)
    body = findings_table([finding])
    html = page(HOSTILE, "refused", HOSTILE, [(HOSTILE, HOSTILE)], [Section(HOSTILE, body, HOSTILE)], HOSTILE)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 12
    assert 'class="pill refused"' in html
    assert "http" not in html  # Nothing is fetched: the page stands alone.


def test_what_stands_against_passing_comes_first():
    findings = [
        Finding("a", Outcome.PASSED, ""),
        Finding("b", Outcome.INCONCLUSIVE, ""),
        Finding("c", Outcome.REFUSED, ""),
    ]
    body = findings_table(findings)
    assert body.index(">c<") < body.index(">b<") < body.index(">a<")


def test_parts_nest():
    body = columns(figure(bars([Bar("x", 1.0)], "cost"), "a < b"), folded("more", table(["n"], [["1"]], {0})))
    assert "a &lt; b" in body
    assert '<td class="number">1</td>' in body


def test_ticks_are_round_and_inside():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(-30, 120) == [0, 50, 100]
    assert ticks(5, 5) == [5]


CHARTS = {
    "bars": bars([Bar(HOSTILE, -3.0, (-4.0, 2.0)), Bar("b", 0.0)], HOSTILE),
    "bars of nothing": bars([], "x"),
    "lines": lines([Series(HOSTILE, [(0, 1), (1, math.nan)], [(0, 2)], dots=True)], "x", "y", [Mark(0.5, HOSTILE)]),
    "lines of nothing": lines([], "x", "y"),
    "constant": lines([Series("c", [(1, 1), (1, 1)])], "x", "y"),
    "histogram": histogram([0, 1, 2], [("a", [1, 2]), (HOSTILE, [0, 0])], "x", marks=[Mark(1, "t")]),
    "categories": category_pairs([(HOSTILE, 0.1, 0.9)], ("a", "b"), "share"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_drawings_that_parse(name):
    drawing = ET.fromstring(CHARTS[name])  # noqa: S314
    assert drawing.tag == "svg"
    assert "nan" not in CHARTS[name].lower()
    assert "<script" not in CHARTS[name]
