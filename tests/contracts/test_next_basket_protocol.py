"""The published next-basket protocol of experiments/0011: nothing asked about is told; its points are met."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXPERIMENT = Path(__file__).parents[2] / "experiments/0011-next-basket"

# As the data's README has them: recall, nDCG cut, nDCG not cut (where it tells that), PHR.
POINTS = {
    ("tafeng_dnntsp", "popularity", 10): (0.1025, 0.0974, None, 0.3047),
    ("tafeng_dnntsp", "popularity", 20): (0.1227, 0.1033, None, 0.3682),
    ("tafeng_dnntsp", "personal frequency, then popularity", 10): (0.1300, 0.1183, None, 0.3885),
    ("tafeng_dnntsp", "personal frequency, then popularity", 20): (0.1939, 0.1379, None, 0.5130),
    ("dc_dnntsp", "popularity", 10): (0.1618, 0.0880, None, 0.2274),
    ("dc_dnntsp", "popularity", 20): (0.2475, 0.1116, None, 0.3289),
    ("dc_dnntsp", "personal frequency, then popularity", 10): (0.4576, 0.3371, None, 0.5557),
    ("dc_dnntsp", "personal frequency, then popularity", 20): (0.5274, 0.3567, None, 0.6240),
    ("tafeng_reality_check", "popularity", 10): (0.0764, 0.0843, 0.0812, 0.2431),
    ("tafeng_reality_check", "popularity", 20): (0.1041, 0.0914, 0.0909, 0.3208),
    ("tafeng_reality_check", "personal frequency", 10): (0.1057, 0.1007, 0.0949, 0.3506),
    ("tafeng_reality_check", "personal frequency", 20): (0.1388, 0.1102, 0.1092, 0.4315),
    ("tafeng_reality_check", "personal frequency, then popularity", 10): (0.1183, 0.1059, 0.1000, 0.3706),
    ("tafeng_reality_check", "personal frequency, then popularity", 20): (0.1672, 0.1205, 0.1196, 0.4802),
}


@pytest.fixture
def baskets(monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENT)
    return importlib.import_module("protocol")


@pytest.fixture
def ranked(monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENT)
    return importlib.import_module("ranked")


@pytest.fixture
def folder(tmp_path):
    """Sixty users, four to eight baskets each, of twelve items of which each user has two of their own."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "split": "train" if user < 40 else ("validate" if user < 50 else "test"),
            "user_id": f"u{user:02d}",
            "baskets": [
                sorted({user % 6, 6 + user % 5, int(rng.integers(12))}) for _ in range(rng.integers(4, 9))
            ],
        }
        for user in range(60)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "dc_dnntsp.parquet")
    return tmp_path


def test_every_users_last_known_basket_is_one_step_before_the_instant_asked_about(baskets, folder):
    asked = baskets.load(folder, "dc_dnntsp")
    log = baskets.log_of(asked.known(asked.test))
    snapshot = log.as_of(baskets.AS_OF)
    ages = np.split(snapshot.orders.age_days, snapshot.order_indptr[1:-1])
    for user, own in zip(snapshot.customer_ids, ages, strict=True):
        known = asked.train.get(user) or asked.test.histories[user]
        assert own.tolist() == [7.0 * back for back in range(len(known), 0, -1)]
    # A step earlier, the same is asked about every one of them.
    earlier = log.as_of(baskets.AS_OF - pd.Timedelta(days=baskets.STEP_DAYS))
    np.testing.assert_array_equal(snapshot.n_orders - earlier.n_orders, 1)


def test_what_is_asked_about_reaches_neither_log_nor_list(baskets, ranked, folder):
    asked = baskets.load(folder, "dc_dnntsp")
    bought = pd.read_parquet(folder / "dc_dnntsp.parquet")
    last = bought["split"] != "train"
    bought.loc[last, "baskets"] = pd.Series(
        [[*history[:-1], [900 + number]] for number, history in enumerate(bought.loc[last, "baskets"])],
        index=bought.index[last],
    )
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    bought.to_parquet(elsewhere / "dc_dnntsp.parquet")
    other = baskets.load(elsewhere, "dc_dnntsp")
    assert other.test.next_baskets != asked.test.next_baskets
    told, otherwise = (baskets.log_of(each.known(each.test)) for each in (asked, other))
    assert told.tables.fingerprint == otherwise.tables.fingerprint
    small = ["priors.sample_per_window=1000"]
    lists, _ = ranked.of_model("priors", small, asked, asked.test)
    assert lists == ranked.of_model("priors", small, other, other.test)[0]
    # What is known does reach them.
    own = sum(len({user % 6, 6 + user % 5} & set(lists[f"u{user}"][:4])) for user in range(50, 60))
    assert own > 15


def test_hidden_last_baskets_are_learned_from_and_not_shown(baskets, folder):
    asked = baskets.load(folder, "dc_dnntsp")
    hidden = asked.last_hidden()
    assert hidden.train == asked.train
    for user, known in hidden.known(asked.test).items():
        assert known == (asked.train[user][:-1] if user in asked.train else asked.test.histories[user])


def test_the_lists_are_judged_as_by_hand(baskets):
    asked = baskets.Asked({"a": ((1,),), "b": ((2,),)}, {"a": (1, 3), "b": (5,)})
    found = baskets.judge({"a": [3, 4, 1], "b": [1, 2]}, asked, 2)
    assert found.recall.tolist() == [1 / 2, 0.0]
    assert found.hit.tolist() == [1.0, 0.0]
    assert found.ndcg[0] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_the_reference_points_of_the_published_splits_are_met_to_the_last_digit(baskets, shared_data):
    folder = shared_data / "nbr"
    if not folder.is_dir():
        pytest.skip("no processed baskets here: put them in shared/data/nbr beside the checkout")
    found: dict[tuple[str, str, int], list[list[float]]] = {}
    for name in baskets.PROTOCOLS:
        asked = baskets.load(folder, name)
        for method, rank in baskets.PLAIN.items():
            lists = rank(asked, asked.test)
            for k in (10, 20):
                one = baskets.judge(lists, asked.test, k)
                means = [float(each.mean()) for each in (one.recall, one.ndcg, one.ndcg_uncut, one.hit)]
                found.setdefault((name.partition(" fold ")[0], method, k), []).append(means)
    for point, told in POINTS.items():
        measured = np.mean(found[point], axis=0).round(4)
        assert [(one, f"{is_:.4f}") for one, is_ in zip(told, measured, strict=True) if one is not None] == [
            (one, f"{one:.4f}") for one in told if one is not None
        ], point
