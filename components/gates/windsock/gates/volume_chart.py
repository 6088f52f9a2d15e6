"""Rows a day as inline SVG: a bar a day, a line for what was expected, and the days that stand out in red."""

from collections.abc import Mapping
from datetime import date

from windsock.contracts.report import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 190, 58, 10, 12, 30
BAR, ODD, EXPECTED, GRID = "#8fb3dc", "#b3261e", "#1b2530", "#dde3e9"


def volume_chart(days: Mapping[date, tuple[int, float, float]], low: float, high: float, title: str) -> str:
    """Draws days with their rows, the rows expected and the ratio of both; a ratio outside low to high is red."""
    top = max((max(rows, expected) for rows, expected, _ in days.values()), default=0) or 1
    scale, step = (HEIGHT - TOP - BOTTOM) / (top * 1.05), (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    floor = HEIGHT - BOTTOM
    parts = [_grid(top, scale, floor)]
    for index, (day, (rows, expected, ratio)) in enumerate(days.items()):
        x, height = LEFT + index * step, rows * scale
        odd = not low <= ratio <= high
        tip = escape(f"{day:%a} {day}: {rows:,} rows, {expected:,.0f} expected")
        # A day without rows is drawn as a stump below the axis: an empty place is easily overlooked.
        y, shown = (floor, 5.0) if odd and height < 1 else (floor - height, height)
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 0.8, 0.8):.1f}" height="{shown:.1f}" '
            f'fill="{ODD if odd else BAR}"><title>{tip}</title></rect>'
        )
        if day.day == 1:
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}">{day:%b %Y}</text>')
    line = " ".join(
        f"{LEFT + (index + 0.5) * step:.1f},{floor - expected * scale:.1f}"
        for index, (_, expected, _) in enumerate(days.values())
    )
    parts.append(f'<polyline points="{line}" fill="none" stroke="{EXPECTED}" stroke-width="1" stroke-opacity="0.65"/>')
    label = escape(title)
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>'
    return head + "".join(parts) + "</svg>"


def _grid(top: float, scale: float, floor: float) -> str:
    parts = []
    for value in (0, top / 2, top):
        y = floor - value * scale
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    return "".join(parts)
