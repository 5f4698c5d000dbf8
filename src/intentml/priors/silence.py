"""The logit of P(no order) as a sum: whoever has just begun, then this customer's orders, pace and silence.

What comes in: a timing prior and one customer. What goes out: logit by part. BTYD is no sum, so the parts
are steps: from a customer who has ordered for the first time just now, to one with as many orders at the
shop's pace, to the own pace, to today. Each step is what the probability does there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intentml.prediction import logit
from intentml.priors.activity import ActivityPrior, buyer_counts
from intentml.priors.btyd import no_purchase_probability
from intentml.priors.btyd_counts import BtydCounts
from intentml.priors.contributions import BASE_RATE, CALIBRATION, OWN_RHYTHM
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot

# So near to 0 and 1 a probability may come; every step is cut alike, or they would not add up.
FLOOR = 1e-12


def silence_contributions(prior: ActivityPrior, one: Snapshot, horizon_days: int) -> dict[str, float]:
    """The parts of the prior's logit of P(no order within the horizon), of the snapshot's only customer."""
    uncalibrated = replace(prior, calibration={})
    said, raw = (
        float(logit(timing.no_order(one, horizon_days)[0, 0], FLOOR)) for timing in (prior, uncalibrated)
    )
    buyers, counts = buyer_counts(timing_statistics(one))
    if prior.btyd is None or not len(buyers):
        return {BASE_RATE: raw, CALIBRATION: said - raw}
    x, span = float(counts.x[0]), float(counts.t_x[0])
    at_shop_pace = x / prior.order_rate if prior.order_rate > 0 else span
    path = BtydCounts(
        x=np.array([0.0, x, x, x]),
        t_x=np.array([0.0, at_shop_pace, span, span]),
        T=np.array([0.0, at_shop_pace, span, float(counts.T[0])]),
    )
    silent = no_purchase_probability(prior.btyd, path, horizon_days)[:, 0]
    steps = logit(silent * np.exp(-prior.comeback_rate * horizon_days), FLOOR)
    orders, rhythm, idle = np.diff(steps)
    return {
        BASE_RATE: float(steps[0]),
        "orders_so_far": float(orders),
        OWN_RHYTHM: float(rhythm),
        "idle": float(idle),
        CALIBRATION: said - raw,
    }
