"""The HTML that cards are made of: escaped, without scripts, with nothing from elsewhere.

Text takes the colour of the page it stands in, and lines and fills are shades of grey, so a card is
legible on light and dark alike; accents are tuned to the theme where it tells itself. With its
style taken away (some code hosts do that) a card is still headings, lists and tables.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

LONGEST = 280
"""Characters of a text that are shown."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_LIGHT = "--mos-heat:#c2410c;--mos-mid:#7c3aed;--mos-good:#15803d;--mos-new:#1d4ed8"
_DARK = "--mos-heat:#fb923c;--mos-mid:#c4a5fd;--mos-good:#4ade80;--mos-new:#7cb0ff"
_STYLE = f"""
.mos{{{_LIGHT};font-size:.875rem;line-height:1.4;max-width:100%;overflow-wrap:anywhere;
--mos-line:rgba(128,128,128,.35);--mos-fill:rgba(128,128,128,.09)}}
@media(prefers-color-scheme:dark){{.mos{{{_DARK}}}}}
[data-jp-theme-light="true"] .mos,[data-theme="light"] .mos,[theme="light"] .mos,
.vscode-light .mos,[data-md-color-scheme="default"] .mos{{{_LIGHT}}}
[data-jp-theme-light="false"] .mos,[data-theme="dark"] .mos,[theme="dark"] .mos,
.vscode-dark .mos,.vscode-high-contrast .mos,[data-md-color-scheme="slate"] .mos{{{_DARK}}}
.mos,.mos *{{box-sizing:border-box}}
.mos .card{{border:1px solid var(--mos-line);border-radius:6px;padding:.6rem .8rem;margin:.3rem 0}}
.mos .tiers{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr));
gap:.6rem;margin:.5rem 0}}
.mos .tier{{background:var(--mos-fill);border-radius:4px;padding:.5rem .6rem;min-width:0}}
.mos h4,.mos h5{{margin:0 0 .35rem;font-size:1em;font-weight:600;color:inherit}}
.mos h5{{margin-top:.5rem}}
.mos .short h5{{color:var(--mos-new)}}.mos .mid h5{{color:var(--mos-mid)}}
.mos .long h5{{color:var(--mos-good)}}.mos .tier h5:first-child{{margin-top:0}}
.mos ul{{margin:0!important;padding:0!important;list-style:none!important}}
.mos li{{margin:0 0 .35rem}}
.mos table{{font:inherit;color:inherit;border-collapse:collapse;margin:.2rem 0;
width:100%;max-width:100%;table-layout:auto}}
.mos th,.mos td{{text-align:left!important;vertical-align:top;padding:.2rem .6rem .2rem 0;
border:0;border-bottom:1px solid var(--mos-line);background:none!important;color:inherit;
white-space:normal;overflow-wrap:anywhere;max-width:none}}
.mos tr{{background:none!important}}
.mos tr:last-child>td{{border-bottom:0}}.mos th{{font-weight:600}}
.mos .n{{white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal;width:1%}}
.mos small{{opacity:.75;font-size:.857em}}.mos .why{{color:var(--mos-good)}}
.mos .bar{{display:block;position:relative;height:.5em;margin:.25em 0;border-radius:2px;
background:rgba(128,128,128,.22);overflow:hidden}}
.mos .bar i{{display:block;height:100%;background:var(--mos-heat)}}
.mos p{{margin:.25rem 0}}
.mos .keys td:first-child{{width:1%;white-space:nowrap;padding-right:1.2rem}}
""".strip()


def text(value: object, longest: int = LONGEST) -> str:
    """Return `value` as one line of HTML text: escaped, without control characters, not too long.

    Characters that turn the direction of writing go, so that no text can disguise another.
    """
    line = " ".join(_CONTROL.sub(" ", str(value)).split())
    return html.escape(line if len(line) <= longest else line[: longest - 1] + "…")


def span(value: object, longest: int = LONGEST) -> str:
    """Return `value` as text whose direction is its own (Arabic, Hebrew)."""
    return f'<bdi dir="auto">{text(value, longest)}</bdi>'


def small(value: object, kind: str = "") -> str:
    """Return `value` as a remark."""
    return f"<small{_class(kind)}>{text(value)}</small>"


def day(at: datetime) -> str:
    """Return a date."""
    return f"{at:%Y-%m-%d}"


def degrees(heat: float) -> str:
    """Return a heat, rounded down: what shows τ has reached it."""
    return f"{math.floor(heat * 10) / 10:.1f}"


def count(number: int, noun: str) -> str:
    """Return "1 page", "2 pages"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bar(value: float, full: float, label: str) -> str:
    """Return a bar filled to the share `value` has of `full`; `label` says it in words."""
    share = 100.0 if value >= full else max(0.0, 100.0 * value / full)
    title = html.escape(label)
    return f'<span class="bar" title="{title}"><i style="width:{share:.0f}%"></i></span>'


def items(lines: Iterable[str], otherwise: str) -> str:
    """Return a list of HTML lines; what to say when there are none."""
    rows = [f"<li>{line}</li>" for line in lines]
    return f"<ul>{''.join(rows)}</ul>" if rows else f"<p>{small(otherwise)}</p>"


def pairs(rows: Iterable[tuple[object, object]]) -> str:
    """Return a table of names and values."""
    inside = "".join(
        f"<tr><td>{small(name)}</td><td>{span(value)}</td></tr>" for name, value in rows
    )
    return f'<table class="keys"><tbody>{inside}</tbody></table>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], narrow: Iterable[int] = ()) -> str:
    """Return a table of HTML cells; `narrow` columns (numbers, dates) are not broken."""
    thin = set(narrow)

    def row(cells: Sequence[str], tag: str) -> str:
        inside = "".join(
            f"<{tag}{_class('n' if column in thin else '')}>{cell}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{inside}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"


def card(title: str, *parts: str) -> str:
    """Return a whole display: its style, then a card of a title (HTML) and parts (HTML)."""
    inside = "".join(parts)
    return (
        f'<div class="mos"><style>{_STYLE}</style><div class="card"><h4>{title}</h4>{inside}</div>'
        "</div>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
