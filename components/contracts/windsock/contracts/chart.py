"""Small charts as inline SVG, for reports: bars with intervals, lines with marks, histograms. Standard library only."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from windsock.contracts.report import escape, number

TONES = {"accent": "#1f5fa8", "second": "#d07a1c", "third": "#4c8c6b", "muted": "#9aa7b4", "refused": "#b3261e"}
LINE = "#dde3e9"
INK = "#1b2530"


@dataclass(frozen=True)
class Bar:
    """One bar: its label, value, and the interval around it where there is one."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    tone: str = "accent"


@dataclass(frozen=True)
class Series:
    """One line or set of points `(x, y)`; `intervals` are (low, high) around each y; `dots` draws the points too."""

    name: str
    points: Sequence[tuple[float, float]]
    intervals: Sequence[tuple[float, float]] = ()
    tone: str = "accent"
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical line at `x` with a word on it."""

    x: float
    label: str
    tone: str = "refused"


@dataclass(frozen=True)
class _Frame:
    """Maps values to a drawing with room for axes; values beyond the ranges are held at the edge."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int = 520
    height: int = 300
    left: int = 58
    right: int = 14
    top: int = 26
    bottom: int = 42

    def x(self, value: float) -> float:
        return self.left + _share(value, self.x_range) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        return self.height - self.bottom - _share(value, self.y_range) * (self.height - self.top - self.bottom)


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return min(1.0, max(0.0, (value - low) / (high - low)))


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values within [low, high]: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _span(values: Sequence[float], zero: bool) -> tuple[float, float]:
    """The range of finite values, with zero in it when asked, and never empty."""
    finite = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high == low:
        return (low, low + 1.0)
    room = (high - low) * 0.04
    return (low if zero and low == 0 else low - room, high + room)


def _tick(value: float) -> str:
    """A round value as an axis shows it: no zeros after the last digit that counts."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _text(x: float, y: float, content: str, anchor: str = "middle", kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{mark}>{escape(content)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{dash}/>'


def _rectangle(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
    )


def _svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _axes(frame: _Frame, x_label: str, y_label: str) -> list[str]:
    floor = frame.height - frame.bottom
    parts = []
    for value in ticks(*frame.y_range):
        parts.append(_line(frame.left, frame.y(value), frame.width - frame.right, frame.y(value), LINE))
        parts.append(_text(frame.left - 7, frame.y(value) + 4, _tick(value), "end"))
    for value in ticks(*frame.x_range):
        parts.append(_line(frame.x(value), floor, frame.x(value), floor + 4, LINE))
        parts.append(_text(frame.x(value), floor + 17, _tick(value)))
    parts.append(_line(frame.left, floor, frame.width - frame.right, floor, TONES["muted"]))
    parts.append(_text((frame.left + frame.width - frame.right) / 2, frame.height - 6, x_label))
    parts.append(_text(4, 13, y_label, "start"))
    return parts


def _legend(frame: _Frame, names: Sequence[tuple[str, str]]) -> list[str]:
    """Names with their colours, set from the right edge on the line above the plot."""
    parts, right = [], float(frame.width - frame.right)
    for name, tone in reversed(names):
        parts.append(_text(right, 13, name, "end", "value"))
        right -= 6.7 * len(name) + 12
        parts.append(_rectangle(right - 4, 4, 10, 10, TONES[tone]))
        right -= 14
    return parts


def _series(frame: _Frame, series: Series) -> list[str]:
    colour, known = TONES[series.tone], [(x, y) for x, y in series.points if math.isfinite(y)]
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in known)
    dash = ' stroke-dasharray="5 4"' if series.dashed else ""
    parts = [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}/>'
    ]
    for (x, _), (low, high) in zip(series.points, series.intervals):
        parts.append(_line(frame.x(x), frame.y(low), frame.x(x), frame.y(high), colour, 1.2))
    if series.dots:
        parts += [f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in known]
    return parts


def lines(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    marks: Sequence[Mark] = (),
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> str:
    """Lines over a common x axis, with vertical marks; ranges follow the data where none is given."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points] + [
        end for one in series for pair in one.intervals for end in pair
    ]
    frame = _Frame(x_range or _span(xs, zero=False), y_range or _span(ys, zero=False))
    parts = _axes(frame, x_label, y_label)
    for mark in marks:
        x = frame.x(mark.x)
        parts.append(_line(x, frame.top, x, frame.height - frame.bottom, TONES[mark.tone], 1.4, dashed=True))
        before = x > frame.width * 0.6
        parts.append(
            _text(x - 6 if before else x + 6, frame.top + 12, mark.label, "end" if before else "start", "value")
        )
    for one in series:
        parts += _series(frame, one)
    parts += _legend(frame, [(one.name, one.tone) for one in series if one.name])
    return _svg(frame.width, frame.height, parts, f"{y_label} over {x_label}")


def _label_width(labels: Iterable[str]) -> int:
    return 7 * max((len(label) for label in labels), default=0) + 16


def _upright_grid(frame: _Frame, x_label: str) -> list[str]:
    """The axis of a chart whose values run to the right."""
    floor, parts = frame.height - frame.bottom, []
    for value in ticks(*frame.x_range):
        parts.append(_line(frame.x(value), frame.top, frame.x(value), floor, LINE))
        parts.append(_text(frame.x(value), floor + 16, _tick(value)))
    parts.append(_line(frame.x(0), frame.top, frame.x(0), floor, TONES["muted"]))
    parts.append(_text((frame.left + frame.width - frame.right) / 2, frame.height - 4, x_label))
    return parts


def _bar(frame: _Frame, item: Bar, middle: float) -> list[str]:
    start, end = sorted((frame.x(0), frame.x(item.value)))
    parts = [_text(frame.left - 9, middle + 4, item.label, "end", "value")]
    parts.append(_rectangle(start, middle - 10, end - start, 20, TONES[item.tone], 0.85))
    if item.interval is not None:
        low, high = frame.x(item.interval[0]), frame.x(item.interval[1])
        parts.append(_line(low, middle, high, middle, INK, 1.4))
        parts += [_line(x, middle - 5, x, middle + 5, INK, 1.4) for x in (low, high)]
        end = max(end, high)
    return [*parts, _text(end + 7, middle + 4, number(item.value), "start", "value")]


def bars(items: Sequence[Bar], x_label: str) -> str:
    """Horizontal bars from zero, each with its value, and its interval as a whisker."""
    ends = [end for item in items for end in (item.value, *(item.interval or ()))]
    left, height = _label_width(item.label for item in items), 50 + 34 * len(items)
    frame = _Frame(_span(ends, zero=True), (0, 1), width=720, height=height, left=left, right=90, top=6, bottom=42)
    parts = _upright_grid(frame, x_label)
    for index, item in enumerate(items):
        parts += _bar(frame, item, frame.top + 20 + 34 * index)
    return _svg(frame.width, height, parts, x_label)


@dataclass(frozen=True)
class Stretch:
    """A part of a lane, from `first` to `last`, or a point where these are one; a pointer on it shows its `words`."""

    first: float
    last: float
    words: str
    tone: str = "accent"


def lanes(rows: Sequence[tuple[str, Sequence[Stretch]]], ticks_at: Sequence[tuple[float, str]]) -> str:
    """Named lanes over one axis, such as what happened when; `ticks_at` are places on the axis with their names."""
    left = _label_width([name for name, _ in rows])
    places = [place for place, _ in ticks_at] + [x for _, parts in rows for one in parts for x in (one.first, one.last)]
    frame = _Frame(_span(places, zero=False), (0, 1), 1000, 44 + 26 * len(rows), left, 14, 8, 30)
    parts = []
    for place, name in ticks_at:
        parts.append(_line(frame.x(place), frame.top, frame.x(place), frame.height - frame.bottom, LINE))
        parts.append(_text(frame.x(place), frame.height - 10, name))
    for index, (name, stretches) in enumerate(rows):
        middle = frame.top + 26 * index + 13
        parts.append(_text(left - 10, middle + 4, name, "end", "value"))
        for one in stretches:
            width = max(frame.x(one.last) - frame.x(one.first), 5.0)
            bar = _rectangle(frame.x(one.first), middle - 8, width, 16, TONES[one.tone], 0.85)
            parts.append(f"<g><title>{escape(one.words)}</title>{bar}</g>")
    return _svg(frame.width, frame.height, parts, "what happened when")


def histogram(
    edges: Sequence[float],
    counts: Sequence[tuple[str, Sequence[float]]],
    x_label: str,
    y_label: str = "share of rows",
    marks: Sequence[Mark] = (),
) -> str:
    """One or two distributions over the same bins, drawn over each other as shares of their own total.

    `edges` has one value more than each list of counts; a distribution without rows is drawn as nothing.
    """
    shares = [(name, [count / (sum(values) or 1) for count in values]) for name, values in counts]
    top = max((share for _, values in shares for share in values), default=0) or 1.0
    frame = _Frame((edges[0], edges[-1]) if edges[-1] > edges[0] else _span(edges, False), (0, top * 1.06))
    parts = _axes(frame, x_label, y_label)
    tones = ("accent", "second")
    for tone, (_, values) in zip(tones, shares):
        for low, high, share in zip(edges[:-1], edges[1:], values):
            start, width = frame.x(low), frame.x(high) - frame.x(low)
            parts.append(_rectangle(start, frame.y(share), width - 0.6, frame.y(0) - frame.y(share), TONES[tone], 0.55))
    for mark in marks:
        x = frame.x(mark.x)
        parts.append(_line(x, frame.top, x, frame.y(0), TONES[mark.tone], 1.4, dashed=True))
        parts.append(_text(x + 6, frame.top + 12, mark.label, "start", "value"))
    parts += _legend(frame, [(name, tone) for tone, (name, _) in zip(tones, shares)])
    return _svg(frame.width, frame.height, parts, x_label)


def category_pairs(rows: Sequence[tuple[str, float, float]], names: tuple[str, str], x_label: str) -> str:
    """Two shares a category, one below the other: for distributions of values that have no order."""
    left, height = _label_width(label for label, _, _ in rows), 66 + 26 * len(rows)
    top = max((share for _, *both in rows for share in both), default=0) or 1.0
    frame = _Frame((0, top * 1.04), (0, 1), width=520, height=height, left=left, top=26, bottom=40)
    parts = _upright_grid(frame, x_label)
    for index, (label, first, second) in enumerate(rows):
        base = frame.top + 4 + 26 * index
        parts.append(_text(left - 9, base + 14, label, "end", "value"))
        for offset, tone, share in ((0, "accent", first), (10, "second", second)):
            parts.append(_rectangle(left, base + offset, frame.x(share) - left, 9, TONES[tone], 0.85))
    parts += _legend(frame, list(zip(names, ("accent", "second"))))
    return _svg(frame.width, height, parts, x_label)
