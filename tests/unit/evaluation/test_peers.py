"""Peers: a process each, fed with the past alone, measured like everybody; one that fails stops nobody."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import fake_peer
from fortunes import Fortune
from intentml.errors import PeerError
from intentml.evaluation import BacktestConfig, backtest, summary_lines
from intentml.evaluation.contenders import Contenders
from intentml.evaluation.measurement import CALIBRATION
from intentml.evaluation.peers import environment
from intentml.evaluation.peers.bench import PeerBench, PeerPredictor
from intentml.evaluation.peers.catalogue import PEERS, Peer, chosen_peers
from intentml.evaluation.peers.inputs import write_inputs
from intentml.evaluation.report import markdown
from intentml.fitting.slices import Past
from intentml.timeline import Window
from simulated_log import simulated

HORIZON = 28
NAMES = ("answers", "ranks", "breaks", "miscounts", "is_silent")


def fake(name):
    return Peer(name, "a fake", None, fake_peer.FILE, "targets", ("category",))


@pytest.fixture(scope="module")
def log():
    return simulated(200)[0]


@pytest.fixture(scope="module")
def as_of(log):
    return log.instant(log.until.plus_days(-HORIZON))


@pytest.fixture(scope="module")
def given(log, as_of, tmp_path_factory):
    """The inputs of one window."""
    place = tmp_path_factory.mktemp("peers") / "inputs"
    return write_inputs(Past(log.before(as_of)), HORIZON, ("category",), 0, place)


@pytest.fixture(scope="module")
def report(log, as_of, tmp_path_factory):
    settings = BacktestConfig(kinds=("category", "category_node"), min_buyers_in_window=5, resamples=20)

    def fit(past, at):
        guess = Fortune("guess", no_order=np.full(len(past.as_of(at)), 0.4))
        return Contenders({"guess": guess}, recipe="guess").beside(bench.contenders(past, HORIZON))

    peers = [fake(name) for name in NAMES]
    with PeerBench(peers, tmp_path_factory.mktemp("none"), kinds=settings.kinds) as bench:
        return backtest(log, [Window(as_of, HORIZON)], fit, settings)


@pytest.fixture(scope="module")
def notes(report):
    return {note.peer: note for note in report.peers}


def measured(report, name, metric):
    return [one for one in report.measurements if (one.predictor, one.metric) == (name, metric)]


def test_a_peer_is_measured_on_both_rankings_and_on_customers(report, notes):
    assert notes["answers"].failure is None
    assert measured(report, "answers", "map")[0].value > 0
    assert measured(report, "answers", "ndcg_10")[0].value > 0.1
    assert any(one.head == "no_order" for one in measured(report, "answers", "auroc"))
    assert any(one.against == "answers" and one.head == "no_order" for one in report.differences)


def test_settings_are_those_that_validation_prefers(notes):
    chosen = notes["answers"].settings["category"]
    assert chosen["sign"] == 1.0
    assert 0 < chosen["validation_ndcg_10"] <= 1


def test_scores_that_only_rank_are_no_probabilities(report):
    told = {one.predictor for one in report.measurements if one.question == CALIBRATION}
    assert told == {"answers"}


def test_a_peer_is_asked_about_its_own_kinds_alone(report):
    assert {one.head for one in report.measurements if one.predictor == "ranks"} == {"category"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("breaks", "MemoryError: no room"),
        ("miscounts", "not for every customer"),
        ("is_silent", "wrote no answer.json"),
    ],
)
def test_a_peer_that_fails_says_why_in_its_row_and_the_run_goes_on(report, notes, name, why):
    assert why in notes[name].failure
    assert not [one for one in report.measurements if one.predictor == name]
    page = markdown(report)
    row = next(line for line in page.splitlines() if line.startswith(f"| {name} (peer, failed"))
    assert why in row
    assert len({line.count("|") for line in page.split("### Categories")[1].splitlines()[4:10]}) == 1
    assert any(line.startswith(f"{name} failed") for line in summary_lines(report))


def test_the_page_holds_the_recipe_against_the_best_peer(report):
    page = markdown(report)
    assert "| No order (churn) | AUROC | 0.5000" in page
    assert ", answers | " in page.split("## The recipe against the best peer")[1].split("##")[0]


def test_a_peer_that_takes_too_long_is_ended(log, as_of, given, tmp_path):
    peer = PeerPredictor(fake("never_ends"), Path(sys.executable), given, HORIZON, 1.0, tmp_path)
    assert not peer.predict(log.as_of(as_of), HORIZON).targets
    assert peer.note.failure == "took longer than 1 s"
    assert peer.note.seconds < 30


def test_the_same_question_is_asked_once(log, as_of, given, tmp_path):
    def asked(name, python, inputs=given):
        peer = PeerPredictor(fake(name), Path(python), inputs, HORIZON, 60.0, tmp_path / "answers")
        return peer.predict(log.as_of(as_of), HORIZON), peer.note

    said, note = asked("answers", sys.executable)
    again, later = asked("answers", "/no/such/python")
    assert later == note
    assert later.seconds == note.seconds
    for kind in said.targets:
        np.testing.assert_array_equal(again.targets[kind].rows([0, 1]), said.targets[kind].rows([0, 1]))
    np.testing.assert_array_equal(again.no_order, said.no_order)
    # One byte more for it to read is another question.
    other = shutil.copytree(given.folder, tmp_path / "other")
    (other / "task.json").write_text((other / "task.json").read_text() + "\n")
    with pytest.raises(FileNotFoundError):
        asked("answers", "/no/such/python", replace(given, folder=other))


def test_a_kept_answer_that_is_broken_is_asked_for_again(log, as_of, given, tmp_path):
    for _ in range(2):
        peer = PeerPredictor(fake("answers"), Path(sys.executable), given, HORIZON, 60.0, tmp_path)
        said = peer.predict(log.as_of(as_of), HORIZON)
        assert said.targets
        assert peer.note.failure is None
        [kept] = tmp_path.iterdir()
        (kept / "category.npy").write_bytes(b"")  # as after a power cut


def test_what_is_no_answer_is_not_kept(log, as_of, given, tmp_path):
    for _ in range(2):
        peer = PeerPredictor(fake("is_silent"), Path(sys.executable), given, HORIZON, 60.0, tmp_path)
        peer.predict(log.as_of(as_of), HORIZON)
        assert peer.note.failure
        assert not list(tmp_path.iterdir())


def test_nothing_that_a_peer_is_given_is_of_the_window(log, as_of, given):
    now = pq.read_table(given.folder / "now/category/baskets.parquet")
    before = pq.read_table(given.folder / "validation/category/baskets.parquet")
    assert min(now["age_days"].to_pylist()) > 0
    assert min(before["age_days"].to_pylist()) > 0
    snapshot = log.as_of(as_of)
    orders = pq.read_table(given.folder / "now/customers.parquet")["orders"].to_numpy()
    assert orders.tolist() == snapshot.n_orders[given.customers].tolist()
    # Labels are of windows that ended before as_of: as many orders as the log itself holds of them.
    last = pq.read_table(given.folder / "learning/validate.parquet")["came_orders"].to_numpy().sum()
    start = as_of.plus_days(-HORIZON)
    lines = log.purchases.at
    assert last == len(np.unique(log.purchases.order[(lines >= start.us) & (lines < as_of.us)])) - newcomers(
        log, start, as_of
    )


def newcomers(log, start, end):
    """Orders in a window of customers without an order before it."""
    known = set(log.purchases.customer[log.purchases.at < start.us].tolist())
    inside = (log.purchases.at >= start.us) & (log.purchases.at < end.us)
    pairs = zip(log.purchases.customer[inside], log.purchases.order[inside], strict=True)
    return len({order for who, order in pairs if int(who) not in known})


def test_settings_are_found_on_windows_that_end_where_validation_begins(log, as_of, given, tmp_path):
    """What settings are tried on is what a peer would have learned from a window earlier."""
    earlier = Past(log.before(as_of.plus_days(-HORIZON)))
    shifted = write_inputs(earlier, HORIZON, (), 0, tmp_path / "earlier")
    tune, train = given.folder / "learning/tune.parquet", shifted.folder / "learning/train.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(tune), pd.read_parquet(train))


def test_an_unknown_peer_is_refused_with_the_nearest_name():
    with pytest.raises(PeerError, match="no peer is called 'sasrek'") as problem:
        chosen_peers(["sasrek"])
    assert "did you mean sasrec?" in str(problem.value)


def test_every_peer_has_a_script_and_pinned_requirements():
    for peer in PEERS.values():
        assert peer.script.is_file()
        lines = (environment.REQUIREMENTS / f"{peer.environment}.txt").read_text("utf-8").splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_an_environment_that_cannot_be_made_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(PeerError, match="the environment numpy2 of the peers cannot be made") as problem:
        environment.interpreter(tmp_path, "numpy2")
    assert "PIP_INDEX_URL" in str(problem.value)


def test_a_folder_of_something_else_is_not_made_an_environment(tmp_path):
    (tmp_path / "numpy2").mkdir()
    (tmp_path / "numpy2" / "thesis.txt").write_text("years of work")
    with pytest.raises(PeerError, match="is no environment"):
        environment.interpreter(tmp_path, "numpy2")
    assert (tmp_path / "numpy2" / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_an_environment_is_made_once_and_again_when_its_pins_change(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    (tmp_path / "tiny.txt").write_text(f"{tmp_path / 'no-such-package.whl'}\n")
    with pytest.raises(PeerError, match=r"ERROR: .*no-such-package"):
        environment.interpreter(tmp_path / "envs", "tiny")
    (tmp_path / "tiny.txt").write_text("# nothing\n")
    python = environment.interpreter(tmp_path / "envs", "tiny")
    made = Path(python).lstat().st_mtime_ns
    assert environment.interpreter(tmp_path / "envs", "tiny").lstat().st_mtime_ns == made


@pytest.mark.slow
def test_real_peers_answer_in_a_real_environment(log, as_of, tmp_path, monkeypatch):
    """LightGBM and lifetimes alone: what they need is installed within a minute."""
    pins = (environment.REQUIREMENTS / "numpy2.txt").read_text("utf-8").splitlines()
    wanted = ("lightgbm", "lifetimes", "numpy", "pandas", "pyarrow", "scipy")
    (tmp_path / "numpy2.txt").write_text("\n".join(line for line in pins if line.startswith(wanted)))
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    chosen = chosen_peers(["lightgbm_pairs", "lightgbm_rfm", "lifetimes_mbg_nbd"])
    try:
        with PeerBench(chosen, tmp_path / "envs", kinds=("category",), limit_s=200) as bench:
            peers = bench.contenders(log.before(as_of), HORIZON)
            answers = {name: peer.predict(log.as_of(as_of), HORIZON) for name, peer in peers.items()}
    except PeerError as problem:
        pytest.skip(str(problem))
    assert {name: peer.note.failure for name, peer in peers.items()} == dict.fromkeys(peers)
    assert answers["lightgbm_pairs"].targets["category"].probabilities
    for name in ("lightgbm_rfm", "lifetimes_mbg_nbd"):
        silent = answers[name].no_order
        assert np.nanmin(silent) >= 0
        assert np.nanmax(silent) <= 1
