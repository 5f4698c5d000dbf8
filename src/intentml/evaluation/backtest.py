"""Backtest: fit at each window's start on what was known, predict, and measure on what came.

What comes in: an order log, windows, a way to fit. What goes out: `BacktestReport`. `fit` is handed
the log cut at the window's as_of, so that it has nothing to leak; every predictor of a window answers
for the same snapshot and is measured on the same outcomes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from intentml.evaluation.comparison import differences
from intentml.evaluation.contenders import Contenders, Fit, Progress, contenders_of
from intentml.evaluation.measure import Judge, Measured, Population
from intentml.evaluation.measurement import Deciles, Difference, Measurement, Reliability
from intentml.evaluation.new_products import NewProducts, check_listed, new_products
from intentml.evaluation.peers.bench import PeerNote, PeerPredictor
from intentml.evaluation.results import BacktestReport, StepTime, WindowVerdict
from intentml.evaluation.settings import BacktestConfig
from intentml.evaluation.windows import check_windows
from intentml.prediction import Predictions
from intentml.tasks import labels_of
from intentml.timeline import OrderLog, Window

Result = TypeVar("Result")

# Progress is told in hundredths of a window, and of its new products; fitting is usually the longer half.
_STEPS, _FITTED = 100, 50


def backtest(
    log: OrderLog,
    windows: Sequence[Window],
    fit: Fit,
    settings: BacktestConfig | None = None,
    progress: Progress = lambda step, done, total: None,
    clock: Callable[[], float] = time.perf_counter,
    fit_new: Fit | None = None,
) -> BacktestReport:
    """Measure predictors over windows.

    Args:
        log: The whole history.
        windows: Windows whose outcomes the log holds wholly.
        fit: Called once a window with the log as it was known at its as_of, and that instant;
            returns the contenders, the same names every time. Of a plain mapping the first is the
            recipe and the others are its baselines.
        settings: What to measure and how.
        progress: Told the step, steps done and steps in all.
        clock: A stop watch, in seconds.
        fit_new: Called once more a window, with the log in which a tenth of the products have sold nothing
            yet (`new_products`); its recipe is the one of `fit`, its other names may differ. None: new
            products are not measured.

    Raises:
        DataError: New products are asked for, and there is no table of products.
        IncompleteOutcomeError: A window ends after the data does; nothing was fitted.
        TimeError: A window starts outside the data or has a horizon outside 7 to 365 days (nothing
            was fitted), or a predictor was trained on what came after the window's start.
        ValueError: There is no window, or `fit` gives other names in a later window.
    """
    settings = settings or BacktestConfig()
    windows = check_windows(log, windows)
    if fit_new is not None:
        check_listed(log)
    parts = 1 if fit_new is None else 2
    run = _Run(log, settings, clock, lambda step, done: progress(step, done, _STEPS * parts * len(windows)))
    for number, window in enumerate(windows):
        run.window(window, fit, number * parts * _STEPS)
        if fit_new is not None:
            run.new_products(window, fit_new, (number * parts + 1) * _STEPS)
    return run.report(windows)


class _Run:
    """One backtest on its way: what was found so far."""

    def __init__(
        self,
        log: OrderLog,
        settings: BacktestConfig,
        clock: Callable[[], float],
        tell: Callable[[str, int], None],
    ) -> None:
        self.log, self.settings, self.clock, self.tell = log, settings, clock, tell
        self.roles: dict[str, str] = {}
        self.new_product_roles: dict[str, str] = {}
        self.measurements: list[Measurement] = []
        self.differences: list[Difference] = []
        self.reliability: list[Reliability] = []
        self.deciles: list[Deciles] = []
        self.populations: list[Population] = []
        self.verdicts: list[WindowVerdict] = []
        self.peers: list[PeerNote] = []
        self.seconds: list[StepTime] = []

    def window(self, window: Window, fit: Fit, done: int) -> None:
        """Fit, predict and measure in one window; one predictor's predictions are held at a time."""
        as_of = window.as_of.iso
        self.tell(f"{as_of[:10]}: fit", done)
        known = self._timed(as_of, "snapshot", "", lambda: self.log.before(window.as_of))
        fitted = self._timed(as_of, "fit", "", lambda: contenders_of(fit(known, window.as_of)))
        self._admit(fitted, window)
        judge = self._timed(as_of, "snapshot", "", lambda: self._judge(window))
        self.populations += judge.population()
        measured: dict[str, Measured] = {}
        for place, name in enumerate(self.roles):
            self.tell(f"{as_of[:10]}: {name}", done + _FITTED + (_STEPS - _FITTED) * place // len(self.roles))
            measured[name] = self._measured(fitted, name, judge, window)
            self.measurements += measured[name].measurements
            self.reliability += measured[name].reliability
            self.deciles += measured[name].deciles
            predictor = fitted.predictors[name]
            if isinstance(predictor, PeerPredictor) and predictor.note is not None:
                self.peers.append(predictor.note)
        self.differences += differences(measured, self.roles)
        self.verdicts += [WindowVerdict(as_of, verdict) for verdict in fitted.verdicts]
        self.tell(f"{as_of[:10]}: done", done + _STEPS)

    def new_products(self, window: Window, fit: Fit, done: int) -> None:
        """Hide the past of a tenth of the products, fit and measure once more."""
        as_of = window.as_of.iso

        def tell(step: str, part: int, parts: int) -> None:
            self.tell(f"{as_of[:10]}: new products: {step}", done + _STEPS * part // parts)

        def measure() -> NewProducts:
            return new_products(self.log, window, fit, self.settings, progress=tell)

        found = self._timed(as_of, "new products", "", measure)
        recipe = next(iter(self.roles))
        if found.roles and next(iter(found.roles)) != recipe:
            raise ValueError(f"of new products the recipe is {next(iter(found.roles))}, and not {recipe}")
        self.new_product_roles |= found.roles
        self.populations.append(found.population)
        self.measurements += found.measurements
        self.differences += found.differences
        self.reliability += found.reliability
        self.tell(f"{as_of[:10]}: done", done + _STEPS)

    def report(self, windows: tuple[Window, ...]) -> BacktestReport:
        """What was found."""
        return BacktestReport(
            roles=self.roles,
            windows=windows,
            measurements=tuple(self.measurements),
            differences=tuple(self.differences),
            reliability=tuple(self.reliability),
            populations=tuple(self.populations),
            verdicts=tuple(self.verdicts),
            source=self.log.tables.source,
            fingerprint=self.log.tables.fingerprint,
            settings=self.settings,
            peers=tuple(self.peers),
            deciles=tuple(self.deciles),
            seconds=tuple(self.seconds),
            new_product_roles=self.new_product_roles,
        )

    def _measured(self, fitted: Contenders, name: str, judge: Judge, window: Window) -> Measured:
        """One predictor's answer, measured and let go; sets and intervals are the recipe's alone."""

        def predict() -> Predictions:
            return fitted.predictors[name].predict(
                judge.snapshot, window.horizon_days, kinds=self.settings.kinds
            )

        def measure() -> Measured:
            if name == fitted.recipe:
                return judge.measure(name, answer, fitted.sets, fitted.buyers)
            return judge.measure(name, answer)

        answer = self._timed(window.as_of.iso, "predict", name, predict)
        return self._timed(window.as_of.iso, "measure", name, measure)

    def _judge(self, window: Window) -> Judge:
        snapshot = self.log.as_of(window.as_of)
        return Judge(
            snapshot, labels_of(snapshot, self.log.outcomes(snapshot, window.horizon_days)), self.settings
        )

    def _admit(self, fitted: Contenders, window: Window) -> None:
        """Refuse other names than in earlier windows, and predictors that know what came after."""
        fitted.check_trained(window.as_of)
        self.roles = self.roles or fitted.roles
        if fitted.roles != self.roles:
            changed = sorted(set(fitted.roles) ^ set(self.roles)) or sorted(self.roles)
            raise ValueError(f"every window needs the same contenders, but {', '.join(changed)} changed")

    def _timed(self, as_of: str, step: str, predictor: str, work: Callable[[], Result]) -> Result:
        """What `work` returns; its time is kept."""
        start = self.clock()
        result = work()
        self.seconds.append(StepTime(as_of, step, predictor, self.clock() - start))
        return result
