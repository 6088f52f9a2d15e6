"""Reports of gates: one self-contained HTML page with the verdict and its reasons first. No script, no network.

Text that comes from data goes through `escape`; a section's body is HTML that its author made with the functions here.
"""

import html
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from windsock.contracts.verdict import Finding, Outcome

STYLE = """
:root { --ink: #1b2530; --muted: #5d6b79; --line: #dde3e9; --ground: #f5f7f9; --paper: #fff; --accent: #1f5fa8;
  --passed: #17744a; --refused: #b3261e; --inconclusive: #8a5a00; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
header, section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px;
  margin-bottom: 18px; }
header { border-top: 5px solid var(--muted); }
header.passed { border-top-color: var(--passed); }
header.refused { border-top-color: var(--refused); }
header.inconclusive { border-top-color: var(--inconclusive); }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 6px; }
h2 { font-size: 17px; margin: 0 0 4px; }
p { margin: 6px 0 10px; max-width: 76ch; }
.lead { font-size: 16px; }
.note { color: var(--muted); font-size: 13.5px; }
.pill { display: inline-block; border-radius: 20px; padding: 1px 11px; font-size: 13px; font-weight: 600; color: #fff;
  background: var(--muted); white-space: nowrap; }
.pill.passed { background: var(--passed); } .pill.refused { background: var(--refused); }
.pill.inconclusive { background: var(--inconclusive); }
h1 .pill { font-size: 14px; vertical-align: 3px; margin-left: 8px; }
dl.facts { display: flex; flex-wrap: wrap; gap: 10px 30px; margin: 14px 0 0; }
dl.facts div { min-width: 90px; } dl.facts dt { color: var(--muted); font-size: 12.5px; }
dl.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--muted); font-weight: 600; border-bottom: 1px solid var(--line);
  padding: 6px 10px 6px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 6px 10px 6px 0; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th.number, td.number { text-align: right; white-space: nowrap; }
code { font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
td code { overflow-wrap: break-word; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 18px; }
figure { margin: 8px 0 0; } figcaption { color: var(--muted); font-size: 13px; margin-top: 2px; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--muted); }
svg text.value { fill: var(--ink); }
details > summary { cursor: pointer; color: var(--accent); margin: 8px 0; }
footer { color: var(--muted); font-size: 12.5px; }
@media print { body { background: #fff; } header, section { break-inside: avoid; } }
"""
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
ORDER = {Outcome.REFUSED: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASSED: 2}


@dataclass(frozen=True)
class Section:
    """One part of a page: a title and HTML below it; `note` is a sentence on how to read it, plain text."""

    title: str
    body: str
    note: str = ""


def escape(text: object) -> str:
    """Any value as text that is safe inside HTML and inside a quoted attribute."""
    return html.escape(str(text), quote=True)


def number(value: float | None, digits: int = 3) -> str:
    """A figure for reading: thousands separated, `digits` significant below that, a dash for nothing or not a number.

    Example: 12345.6 -> `12,346`; 0.12345 -> `0.123`.
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-4:
        text = f"{size:.{digits - 1}e}"
    else:
        decimals = 0 if float(value).is_integer() else max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{size:,.{decimals}f}"
    return (MINUS if value < 0 else "") + text


def name(text: str) -> str:
    """A name of a program's making as code, which may break where its words do: `volume/orders/low`."""
    return f"<code>{escape(text).replace('/', '/<wbr>').replace('_', '_<wbr>')}</code>"


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval as `low … high`."""
    return NOTHING if interval is None else f"{number(interval[0])} … {number(interval[1])}"


def pill(outcome: str) -> str:
    """An outcome as a coloured label."""
    return f'<span class="pill {escape(outcome)}">{escape(outcome)}</span>'


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], numeric: Collection[int] = ()) -> str:
    """A table of cells that are HTML already; columns whose index is in `numeric` are set right."""

    def cells(tag: str, values: Sequence[str]) -> str:
        marked = ((' class="number"' if index in numeric else "", value) for index, value in enumerate(values))
        return "<tr>" + "".join(f"<{tag}{mark}>{value}</{tag}>" for mark, value in marked) + "</tr>"

    head = cells("th", [escape(header) for header in headers])
    body = "".join(cells("td", row) for row in rows)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def findings_table(findings: Iterable[Finding]) -> str:
    """Findings as a table, what stands against passing first."""
    rows = [
        (
            pill(finding.outcome.value),
            name(finding.check),
            escape(finding.message),
            number(finding.effect),
            interval_text(finding.interval),
            number(finding.threshold),
            number(finding.sample_size),
            f"{escape(finding.threshold_origin)}<br><span class='note'>{escape(finding.owner)}</span>",
        )
        for finding in sorted(findings, key=lambda finding: ORDER[finding.outcome])
    ]
    headers = ("", "check", "what was found", "effect", "interval", "bound", "rows", "bound from · owner")
    return table(headers, rows, numeric={3, 4, 5, 6})


def folded(summary: str, body: str) -> str:
    """A part that a reader opens when needed."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def columns(*bodies: str) -> str:
    """Parts side by side where the page is wide enough."""
    return '<div class="columns">' + "".join(f"<div>{body}</div>" for body in bodies) + "</div>"


def figure(chart: str, caption: str) -> str:
    """A chart with a sentence that says what to see in it."""
    return f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>"


def page(
    title: str, outcome: str, lead: str, facts: Iterable[tuple[str, str]], sections: Iterable[Section], footer: str = ""
) -> str:
    """A whole report: the verdict, one sentence, a row of facts, the sections. All but section bodies is escaped."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    parts = "".join(
        f"<section><h2>{escape(section.title)}</h2>"
        + (f'<p class="note">{escape(section.note)}</p>' if section.note else "")
        + f"{section.body}</section>"
        for section in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: {escape(outcome)}</title><style>{STYLE}</style></head><body><main>"
        f'<header class="{escape(outcome)}"><h1>{escape(title)} {pill(outcome)}</h1>'
        f'<p class="lead">{escape(lead)}</p><dl class="facts">{rows}</dl></header>'
        f"{parts}<footer>{escape(footer)}</footer></main></body></html>\n"
    )
