"""The report as a page for a person.

What comes in: a `Report`. What goes out: HTML text that stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intentml.insights import page, plots
from intentml.insights.report import Report, most_potential
from intentml.scores.stages import LIFECYCLES

if TYPE_CHECKING:
    import pandas as pd

NO_PLOTS = "No drawings: matplotlib is not installed (pip install matplotlib)."

_COMPARED = {
    "customers": page.count,
    "share": page.percent,
    "revenue": page.count,
    "share_of_revenue": page.percent,
    "average_order": page.decimal,
    "orders_a_year": page.decimal,
    "expected_spend": page.count,
    "lifetime_value": page.decimal,
    "share_lost": page.percent,
    "short_term": page.count,
    "long_term": page.count,
}
_TRIED = {"stability": page.percent, "smallest": page.percent, "left": page.percent, "cloud": page.percent}


def written(report: Report) -> str:
    """The page."""
    about = [f"{report.customers:,} customers as of {report.as_of}. Only what was known by then is told."]
    if not plots.can_plot():
        about.append(NO_PLOTS)
    return page.page(
        "What the customers look like",
        about,
        {
            "The base over time": _base(report),
            "Audiences compared": _compared(report),
            "Overlap": _overlap(report),
            "Value against size": _value(report),
            "Personas": _personas(report),
            "Discovered segments": _segments(report),
            "First order": _first_order(report),
        },
    )


def _base(report: Report) -> list[str]:
    base = report.base
    told = page.paragraphs([_since(base, "active"), _since(base, "slipping_away")])
    parts = [told, *_drawn(lambda: plots.plot_base(base))]
    dated = base.set_axis([as_of[:10] for as_of in base.index])
    parts.append(page.table(dated, dict.fromkeys(["months_ago", "customers", *LIFECYCLES], page.count)))
    if report.flows is not None:
        flows = report.flows[report.flows.sum(axis=1) > 0]
        share = flows.div(flows.sum(axis=1), axis=0)
        caption = f"Where customers of a stage (row) on {report.flows_from[:10]} are now (column)"
        parts.append(page.heat_table(flows, share, page.count, caption))
    return parts


def _since(base: pd.DataFrame, stage: str) -> str:
    """How many there are now, and how many there were."""
    counts = dict(zip(base["months_ago"], base[stage], strict=True))
    now = counts.pop(0)
    then = [
        f"{ago} month{'s' if ago > 1 else ''} ago {count:,}"
        + (f" ({(now - count) / count:+.0%} since)" if count else "")
        for ago, count in sorted(counts.items())
    ]
    name = stage.replace("_", " ").capitalize()
    return f"{name}: {now:,} customers" + (f"; {', '.join(then)}." if then else ".")


def _compared(report: Report) -> list[str]:
    table = report.compared
    titles = table["title"]
    sentences = []
    for rank, what in (
        ("short_term", "Most potential soon, by revenue so far"),
        ("long_term", "Most potential for long, by lifetime value of a customer"),
    ):
        names = table[rank].dropna().sort_values().index
        sentences.append(f"{what}: {', '.join(titles[name] for name in names) or 'no audience'}.")
    note = (
        "Audiences of fewer than 20 customers or of more than half of all are not ranked. Lifetime value is "
        "a customer's money so far and predicted over 365 days, net of returns."
    )
    return [page.paragraphs([*sentences, note]), page.table(table.set_axis(titles), _COMPARED)]


def _overlap(report: Report) -> list[str]:
    if report.overlap.empty:
        return [page.paragraphs(["There is no audience of potential to compare."])]
    titles = report.compared["title"][report.overlap.index]
    shares = report.overlap.set_axis(titles).set_axis(titles, axis=1)
    caption = "Share of the row's members who are in the column's audience too"
    return [page.heat_table(shares, shares, lambda value: f"{value:.0%}", caption)]


def _value(report: Report) -> list[str]:
    best = report.compared.loc[most_potential(report.compared)]
    if best.empty or best["share_of_revenue"].isna().all():
        return [page.paragraphs(["The shop has no prices, or no audience of potential."])]
    return _drawn(lambda: plots.plot_shares(best.set_axis(best["title"])))


def _personas(report: Report) -> list[str]:
    told = "What sets each audience of potential apart from all others; its own rule is left out."
    return [page.paragraphs([told]), page.cards(report.personas)]


def _segments(report: Report) -> list[str]:
    found = report.segments
    told = [found.note, "Customers with an order are compared with each other."]
    caption = (
        "Numbers of segments tried. Stability: how alike the segments of two resamples are. Left: spread "
        "within segments over that of one segment fewer; cloud: the same of a cloud without segments."
    )
    return [
        page.paragraphs(told),
        page.cards(found.personas),
        page.table(found.tried, _TRIED, caption) if len(found.tried) else "",
    ]


def _first_order(report: Report) -> list[str]:
    found = report.first_order
    parts = [page.paragraphs(found.lines())]
    return parts + (_drawn(lambda: plots.plot_first_order(found)) if len(found.curve) else [])


def _drawn(draw: plots.Draw) -> list[str]:
    return [draw()] if plots.can_plot() else []
