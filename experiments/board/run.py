"""The board: model, priors and peers on every data set, written into experiments/README.md.

    python experiments/board/run.py DATA --out DIR [--recipe base] [--only NAME ...] [--peers-env DIR]

What comes in: a folder that holds the data sets by name; the simulated shop is made. What goes out: a whole
report a data set in `DIR/NAME`, and the section of the board that stands between the data set's own markers;
one that is not run keeps its section.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from names import with_categories
from truth import TruthItself

from intentml import workflows
from intentml.datasets.simulated import TRUTH_FOLDER, SimulatedShop, read_truth, write_simulated
from intentml.evaluation import BacktestConfig, BacktestReport, write_report
from intentml.evaluation.measurement import MEAN
from intentml.evaluation.peers.catalogue import PEERS
from intentml.evaluation.standings import standings, standings_table
from intentml.timeline.catalogue import KINDS

README = Path(__file__).parents[1] / "README.md"


@dataclass(frozen=True)
class Shop:
    """A data set and its windows: contracts.md fixes who and what is judged."""

    name: str
    title: str
    last_as_of: str
    horizon_days: int
    windows: int = 3
    min_buyers: int = 20
    kinds: tuple[str, ...] = KINDS
    new_products: bool = False  # whether to hold a tenth of the products out of training too


SHOPS = (
    Shop("complete_journey", "Complete Journey", "2017-11-01", 28, min_buyers=10, new_products=True),
    Shop("ta_feng", "Ta-Feng", "2001-01-30", 30, windows=1, kinds=("category",)),
    Shop("online_retail", "Online Retail", "2011-09-10", 90, new_products=True),
    Shop(
        "online_retail_categories",
        "Online Retail, categories derived from names",
        "2011-09-10",
        90,
        kinds=("category",),
    ),
    Shop("instacart_sample", "Instacart sample", "2016-11-01", 30),
    Shop("cdnow", "CDNOW", "1998-01-01", 181, windows=1),
    Shop("grocery_elog", "grocery_elog", "2007-10-01", 90),
    Shop("simulated", "Simulated shop, with its truth", "2024-10-01", 28),
)
TRUTH = "truth"
NEW = (
    "New products: a tenth of them lose their past, the recipe is fitted once more; without peers, which are "
    "given the pairs of products sold; predicted / actual is over all that were held out."
)
SIMULATED = SimulatedShop(customers=4_000, dial=0.3, seed=1)


def main() -> None:
    """Run what is asked for, one data set after the other."""
    asked = argparse.ArgumentParser(description="Run the board.")
    asked.add_argument("data", type=Path, help="folder with a folder for each data set")
    asked.add_argument("--out", type=Path, required=True, help="folder for the whole reports")
    asked.add_argument("--recipe", default="base")
    asked.add_argument("--only", nargs="+", choices=[shop.name for shop in SHOPS], help="some of them")
    asked.add_argument("--windows", type=int, help="how many windows, instead of the board's own number")
    asked.add_argument("--peer", nargs="+", default=list(PEERS), choices=list(PEERS))
    asked.add_argument("--peers-env", type=Path, default=Path("peers-env"))
    options = asked.parse_args()
    for shop in SHOPS:
        if options.only and shop.name not in options.only:
            continue
        folder, others = options.data / shop.name, {}
        if shop.name == "online_retail_categories":
            folder = with_categories(
                options.data / "online_retail", options.out / "online_retail_with_categories"
            )
        if shop.name == "simulated":
            folder = options.out / "simulated_shop"
            write_simulated(folder, SIMULATED)
            others = {TRUTH: TruthItself(read_truth(folder / TRUTH_FOLDER))}
        report = workflows.backtest(
            workflows.read_tables(folder),
            last_as_of=shop.last_as_of,
            horizon_days=shop.horizon_days,
            windows=options.windows or shop.windows,
            recipe=options.recipe,
            settings=[
                f"priors.horizons_days=[{shop.horizon_days}]",
                f"priors.kinds={json.dumps(shop.kinds)}",
            ],
            config=BacktestConfig(min_buyers_in_window=shop.min_buyers, kinds=shop.kinds),
            peers=options.peer,
            peers_env=options.peers_env,
            others=others,
            new_products=shop.new_products,
            progress=lambda step, done, total, name=shop.name: print(f"{name}: {step} ({done} of {total})"),
        )
        write_report(report, options.out / shop.name)
        put(README, shop.name, section(shop, report))


def section(shop: Shop, report: BacktestReport) -> str:
    """One data set's part of the board."""
    windows = ", ".join(f"{one.as_of.datetime:%Y-%m-%d}" for one in report.windows)
    several = len(report.windows) > 1
    found = standings(report, MEAN if several else report.windows[0].as_of.iso, aside=(TRUTH,))
    failed: dict[str, list[str]] = {}
    for one in report.peers:
        if one.failure:
            failed.setdefault(one.failure, []).append(f"{one.peer} from {one.as_of[:10]}")
    answered = dict.fromkeys(one.peer for one in report.peers if not one.failure)
    about = [
        f"{shop.horizon_days} days from {windows}{' (means)' if several else ''}.",
        *([f"Targets: {', '.join(shop.kinds)} alone."] if shop.kinds != KINDS else []),
        f"Peers: {', '.join(answered) or 'none'}.",
        *([NEW] if shop.new_products else []),
        *(f"Without an answer ({why}): {', '.join(who)}." for why, who in failed.items()),
    ]
    lines = [
        f"### {shop.title}",
        "",
        " ".join(about),
        "",
        standings_table(found, report.recipe),
    ]
    return "\n".join(lines)


def put(page: Path, name: str, text: str) -> None:
    """Put a section between its markers; the markers must be there."""
    start, end = f"<!-- board: {name} -->", f"<!-- end of board: {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page.name} has no markers for {name}: {start} ... {end}")
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
