"""Whether a model may be promoted: it must not lose to a prior, on any head, at any horizon.

What comes in: `judged` of a model folder: log-loss and mAP of the model and of every prior on the same
validation window. What goes out: the comparisons, or a refusal that names the worst one. A loss of at
most one standard error is allowed: it may be luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intentml.errors import PromotionError

_LABELS = {"log_loss": "log-loss", "map": "mAP"}


@dataclass(frozen=True)
class Comparison:
    """The model against one prior.

    Attributes:
        head: no_order or a kind of target.
        horizon_days: Horizon they were judged at.
        metric: log_loss (lower is better) or map (higher is better).
        prior: The prior's name.
        model_value: The model's.
        prior_value: The prior's.
        standard_error: Of the difference, over customers; 0 where it is not known.
    """

    head: str
    horizon_days: int
    metric: str
    prior: str
    model_value: float
    prior_value: float
    standard_error: float

    @property
    def label(self) -> str:
        """The metric, for people."""
        return _LABELS[self.metric]

    @property
    def worse_by(self) -> float:
        """How much worse the model is; below 0 where it is better."""
        difference = self.model_value - self.prior_value
        return difference if self.metric == "log_loss" else -difference

    @property
    def lost(self) -> bool:
        """Whether that is more than one standard error."""
        return self.worse_by > self.standard_error

    def sentence(self) -> str:
        """The loss, told.

        >>> Comparison("brand", 28, "map", "counts", 0.31, 0.35, 0.02).sentence()
        'counts beats the model on brand, 28 days: mAP 0.3500 against 0.3100, standard error 0.0200'
        """
        return (
            f"{self.prior} beats the model on {self.head}, {self.horizon_days} days: {self.label} "
            f"{self.prior_value:.4f} against {self.model_value:.4f}, standard error {self.standard_error:.4f}"
        )


def refuse_loser(judged: Sequence[Mapping[str, Any]]) -> tuple[Comparison, ...]:
    """The model against every prior, by every head, horizon and metric that the prior has.

    Args:
        judged: Rows of head, horizon_days, predictor, role (model or prior), log_loss, log_loss_se,
            map, map_se; `_se` is the standard error of a prior's difference from the model.

    Raises:
        PromotionError: The model loses to a prior by more than one standard error, or was not measured.
    """
    models = {
        (row["head"], row["horizon_days"], metric): row[metric]
        for row in judged
        if row["role"] == "model"
        for metric in _LABELS
    }
    found = []
    for row in judged:
        for metric, label in _LABELS.items():
            if row["role"] == "model" or row[metric] is None:
                continue
            own = models.get((row["head"], row["horizon_days"], metric))
            if own is None:
                raise PromotionError(
                    f"the model has no {label} for {row['head']}, {row['horizon_days']} days, but "
                    f"{row['predictor']} has",
                    hint="train the model again with this version",
                )
            found.append(
                Comparison(
                    row["head"],
                    row["horizon_days"],
                    metric,
                    row["predictor"],
                    own,
                    row[metric],
                    row[f"{metric}_se"] or 0.0,
                )
            )
    if not found:
        raise PromotionError(
            "the model folder holds no comparison with its priors",
            hint="train again with this version, on a history that holds a window to validate on",
        )
    lost = sorted((one for one in found if one.lost), key=_standard_errors, reverse=True)
    if lost:
        more = f"; {len(lost)} of {len(found)} comparisons are lost" if len(lost) > 1 else ""
        raise PromotionError(
            lost[0].sentence() + more,
            hint="a model is promoted when it loses nowhere by more than one standard error; "
            "train with another recipe or more history",
        )
    return tuple(found)


def _standard_errors(one: Comparison) -> float:
    """How sure the loss is."""
    return one.worse_by / one.standard_error if one.standard_error else float("inf")
