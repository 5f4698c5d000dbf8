"""Pictures of the base, as SVG that takes the colours of the page around it.

What comes in: tables of this room. What goes out: SVG text to stand inside HTML: no file, no font and no
script from elsewhere. Without matplotlib there are no pictures.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.insights.first_order import FirstOrderThreshold
from intentml.scores.stages import LIFECYCLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Draw = Callable[[], str]

# Told apart on white and on black, and by people who do not see red and green apart.
STAGE_COLOURS = dict(zip(LIFECYCLES, ("#8c8c8c", "#56b4e9", "#009e73", "#e69f00", "#d55e00"), strict=True))
_FIRST, _SECOND = "#0072b2", "#e69f00"
# Stands for the colour of the text, whatever that is.
_TEXT = "#010203"
_WIDTH = 5.5
_STYLE: Any = {
    "svg.fonttype": "none",  # letters stay letters: they can be read out, searched, and scale
    "svg.hashsalt": "intentml",  # the same picture is the same bytes
    "text.parse_math": False,  # a $ in a name is a $
    "text.color": _TEXT,
    "axes.edgecolor": _TEXT,
    "axes.labelcolor": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def can_plot() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def plot_base(base: pd.DataFrame) -> str:
    """The stages at each instant, stacked; newest at the bottom."""
    with _drawing(len(base)) as (axes, finish):
        start = np.zeros(len(base))
        names = [as_of[:10] for as_of in base.index]
        for stage in LIFECYCLES:
            counts = base[stage].to_numpy()
            label = stage.replace("_", " ")
            axes.barh(names, counts, left=start, color=STAGE_COLOURS[stage], label=label)
            start += counts
        axes.invert_yaxis()
        axes.set_xlabel("customers")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(LIFECYCLES), frameon=False)
    return finish[0]


def plot_shares(compared: pd.DataFrame) -> str:
    """Share of customers against share of revenue, an audience a row."""
    with _drawing(len(compared)) as (axes, finish):
        places = np.arange(len(compared))
        axes.hlines(places, compared["share"], compared["share_of_revenue"], color=_TEXT, linewidth=1)
        for column, colour, label in (
            ("share", _FIRST, "share of customers"),
            ("share_of_revenue", _SECOND, "share of revenue"),
        ):
            axes.plot(compared[column], places, "o", color=colour, label=label)
        axes.set_yticks(places, list(compared.index))
        axes.set_xlim(0, None)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.invert_yaxis()
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return finish[0]


def plot_first_order(found: FirstOrderThreshold) -> str:
    """The rate of second orders by size of the first, with 95 % intervals and the threshold."""
    with _drawing(7) as (axes, finish):
        curve = found.curve
        places = np.arange(len(curve))
        reach = np.abs(curve[["low", "high"]].to_numpy().T - curve["rate"].to_numpy())
        axes.errorbar(places, curve["rate"], yerr=reach, fmt="o", color=_FIRST, capsize=3)
        spans = zip(curve["from"], curve["to"], strict=True)
        axes.set_xticks(places, [f"{a:,.4g}" if a == b else f"{a:,.4g}-{b:,.4g}" for a, b in spans])
        if found.threshold is not None:
            # Between the last step that ends below the threshold and the one that reaches it.
            axes.axvline(float((curve["to"] < found.threshold).sum()) - 0.5, color=_SECOND, linestyle="--")
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel(found.size.removeprefix("first_order_") + " in the first order")
        axes.set_ylabel(f"second order within {found.within_days:.0f} days")
    return finish[0]


@contextmanager
def _drawing(rows: int) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; afterwards the list holds the SVG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    finished: list[str] = []
    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 1.2 + 0.35 * rows), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        yield axes, finished
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    finished.append(_inside_html(text.getvalue()))


def _inside_html(svg: str) -> str:
    """The drawing alone: as wide as the page lets it, in the page's colours, with no address in it."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body)  # HTML knows what an svg is
    body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    return body.replace("xlink:href", "href").replace(_TEXT, "currentColor")
