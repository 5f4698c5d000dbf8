"""The interval as it is built: fitted on what was known, held against the window after.

python experiments/0008-level/built.py DATA_DIR --as-of 2017-11-06 2017-10-09 --horizon 28 --kinds category
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import intentml as im
from intentml.evaluation.buyers import measure_buyers
from intentml.evaluation.measurement import Sheet
from intentml.fitting.buyers import fit_buyers
from intentml.fitting.priors import PriorsConfig, fit_priors_on
from intentml.fitting.slices import Past
from intentml.fitting.windows import cutoffs
from intentml.tasks import labels_of


def main() -> None:
    """Tell predicted over actual, coverage, and the seconds of processor that fitting takes."""
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("--as-of", nargs="+", required=True)
    ask.add_argument("--horizon", type=int, required=True)
    ask.add_argument("--kinds", nargs="+", required=True)
    given = ask.parse_args()
    log = im.read_tables(given.data)
    config = PriorsConfig(horizons_days=(given.horizon,), kinds=tuple(given.kinds))
    for as_of in given.as_of:
        instant = log.instant(as_of)
        past = Past(log.before(instant))
        start = time.process_time()
        priors = fit_priors_on(past, config, lambda *told: None).best
        fitted = time.process_time()
        plan = cutoffs(past.log, given.horizon, config.windows)
        spread = fit_buyers(past, priors, {given.horizon: plan.all})
        told = time.process_time()
        snapshot = log.as_of(instant)
        customers = np.flatnonzero(snapshot.n_orders > 0)
        sheet = Sheet("priors", instant.iso, given.horizon)
        answer = priors.predict(snapshot, given.horizon, kinds=given.kinds)
        labels = labels_of(snapshot, log.outcomes(snapshot, given.horizon))
        measure_buyers(answer, spread, snapshot, labels, customers, sheet)
        print(
            as_of, f"fit {fitted - start:.0f} s, spread {told - fitted:.0f} s", spread.spreads[given.horizon]
        )
        for one in sheet.measurements:
            print(" ", one.head, one.stratum, one.metric, f"{one.value:.3f}", one.targets, flush=True)


if __name__ == "__main__":
    main()
