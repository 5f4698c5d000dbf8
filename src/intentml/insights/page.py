"""One HTML page that needs nothing else: words, tables and drawings as they stand in it.

What comes in: titles, sentences, tables, SVG. What goes out: HTML text. Every word of a shop is escaped; the
page asks no other machine for anything, reads on a telephone, and is light or dark as its reader is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from intentml.insights.personas import Persona, favourite_line, trait_line

if TYPE_CHECKING:
    import pandas as pd

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --mark: #0072b2; --soft: #8881; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
       background: Canvas; color: CanvasText; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
caption { text-align: left; padding: .25rem 0; opacity: .75; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
         white-space: nowrap; }
tbody th { text-align: left; font-weight: 600; position: sticky; left: 0; background: Canvas; }
td.heat { background: color-mix(in srgb, var(--mark) calc(var(--share) * 70%), transparent); }
svg { width: 100%; height: auto; max-width: 46rem; display: block; margin: .5rem 0; }
.cards { display: grid; gap: .75rem;
         grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; background: var(--soft); }
.card ul { margin: .25rem 0 0; padding-left: 1.1rem; font-size: .9rem; }
.small { font-size: .85rem; opacity: .8; }
nav a { margin-right: .75rem; color: inherit; }
"""

Cell = Callable[[Any], str]


def page(title: str, about: Sequence[str], sections: Mapping[str, Sequence[str]]) -> str:
    """The whole page.

    Args:
        title: Plain text.
        about: Sentences under it, plain text.
        sections: HTML parts, by heading in plain text.
    """
    places = {heading: f"part-{number}" for number, heading in enumerate(sections, 1)}
    links = "".join(f'<a href="#{place}">{escape(heading)}</a>' for heading, place in places.items())
    parts = [
        f'<section id="{places[heading]}"><h2>{escape(heading)}</h2>{"".join(parts)}</section>'
        for heading, parts in sections.items()
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>"
        f"{paragraphs(about)}<nav>{links}</nav>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def paragraphs(sentences: Sequence[str]) -> str:
    """Plain sentences, each a paragraph."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def table(frame: pd.DataFrame, cells: Mapping[str, Cell], caption: str = "") -> str:
    """A table whose index names the rows.

    Args:
        frame: Its values.
        cells: How a column is written; columns that are not named are left out.
        caption: Plain text.
    """
    head = "".join(f"<th>{escape(str(name).replace('_', ' '))}</th>" for name in cells)
    columns = {name: list(frame[name]) for name in cells}
    rows = [
        f"<tr><th>{escape(str(name))}</th>"
        + "".join(f"<td>{escape(cell(columns[column][at]))}</td>" for column, cell in cells.items())
        + "</tr>"
        for at, name in enumerate(frame.index)
    ]
    return _table(head, rows, caption)


def heat_table(frame: pd.DataFrame, share: pd.DataFrame, cell: Cell, caption: str = "") -> str:
    """A table whose cells are the darker the larger their share, 0 to 1."""
    head = "".join(f"<th>{escape(str(name).replace('_', ' '))}</th>" for name in frame.columns)
    values, shares = frame.to_numpy(), share.fillna(0).to_numpy()
    rows = [
        f"<tr><th>{escape(str(name).replace('_', ' '))}</th>"
        + "".join(
            f'<td class="heat" style="--share:{of:.3f}">{escape(cell(value))}</td>'
            for value, of in zip(values[at], shares[at], strict=True)
        )
        + "</tr>"
        for at, name in enumerate(frame.index)
    ]
    return _table(head, rows, caption)


def _table(head: str, rows: Sequence[str], caption: str) -> str:
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(rows)
    return (
        f'<div class="wide"><table>{told}<thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def card(persona: Persona) -> str:
    """A persona as a card."""
    lines = [trait_line(one) for one in persona.traits] + [favourite_line(one) for one in persona.favourites]
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    told = f"<ul>{told}</ul>" if told else "<p>Nothing sets them apart from the others for sure.</p>"
    size = f"{persona.customers:,} customers, {persona.share:.1%} of all"
    return f'<div class="card"><h3>{escape(persona.title)}</h3><div class="small">{size}</div>{told}</div>'


def cards(personas: Sequence[Persona]) -> str:
    """Cards side by side as far as there is room."""
    return f'<div class="cards">{"".join(map(card, personas))}</div>'


def count(value: Any) -> str:
    """A whole number; nothing where it is unknown."""
    return "" if value != value else f"{value:,.0f}"


def decimal(value: Any) -> str:
    """A number with one decimal; nothing where it is unknown."""
    return "" if value != value else f"{value:,.1f}"


def percent(value: Any) -> str:
    """A share; nothing where it is unknown."""
    return "" if value != value else f"{value:.1%}"
