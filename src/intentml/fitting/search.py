"""A study: settings drawn one after the other, each trial teaching where to look next.

What comes in: a `Search`, an objective, and how many trials. What goes out: a `Study`, every trial with
its settings and loss. The study lives in a journal in its folder and in this process alone, which draws
and prunes; the processes of `workers` only try. So it can be stopped at any time and gone on with. The
one file that knows Optuna.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from intentml.errors import StudyError
from intentml.fitting.space import Bounds, Choice, Search, Value
from intentml.fitting.workers import Ended, Objective, Reported, Worker, speaking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOURNAL = "study.journal"
_NAME = "study"
_QUESTION, _ERROR = "question", "error"  # attributes of a study and of a failed trial


@dataclass(frozen=True)
class Trial:
    """One trial that has ended.

    Attributes:
        number: From 0; a trial that was cut off keeps its number, so some may be missing.
        state: `pruned` where it was given up early, `failed` where its settings could not be trained.
        settings: What was tried, by setting.
        loss: Of a complete one: less is better.
        losses: What it reported, by epoch.
        error: Of a failed one, a sentence.
        seconds: From its start to its end.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    settings: Mapping[str, Value]
    loss: float | None
    losses: Mapping[int, float]
    error: str | None
    seconds: float


@dataclass(frozen=True)
class Study:
    """The trials of a study folder.

    Attributes:
        folder: Where its journal is.
        start: The value of each setting before the search.
        trials: Those that have ended, by number.
    """

    folder: Path
    start: Mapping[str, Value]
    trials: tuple[Trial, ...]

    @property
    def ranked(self) -> list[Trial]:
        """The complete ones, best first; ties by number."""
        return sorted(
            (trial for trial in self.trials if trial.loss is not None),
            key=lambda trial: (trial.loss, trial.number),
        )

    @property
    def start_loss(self) -> float | None:
        """The loss of `start`; None where the space does not hold it, or it could not be trained."""
        return next((trial.loss for trial in self.ranked if trial.settings == self.start), None)

    def count(self, state: str) -> int:
        """How many trials ended so."""
        return sum(trial.state == state for trial in self.trials)


OnTrial = Callable[[Trial, Study], None]


def run_study(
    search: Search,
    folder: Path,
    objective: Objective,
    *,
    question: Mapping[str, Any],
    start: Mapping[str, Value],
    trials: int,
    jobs: int = 1,
    on_trial: OnTrial = lambda trial, study: None,
) -> Study:
    """Begin the study in `folder`, or go on with it, until so many trials have ended.

    The first trial has the values of `start`, as far as the space holds them: so the best is never worse
    than what was there. With one job, a study cut off and gone on with tries what an unbroken one tries.

    Args:
        search: What to try.
        folder: Where the journal is kept; made where it is not there.
        objective: Settings in, loss out; tried in processes of its own, so it must be picklable.
        question: What the losses answer, as JSON knows it; a folder with another question is refused.
        start: The value of each setting before the search.
        trials: How many in all, those of earlier calls among them.
        jobs: How many at a time.
        on_trial: Called with each trial that ends here, and the study then.

    Raises:
        StudyError: The folder's study answers another question, is in use or cannot be read, or optuna
            is not installed.
        RuntimeError: The objective has a bug.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), _ctrl_c_as_such(), ExitStack() as crew:
        study = _opened(search, folder, question, start)
        bounds = {key: _distribution(bounds) for key, bounds in search.space.items()}
        ended = len(_ended(study))
        idle: list[Worker] = []
        running: dict[Worker, Any] = {}
        while True:
            while len(running) < min(jobs, trials - ended):
                worker = idle.pop() if idle else crew.enter_context(Worker(objective))
                study.sampler = _sampler(search, draw=ended + len(running))
                running[worker] = study.ask(bounds)
                worker.say(running[worker].params)
            if not running:
                return Study(folder, start, _ended(study))
            for worker in speaking(running):
                said, trial = worker.hear(), running[worker]
                if isinstance(said, Reported):
                    trial.report(said.loss, said.epoch)
                    worker.say(trial.should_prune())
                elif isinstance(said, Ended):
                    del running[worker]
                    if worker.alive:
                        idle.append(worker)
                    _tell(study, trial, said)
                    ended += 1
                    now = Study(folder, start, _ended(study))
                    on_trial(next(one for one in now.trials if one.number == trial.number), now)


def plots(folder: Path) -> dict[str, Figure]:
    """Pictures of a study by file name; none before two complete trials differ, or without matplotlib."""
    study = _optuna().load_study(study_name=_NAME, storage=_storage(folder))
    if len({trial.loss for trial in _ended(study)} - {None}) < 2 or find_spec("matplotlib") is None:
        return {}
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as drawn

    with warnings.catch_warnings(action="ignore"):  # experimental since 2.2
        axes: dict[str, Any] = {
            "parallel_coordinates.png": drawn.plot_parallel_coordinate(study, target_name="loss"),
            "importances.png": drawn.plot_param_importances(study, target_name="loss"),
        }
    figures: dict[str, Figure] = {name: drawn.figure for name, drawn in axes.items()}
    for figure in figures.values():
        figure.set_size_inches(6 + len(study.best_params), 5)
        figure.tight_layout()
        pyplot.close(figure)  # pyplot would keep it for a window that nobody opens
    return figures


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time goes on with a study; the lock ends with the process, however that ends."""
    import fcntl

    with (folder / JOURNAL).open("ab") as journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"the study in {folder} is being worked on by another process",
                hint="wait for it, or choose another folder with --study",
            ) from None
        yield


@contextmanager
def _ctrl_c_as_such() -> Iterator[None]:
    """Ctrl-C is told as ctrl-C, where what it fell into failed on its way out: optuna's file lock does."""
    try:
        yield
    except Exception as problem:
        reason = problem.__context__
        while reason is not None and not isinstance(reason, KeyboardInterrupt):
            reason = reason.__context__
        if reason is not None:
            raise KeyboardInterrupt from problem
        raise


def _opened(search: Search, folder: Path, question: Mapping[str, Any], start: Mapping[str, Value]) -> Any:
    """The study of a folder, begun where there is none; what was cut off waits to be tried again."""
    optuna = _optuna()
    try:
        study = optuna.create_study(
            study_name=_NAME,
            storage=_storage(folder),
            pruner=optuna.pruners.MedianPruner(search.pruner.startup_trials, search.pruner.warmup_epochs),
            load_if_exists=True,
        )
        known = study.user_attrs.get(_QUESTION)
        trials = study.get_trials(deepcopy=False)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StudyError(
            f"{folder / JOURNAL} is not a journal that can be read ({type(problem).__name__})",
            hint="choose another folder with --study",
        ) from problem
    if known is None:
        study.set_user_attr(_QUESTION, question)
    else:
        _refuse_another(folder, known, json.loads(json.dumps(question)))
    if not trials:
        inside = {key: start[key] for key, bounds in search.space.items() if bounds.holds(start[key])}
        study.enqueue_trial(inside)
    for trial in trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
    return study


def _refuse_another(folder: Path, known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse to mix losses that answer different questions."""
    was, now = dict(_leaves(known)), dict(_leaves(asked))
    other = [
        f"{path} = {was.get(path, 'none')}, not {now.get(path, 'none')}"
        for path in sorted({**was, **now})
        if was.get(path) != now.get(path)
    ]
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise StudyError(
            f"the study in {folder} was begun with {'; '.join(other[:3])}{more}",
            hint="go on as it was begun, or choose another folder with --study",
        )


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested mappings, by its path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _storage(folder: Path) -> Any:
    """The journal, without a last line that was cut off: the next one would be written onto it."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = folder / JOURNAL
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        with path.open("r+b") as journal:
            journal.truncate(content.rfind(b"\n") + 1)
    return JournalStorage(JournalFileBackend(str(path)))


def _distribution(bounds: Bounds) -> Any:
    """Bounds, as Optuna has them."""
    distributions: Any = _optuna().distributions
    if isinstance(bounds, Choice):
        return distributions.CategoricalDistribution(bounds.choices)
    if bounds.whole:
        return distributions.IntDistribution(bounds.low, bounds.high, bounds.log, bounds.step or 1)
    return distributions.FloatDistribution(bounds.low, bounds.high, bounds.log, bounds.step)


def _sampler(search: Search, draw: int) -> Any:
    """A sampler for one draw: its seed depends on how many came before, not on who drew them."""
    (seed,) = np.random.SeedSequence([search.sampler.seed, draw]).generate_state(1)
    samplers = _optuna().samplers
    return samplers.TPESampler(
        n_startup_trials=search.sampler.startup_trials, multivariate=True, constant_liar=True, seed=int(seed)
    )


def _tell(study: Any, trial: Any, how: Ended) -> None:
    """Write down how a trial ended."""
    from optuna.trial import TrialState

    if how.state == "complete":
        study.tell(trial, how.loss)
    elif how.state == "pruned":
        study.tell(trial, state=TrialState.PRUNED)
    else:
        trial.set_user_attr(_ERROR, how.error)
        study.tell(trial, state=TrialState.FAIL)


def _ended(study: Any) -> tuple[Trial, ...]:
    """The trials that ended, by number; a failed one without an error was cut off, and does not count."""
    return tuple(
        Trial(
            number=trial.number,
            state="failed" if _ERROR in trial.user_attrs else trial.state.name.lower(),
            settings=trial.params,
            loss=trial.value if trial.state.name == "COMPLETE" else None,
            losses=trial.intermediate_values,
            error=trial.user_attrs.get(_ERROR),
            seconds=trial.duration.total_seconds(),
        )
        for trial in study.get_trials()
        if trial.state.name in ("COMPLETE", "PRUNED")
        or (trial.state.name == "FAIL" and _ERROR in trial.user_attrs)
    )


def _optuna() -> Any:
    """The library, without its log of every trial.

    Raises:
        StudyError: It is not installed.
    """
    try:
        import optuna
    except ImportError as problem:
        raise StudyError(
            "optuna is not installed", hint="install the extra: pip install 'intentml[tuning]'"
        ) from problem
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
