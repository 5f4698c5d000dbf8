"""Pictures of a training.

What comes in: what a model folder says of itself. What goes out: matplotlib figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_figure(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Predicted against observed on validation, a panel for each head and horizon.

    Args:
        curves: `reliability` of a model folder; at least one.
    """
    from matplotlib.figure import Figure

    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.2 * rows), dpi=110, layout="constrained")
    for place, curve in enumerate(curves, 1):
        axes = figure.add_subplot(rows, columns, place)
        # Most probabilities of buying a target are small: logarithmic axes spread them out.
        start = 0.0 if curve["head"] == "no_order" else 1e-4
        axes.plot([start, 1], [start, 1], color="black", linewidth=0.8, linestyle=":")
        axes.plot(curve["predicted"], curve["observed"], marker="o", markersize=4, color="#d95f02")
        if start:
            axes.set(xscale="log", yscale="log", xlim=(start, 1), ylim=(start, 1))
        axes.set_title(f"{curve['head']}, {curve['horizon_days']} days", fontsize=9)
        axes.set(xlabel="predicted probability", ylabel="share that happened")
    return figure
