"""How good, on arrays: every number the board prints, as a pure function of predictions and outcomes.

In: numpy arrays, customers (U,) or customers x targets (U, J), of scores or probabilities and of what
happened. Out: frozen dataclasses of floats, or one value a customer / a target so that slices and
intervals stay possible. It knows no tables, no dates, no models and prints nothing.
"""

from intentml.metrics.churn import ChurnMetrics, churn_by_orders, churn_metrics, log_loss
from intentml.metrics.intervals import (
    Interval,
    Resamples,
    auroc_replicates,
    interval,
    ratio_replicates,
    replicates_for,
    statistic_replicates,
    users_for_target_replicates,
)
from intentml.metrics.population import judged_targets, tail_targets
from intentml.metrics.ranking import UsersForTarget, average_precision, chance_lift, users_for_target
from intentml.metrics.recommendation import (
    BasketQuality,
    ListQuality,
    TargetsForUser,
    next_basket,
    targets_for_user,
)
from intentml.metrics.reliability import (
    ReliabilityHistogram,
    ReliabilityTable,
    ece,
    predicted_over_actual,
    reliability_table,
)
from intentml.metrics.separation import auroc, average_ranks
from intentml.metrics.value import (
    DecileTable,
    ValueMetrics,
    decile_table,
    normalised_gini,
    spearman,
    value_metrics,
)

__all__ = [
    "BasketQuality",
    "ChurnMetrics",
    "DecileTable",
    "Interval",
    "ListQuality",
    "ReliabilityHistogram",
    "ReliabilityTable",
    "Resamples",
    "TargetsForUser",
    "UsersForTarget",
    "ValueMetrics",
    "auroc",
    "auroc_replicates",
    "average_precision",
    "average_ranks",
    "chance_lift",
    "churn_by_orders",
    "churn_metrics",
    "decile_table",
    "ece",
    "interval",
    "judged_targets",
    "log_loss",
    "next_basket",
    "normalised_gini",
    "predicted_over_actual",
    "ratio_replicates",
    "reliability_table",
    "replicates_for",
    "spearman",
    "statistic_replicates",
    "tail_targets",
    "targets_for_user",
    "users_for_target",
    "users_for_target_replicates",
    "value_metrics",
]
