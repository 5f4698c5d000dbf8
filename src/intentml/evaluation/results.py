"""What a backtest found: every number, who was compared, on what data, with which settings.

What comes in: the measurements of `backtest`. What goes out: `BacktestReport`, as a data frame, as
JSON, or as means over windows. How it is shown is `board`'s, `report`'s and `table`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.evaluation.comparison import mean_differences, mean_measurements
from intentml.evaluation.contenders import RECIPE
from intentml.evaluation.measure import Population
from intentml.evaluation.measurement import NEW_PRODUCT, Deciles, Difference, Measurement, Reliability
from intentml.evaluation.peers.bench import PeerNote
from intentml.evaluation.settings import BacktestConfig
from intentml.timeline import Window
from intentml.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from intentml.fitting.priors import Verdict

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class WindowVerdict:
    """What validation said while fitting for one window."""

    as_of: str
    verdict: Verdict


@dataclass(frozen=True)
class StepTime:
    """How long a step of a window took.

    Steps are snapshot, fit, predict and measure (of one predictor), and all of new products.
    """

    as_of: str
    step: str
    predictor: str
    seconds: float


@dataclass(frozen=True)
class BacktestReport:
    """All results of one backtest.

    Attributes:
        roles: Role by predictor, in the order of the tables: recipe, baselines, peers.
        windows: Windows, in the order given.
        measurements: Every number of every window.
        differences: The recipe minus every other predictor, window by window.
        reliability: Tables of predicted against observed.
        populations: Who and what was judged.
        verdicts: What validation said, window by window.
        source: Where the data came from.
        fingerprint: Hash of the data.
        settings: Of the backtest.
        peers: How each peer fared in each window.
        deciles: Tables of expected against actual amounts, by tenths of the customers.
        seconds: How long each step took; the only part that differs between two runs.
        new_product_roles: As `roles`, of those asked about new products; empty where they were not measured.
    """

    roles: Mapping[str, str]
    windows: tuple[Window, ...]
    measurements: tuple[Measurement, ...]
    differences: tuple[Difference, ...]
    reliability: tuple[Reliability, ...]
    populations: tuple[Population, ...]
    verdicts: tuple[WindowVerdict, ...]
    source: str
    fingerprint: str
    settings: BacktestConfig
    peers: tuple[PeerNote, ...] = ()
    deciles: tuple[Deciles, ...] = ()
    seconds: tuple[StepTime, ...] = field(default=(), compare=False)
    new_product_roles: Mapping[str, str] = field(default_factory=dict)

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return next(name for name, role in self.roles.items() if role == RECIPE)

    @property
    def all_roles(self) -> dict[str, str]:
        """Role by predictor, of whatever it was asked."""
        return {**self.roles, **self.new_product_roles}

    def roles_of(self, head: str) -> Mapping[str, str]:
        """Role by predictor, of those asked about a head: rules for new products stand on no other board."""
        return self.new_product_roles if head == NEW_PRODUCT else self.roles

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads that somebody was measured on, kinds of targets first."""
        return tuple(dict.fromkeys(one.head for one in self.measurements))

    def frame(self) -> pd.DataFrame:
        """All measurements, one a row."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.measurements], columns=list(_COLUMNS))

    def mean_over_windows(self) -> tuple[Measurement, ...]:
        """Each predictor's metric, mean over windows.

        The ends of the intervals are means too: as wide as if all windows shared their luck, since
        they share most of their customers.
        """
        return self._means

    def mean_differences(self) -> tuple[Difference, ...]:
        """The recipe minus every other predictor, mean over windows."""
        return mean_differences(self.differences, self._means, self.all_roles)

    @cached_property
    def _means(self) -> tuple[Measurement, ...]:
        return mean_measurements(self.measurements)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; NaN becomes None."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "created_by": __version__,
            "recipe": self.recipe,
            "predictors": [{"name": name, "role": role} for name, role in self.all_roles.items()],
            "windows": [
                {"as_of": window.as_of.iso, "end": window.end.iso, "horizon_days": window.horizon_days}
                for window in self.windows
            ],
            "data": {"source": self.source, "fingerprint": self.fingerprint},
            "settings": self.settings.model_dump(mode="json"),
            "populations": [asdict(one) for one in self.populations],
            "measurements": [asdict(one) for one in self.measurements],
            "mean_over_windows": [asdict(one) for one in self._means],
            "differences": [{**asdict(one), "verdict": one.verdict} for one in self.differences],
            "mean_differences": [{**asdict(one), "verdict": one.verdict} for one in self.mean_differences()],
            "reliability": [asdict(one) for one in self.reliability],
            "deciles": [asdict(one) for one in self.deciles],
            "verdicts": [{"as_of": one.as_of, **asdict(one.verdict)} for one in self.verdicts],
            "peers": [asdict(one) for one in self.peers],
            "seconds": [asdict(one) for one in self.seconds],
        }
        return {name: _plain(value) for name, value in content.items()}


_COLUMNS = Measurement.__dataclass_fields__


def _plain(value: Any) -> Any:
    """The same value of JSON's own types."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
