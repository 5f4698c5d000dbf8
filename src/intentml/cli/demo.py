"""`demo`: the whole way on real data, from order lines to answers that are then held against what came.

What comes in: a folder to write to. What goes out: the shop, a model, scores and a report in it; on
stdout the customers ranked for three categories beside what they bought, lifecycle and importance,
how well that beats counting, and what to run next. Every number is computed in the run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.data import show_gates, show_tables
from intentml.cli.models import show_network, show_report, show_verdicts
from intentml.cli.output import Output, counted, next_steps, say, table
from intentml.cli.scoring import groups, questions, show_groups
from intentml.cli.tracked import curves, keep_report, keep_training, run_body, show_run, tracked

if TYPE_CHECKING:
    from intentml.evaluation import BacktestReport
    from intentml.metrics import ReliabilityTable
    from intentml.scores.scores import Scores
    from intentml.timeline import OrderLog

DATASET = "complete-journey"
RECIPE = "demo"
# A year of data; the 28 days after this instant are there to be predicted and then looked at.
AS_OF, HORIZON_DAYS = "2017-11-01", 28
# Complete Journey is small: contracts.md judges its targets from 10 buyers in the window on.
MIN_BUYERS_IN_WINDOW = 10
KIND = "category"
SHOWN_CUSTOMERS = 5
# A category that much of the shop buys, one in the middle, and a rare one.
_POPULARITIES = (0.1, 0.5, 0.9)
# Of 20 bins of equal mass, where most pairs are unlikely: the lower half, the next quarter, then each.
_ROWS = (slice(0, 10), slice(10, 15), *(slice(at, at + 1) for at in range(15, 20)))


@dataclass(frozen=True)
class Example:
    """One category: who was ranked first, and what they did.

    Attributes:
        category: Its name.
        expected_buyers: Sum of the probabilities of all customers.
        buyers: How many of them bought it in the window.
        customers: The first ones: customer_id, probability, orders_with_it before, bought in the window.
    """

    category: str
    expected_buyers: float
    buyers: int
    customers: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class CameTrue:
    """One row of the calibration table.

    Attributes:
        pairs: Customer x category pairs in the row.
        predicted: Their mean probability.
        observed: The share that was bought.
    """

    pairs: int
    predicted: float
    observed: float


def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the shop, the model, the scores and the report."
        ),
    ] = Path("intentml-demo"),
    tracking: options.Tracking = True,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """The whole way on real data, with what to look at next.

    A year of a grocery shop (Complete Journey): the sequence model trained, measured on the next 28 days
    against every prior, every customer scored.
    """
    from intentml import workflows
    from intentml.datasets.catalogue import get
    from intentml.evaluation import BacktestConfig, write_report
    from intentml.tables.gate import check_report

    told = Output(json, quiet)
    shop, model, scored, measured = (out / name for name in ("shop", "model", "scores", "report"))
    with told.step("writing Complete Journey, a year of a grocery shop"):
        get(DATASET, shop)
    log = options.read_log(str(shop), None, "UTC", told)
    gates = workflows.gate(log, AS_OF, HORIZON_DAYS)
    checked = check_report(log.tables, (), gates)
    with tracked("demo", tracking, told) as run:
        with told.step("training, and measuring on the 28 days after") as tell:
            saved, report = workflows.train_and_measure(
                log,
                as_of=AS_OF,
                horizon_days=HORIZON_DAYS,
                recipe=RECIPE,
                config=BacktestConfig(min_buyers_in_window=MIN_BUYERS_IN_WINDOW, kinds=(KIND,)),
                out=model,
                progress=tell,
                on_epoch=curves(run, told),
            )
        write_report(report, measured)
        version = keep_training(run, log, saved, model, None)
        keep_report(run, report, measured)
    with told.step("scoring every customer") as tell:
        scores = workflows.score(
            saved, log, as_of=AS_OF, horizon_days=HORIZON_DAYS, out=scored, progress=tell
        )
    examples = example_categories(log, scores)
    curve = came_true(report)

    def body() -> dict[str, Any]:
        return {
            "out": str(out),
            "as_of": scores.manifest.as_of,
            "horizon_days": HORIZON_DAYS,
            "model_version": scores.manifest.model.version,
            "check": checked,
            "validation": saved.card["validation"],
            "judged": saved.card["judged"],
            **run_body(run, version),
            "measurements": [asdict(one) for one in report.measurements],
            "calibration": [asdict(row) for row in curve],
            "examples": [asdict(one) for one in examples],
            **groups(scores),
        }

    def show() -> None:
        say(
            f"Complete Journey: real orders of 2017, cut at {AS_OF}; "
            f"the {HORIZON_DAYS} days after are predicted\n"
        )
        show_tables(checked, log.tables)
        show_gates(gates, HORIZON_DAYS)
        say("\nWhat was chosen: validation log-loss (orders and spend: deviance), lower is better.")
        say("* is used; for no_order it is the timing under which all history is likeliest")
        show_verdicts(saved.card["validation"])
        show_network(saved)
        say(
            f"\nMeasured on the {HORIZON_DAYS} days that nobody had seen: "
            "the recipe, then every prior; * is best\n"
        )
        show_report(report)
        show_calibration(curve)
        for example in examples:
            show_example(example)
        say(f"\n{counted(len(scores), 'customer')}, as they stand on {AS_OF}:")
        show_groups(scores)
        say(f"\nEverything lies in {out}; the whole measurement in {measured}")
        show_run(run)
        next_steps(
            *questions(scores, scored),
            ("interested-in", str(scored), "--keyword", "cheese", "--share", "0.05", "--out", "cheese.csv"),
            ("serve", str(scored), "--model", str(model)),
            (
                *(
                    "backtest",
                    str(shop),
                    "--recipe",
                    RECIPE,
                ),
                *("--last-as-of", AS_OF, "--horizon", str(HORIZON_DAYS), "--windows", "3"),
            ),
        )

    told.answer(body, show)


def example_categories(log: OrderLog, scores: Scores) -> tuple[Example, ...]:
    """Three judged categories, from often bought to rare, with the customers ranked first.

    Args:
        log: The whole history, with the window after the scores.
        scores: Of all customers.
    """
    import numpy as np
    from scipy import sparse

    from intentml.pairs.history import pair_history
    from intentml.tasks import labels_of

    snapshot = log.as_of(AS_OF)
    bought = labels_of(snapshot, log.outcomes(snapshot, HORIZON_DAYS)).bought[KIND].tocsc()
    history = pair_history(snapshot, KIND)
    before = sparse.csr_array((history.count, history.target, history.indptr), shape=bought.shape)
    popularity = snapshot.shop.popularity[KIND][0]
    buyers = np.diff(bought.indptr)
    judged = np.flatnonzero(buyers >= MIN_BUYERS_IN_WINDOW)
    by_popularity = judged[np.argsort(-popularity[judged], kind="stable")]
    examples = []
    for share in _POPULARITIES:
        column = int(by_popularity[int(share * len(by_popularity))])
        name = str(snapshot.catalogue.targets(KIND).targets[column])
        answer = scores.interested_in(category=name)
        first = answer.customers.head(SHOWN_CUSTOMERS)
        rows = np.searchsorted(scores.customer_ids, first["customer_id"].to_numpy())
        examples.append(
            Example(
                category=name,
                expected_buyers=answer.expected_buyers,
                buyers=int(buyers[column]),
                customers=tuple(
                    {
                        "customer_id": str(customer),
                        "probability": float(probability),
                        "orders_with_it": int(before[row, column]),
                        "bought": bool(bought[row, column]),
                    }
                    for customer, probability, row in zip(
                        first["customer_id"], first["probability"], rows, strict=True
                    )
                ),
            )
        )
    return tuple(examples)


def came_true(report: BacktestReport) -> tuple[CameTrue, ...]:
    """Predicted against observed for the recipe's categories, in seven rows."""
    found = [one.table for one in report.reliability if (one.predictor, one.head) == (report.recipe, KIND)]
    return condensed(found[0]) if found else ()


def condensed(curve: ReliabilityTable) -> tuple[CameTrue, ...]:
    """Twenty bins of equal mass as seven rows."""
    import numpy as np

    rows = []
    for part in _ROWS:
        weight = curve.weight[part]
        if weight.sum() > 0:
            predicted, observed = (
                float(np.average(values[part], weights=weight))
                for values in (curve.predicted, curve.observed)
            )
            rows.append(CameTrue(round(float(weight.sum())), predicted, observed))
    return tuple(rows)


def show_calibration(rows: tuple[CameTrue, ...]) -> None:
    """The probabilities of customer x category pairs, and how often they came true."""
    say("\nDid the probabilities come true? Customer x category pairs, from unlikely to likely")
    table(
        ("pairs", "predicted", "came true"),
        [(f"{row.pairs:,}", f"{row.predicted:.4f}", f"{row.observed:.4f}") for row in rows],
        right=("pairs", "predicted", "came true"),
    )


def show_example(example: Example) -> None:
    """The customers ranked first for a category, and what they did."""
    say(
        f"\nWho wants {example.category}? "
        f"{example.expected_buyers:,.0f} buyers expected among all customers, {example.buyers:,} came"
    )
    table(
        ("rank", "customer_id", "probability", "orders with it before", f"bought in the {HORIZON_DAYS} days"),
        [
            (
                f"{rank}",
                one["customer_id"],
                f"{one['probability']:.4f}",
                f"{one['orders_with_it']:,}",
                "yes" if one["bought"] else "no",
            )
            for rank, one in enumerate(example.customers, 1)
        ],
        right=("rank", "probability", "orders with it before"),
    )
