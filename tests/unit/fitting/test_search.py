"""Studies: so many trials and no more, none lost, the same whether cut off or not, one question each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import objectives
from intentml.errors import StudyError
from intentml.fitting.search import JOURNAL, Study, plots, run_study
from intentml.fitting.space import Search

SEARCH = Search.model_validate(
    {
        "name": "test",
        "recipe": "priors",
        "space": {"x": {"low": 0.0, "high": 1.0}, "n": {"low": 1, "high": 8}},
        "sampler": {"startup_trials": 4},
        "pruner": {"startup_trials": 3, "warmup_epochs": 2},
    }
)
QUESTION = {"data": "abc", "recipe": {"priors": {"windows": 3}}}
START = {"x": 0.9, "n": 1}


def study(folder: Path, objective: Any = objectives.bowl, trials: int = 3, **options: Any) -> Study:
    return run_study(
        SEARCH, folder, objective, **{"question": QUESTION, "start": START, "trials": trials, **options}
    )


def tried(of: Study) -> list[dict[str, Any]]:
    return [dict(trial.settings) for trial in of.trials]


def beats(folder: Path) -> dict[str, str]:
    """How far each worker at work has come."""
    return {path.name: path.read_text() for path in folder.glob("*.beat")}


def until(it_is_so: Callable[[], bool]) -> None:
    """Waits; fails where it takes a minute."""
    deadline = time.monotonic() + 60
    while not it_is_so():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.05)


def test_two_workers_make_exactly_as_many_trials_as_asked(tmp_path: Path) -> None:
    told = []
    done = study(tmp_path, trials=7, jobs=2, on_trial=lambda trial, so_far: told.append(trial.number))
    assert [trial.number for trial in done.trials] == list(range(7))
    assert sorted(told) == list(range(7))
    assert done.count("complete") == 7
    assert len({trial.settings["x"] for trial in done.trials}) == 7


def test_the_first_trial_is_what_was_there_before(tmp_path: Path) -> None:
    done = study(tmp_path, start={"x": 0.9, "n": 100}, trials=1)
    assert done.trials[0].settings["x"] == 0.9
    assert 1 <= done.trials[0].settings["n"] <= 8  # 100 is outside the space: drawn instead


def test_trials_come_to_where_the_loss_is_least(tmp_path: Path) -> None:
    done = study(tmp_path, trials=30)
    best = done.ranked[0]
    assert best.loss == min(trial.loss for trial in done.trials if trial.loss is not None)
    assert abs(best.settings["x"] - 0.3) < 0.15
    assert best.settings["n"] == 4
    later = [trial.loss for trial in done.trials[15:]]
    assert sum(later) / 15 < sum(trial.loss for trial in done.trials[:4]) / 4


def test_a_study_that_was_cut_off_goes_on_to_the_trials_of_an_unbroken_one(tmp_path: Path) -> None:
    def stop(trial: Any, so_far: Study) -> None:
        if trial.number == 4:
            raise KeyboardInterrupt

    unbroken = study(tmp_path / "unbroken", trials=8)
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path / "broken", trials=8, on_trial=stop)
    with pytest.raises(RuntimeError, match="no such setting"):  # this one cuts off the sixth trial
        study(tmp_path / "broken", objectives.wrong, trials=8)
    again = study(tmp_path / "broken", trials=8)
    assert tried(again) == tried(unbroken)


def test_ctrl_c_is_told_as_such_where_what_it_fell_into_fails_on_its_way_out(tmp_path: Path) -> None:
    def lock_lost(*told: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("did not possess lock")

    def plain(*told: object) -> None:
        raise RuntimeError("did not possess lock")

    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, trials=1, on_trial=lock_lost)
    with pytest.raises(RuntimeError, match="did not possess lock"):
        study(tmp_path, trials=2, on_trial=plain)


def test_a_study_with_enough_trials_starts_no_worker(tmp_path: Path) -> None:
    study(tmp_path, trials=2)
    assert len(study(tmp_path, objectives.wrong, trials=2).trials) == 2


def test_a_study_of_another_question_is_refused_by_what_is_different(tmp_path: Path) -> None:
    study(tmp_path, trials=1)
    other = {"data": "abc", "recipe": {"priors": {"windows": 5}}}
    with pytest.raises(StudyError, match=r"recipe\.priors\.windows = 3, not 5") as problem:
        study(tmp_path, question=other)
    assert "data" not in problem.value.message
    assert "--study" in str(problem.value.hint)


def test_settings_that_cannot_be_trained_are_told_and_do_not_end_the_study(tmp_path: Path) -> None:
    done = study(tmp_path, objectives.often_refused, trials=8)
    failed = [trial for trial in done.trials if trial.state == "failed"]
    assert len(done.trials) == 8
    assert failed
    assert done.count("complete") == 8 - len(failed) > 0
    assert all(trial.error == f"x = {trial.settings['x']:.2f} is too small" for trial in failed)


def test_a_loss_that_is_no_number_is_a_failed_trial(tmp_path: Path) -> None:
    done = study(tmp_path, objectives.diverging, trials=1)
    assert done.trials[0].error == "its loss is nan: the training diverged"
    assert done.ranked == []


def test_a_worker_that_dies_fails_its_trial_and_another_takes_its_place(tmp_path: Path) -> None:
    done = study(tmp_path, objectives.too_large, trials=4)
    assert "its process ended with status 9" in str(done.trials[0].error)  # x = 0.9
    assert done.count("complete") > 0
    assert len(done.trials) == 4


def test_a_bug_ends_the_study_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'no such setting'") as problem:
        study(tmp_path, objectives.wrong)
    assert "objectives.py" in str(problem.value)


def test_a_trial_worse_than_the_median_of_the_others_is_given_up(tmp_path: Path) -> None:
    done = study(tmp_path, objectives.curve, trials=12)
    complete = [trial for trial in done.trials if trial.state == "complete"]
    pruned = [trial for trial in done.trials if trial.state == "pruned"]
    assert pruned
    assert all(list(trial.losses) == list(range(1, 11)) for trial in complete)
    assert all(2 <= len(trial.losses) < 10 and trial.loss is None for trial in pruned)


@pytest.mark.parametrize(("cut", "status"), [(signal.SIGINT, 1), (signal.SIGKILL, -9)])
def test_a_process_cut_off_takes_its_workers_along_and_what_they_tried_is_tried_again(
    tmp_path: Path, cut: signal.Signals, status: int
) -> None:
    """For real: a process that is sent the signal, with two workers in the middle of their trials."""
    context = multiprocessing.get_context("spawn")
    options = {"question": QUESTION, "start": START, "trials": 4, "jobs": 2}
    command = context.Process(
        target=run_study, args=(SEARCH, tmp_path, objectives.Working(tmp_path)), kwargs=options
    )
    command.start()
    until(lambda: len(beats(tmp_path)) == 2)
    assert command.pid is not None
    os.kill(command.pid, cut)
    command.join(30)
    assert command.exitcode == status
    until(lambda: beats(tmp_path) == (time.sleep(0.3), beats(tmp_path))[1])
    done = study(tmp_path, trials=4)
    assert done.count("complete") == 4
    assert START in tried(done)


def test_two_processes_do_not_work_on_one_study(tmp_path: Path) -> None:
    def second(trial: Any, so_far: Study) -> None:
        with pytest.raises(StudyError, match="is being worked on by another process"):
            study(tmp_path)

    assert len(study(tmp_path, trials=1, on_trial=second).trials) == 1


def test_a_journal_cut_off_in_the_middle_of_a_line_is_gone_on_with(tmp_path: Path) -> None:
    study(tmp_path, trials=2)
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')
    assert len(study(tmp_path, trials=3).trials) == 3
    assert len(study(tmp_path, trials=4).trials) == 4


@pytest.mark.parametrize("content", ["no journal\n", '{"op_code": 4}\n', "[1]\n"])
def test_a_file_that_is_no_journal_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(StudyError, match="is not a journal that can be read"):
        study(tmp_path)


def test_each_worker_has_one_thread_unless_the_caller_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert study(tmp_path / "silent", objectives.threads, trials=1).trials[0].loss == 1
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert study(tmp_path / "asked", objectives.threads, trials=1).trials[0].loss == 3


def test_a_study_has_its_pictures_from_the_second_complete_trial_on(tmp_path: Path) -> None:
    study(tmp_path, trials=1)
    assert plots(tmp_path) == {}
    study(tmp_path, trials=6)
    pictures = plots(tmp_path)
    assert set(pictures) == {"parallel_coordinates.png", "importances.png"}
    for name, figure in pictures.items():
        figure.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5_000
