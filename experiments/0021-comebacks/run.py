"""The best timing prior of each window, without and with its comeback rate; prints log-loss of no order."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss

import intentml as im
from intentml.fitting.heads import fit_no_order
from intentml.fitting.slices import Past
from intentml.fitting.windows import cutoffs

WINDOWS = (
    ("complete_journey", 28, ("2017-11-01", "2017-10-04", "2017-09-06")),
    ("grocery_elog", 90, ("2007-10-01", "2007-07-03", "2007-04-04")),
    ("online_retail", 90, ("2011-09-10", "2011-06-12", "2011-03-14")),
    ("cdnow", 181, ("1998-01-01",)),
    ("ta_feng", 30, ("2001-01-30",)),
)


def main() -> None:
    """Measure every window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with one folder a shop")
    data = parser.parse_args().data
    print(
        "| shop, as_of, days | prior | rate | log-loss as it is | **with comebacks** |\n|---|---|---|---|---|"
    )
    for name, days, instants in WINDOWS:
        log = im.read_tables(data / name)
        for as_of in instants:
            at = log.as_of(as_of).as_of
            past, now = Past(log.before(at)), Past(log).at(at)
            plan = cutoffs(past.log, days, 3)
            prior, _ = fit_no_order(past, [plan] if plan else [])
            buyers = now.snapshot.n_orders > 0
            happened = now.labels(days).no_order[buyers]
            losses = [
                log_loss(
                    happened, one.calibrated({}).no_order(now.snapshot, days)[buyers, 0].clip(1e-7, 1 - 1e-7)
                )
                for one in (prior.coming_back(0.0), prior)
            ]
            told = " | ".join(f"{loss:.4f}" for loss in np.array(losses))
            print(
                f"| {name}, {as_of}, {days} | {prior.name} | {prior.comeback_rate:g} | {told} |", flush=True
            )


if __name__ == "__main__":
    main()
