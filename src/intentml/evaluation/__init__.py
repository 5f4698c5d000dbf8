"""Against what: predictors, priors and peers measured on the same windows, in one report.

What comes in: an order log, windows, and a way to fit predictors as of an instant. What goes out:
`BacktestReport`, as numbers, as Markdown and as a few lines for a terminal. It fits nothing itself.
"""

from intentml.evaluation.backtest import backtest
from intentml.evaluation.contenders import Contenders
from intentml.evaluation.measure import Judge, Measured, Population, measure
from intentml.evaluation.measurement import METRICS, Difference, Measurement, Reliability
from intentml.evaluation.report import write_report
from intentml.evaluation.results import BacktestReport
from intentml.evaluation.settings import BacktestConfig
from intentml.evaluation.table import summary_lines
from intentml.evaluation.windows import check_windows

__all__ = [
    "METRICS",
    "BacktestConfig",
    "BacktestReport",
    "Contenders",
    "Difference",
    "Judge",
    "Measured",
    "Measurement",
    "Population",
    "Reliability",
    "backtest",
    "check_windows",
    "measure",
    "summary_lines",
    "write_report",
]
