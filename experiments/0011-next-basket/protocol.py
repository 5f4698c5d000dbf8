"""The published next-basket protocol: who is learned from, who is asked, and what each bought next.

What comes in: the folder of processed baskets. What goes out: `Protocol`s, the plain counters that its README
has reference points of, and order logs in which a basket is a step of a week. Everybody's last known basket
lies one step before `AS_OF`: what is asked about falls into the week after it, for everybody, and each past
week is an earlier leave-last-basket problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import intentml as im
from intentml.metrics.recommendation import BasketQuality, next_basket
from intentml.timeline import OrderLog

Basket = tuple[int, ...]
Baskets = tuple[Basket, ...]
Lists = Mapping[str, Sequence[int]]

# There are no dates; any will do.
AS_OF = pd.Timestamp("2020-01-01")
STEP_DAYS = 7
FOLDS = 5
LONGEST_LIST = 20
PROTOCOLS = ("tafeng_dnntsp", "dc_dnntsp", *(f"tafeng_reality_check fold {fold}" for fold in range(FOLDS)))


@dataclass(frozen=True)
class Asked:
    """Customers who are asked about.

    Attributes:
        histories: What is known of each, the oldest basket first.
        next_baskets: What each bought next; nobody but the judge looks at it.
    """

    histories: Mapping[str, Baskets]
    next_baskets: Mapping[str, Basket]


@dataclass(frozen=True)
class Protocol:
    """One data set and split.

    Attributes:
        name: One of `PROTOCOLS`.
        train: Every basket of those learned from, also the one that others are asked about.
        shown: What is known of them when others are asked about.
        validation: For choices.
        test: For the table.
        popularity: Items of most baskets first, as the data's README counts them.
    """

    name: str
    train: Mapping[str, Baskets]
    shown: Mapping[str, Baskets]
    validation: Asked
    test: Asked
    popularity: Sequence[int]

    def known(self, asked: Asked) -> dict[str, Baskets]:
        """What may be known when those are asked about."""
        return {**self.shown, **asked.histories}

    def last_hidden(self) -> Protocol:
        """The same where nobody's last basket is known when others are asked about.

        The split is by users, not by time: the last baskets of train lie on the same days as those asked
        about, and tell what sold on those days.
        """
        return replace(self, shown={user: baskets[:-1] for user, baskets in self.train.items()})


def load(folder: Path, name: str) -> Protocol:
    """Read one of `PROTOCOLS` from the folder of processed baskets."""
    source, _, fold = name.partition(" fold ")
    whole, sides = _read(folder / f"{source}.parquet")
    if fold:
        table = pd.read_parquet(folder / f"{source}_folds.parquet")
        sides = dict(zip(table["user_id"], table[f"fold{fold}"], strict=True))
    train = {user: baskets for user, baskets in whole.items() if sides[user] == "train"}
    # The README counts popularity over the baskets of train, in Reality Check over everybody's histories.
    counted = (baskets[:-1] for baskets in whole.values()) if fold else iter(train.values())
    return Protocol(
        name,
        train,
        train,
        _asked(whole, sides, "validate"),
        _asked(whole, sides, "test"),
        _by_count(chain.from_iterable(counted)),
    )


def log_of(known: Mapping[str, Baskets]) -> OrderLog:
    """An order log of baskets, a step apart, everybody's last one a step before `AS_OF`."""
    rows = [
        (
            user,
            f"{user}/{number}",
            AS_OF - pd.Timedelta(days=STEP_DAYS * (len(baskets) - number)),
            name_of(item),
        )
        for user, baskets in known.items()
        for number, basket in enumerate(baskets)
        for item in basket
    ]
    return im.read_tables(
        {"orders": pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_at", "product_id"])}
    )


def name_of(item: int) -> str:
    """An item as a product, so that products sort as the items' numbers do."""
    return f"{item:06d}"


def popular(protocol: Protocol, asked: Asked) -> Lists:
    """The most popular items, for everybody."""
    return dict.fromkeys(asked.histories, protocol.popularity[:LONGEST_LIST])


def personal(protocol: Protocol, asked: Asked) -> Lists:
    """What a customer bought most often; ties by what was bought first."""
    return {user: _by_count(history)[:LONGEST_LIST] for user, history in asked.histories.items()}


def personal_then_popular(protocol: Protocol, asked: Asked) -> Lists:
    """The same, and after it the most popular items that a customer never bought."""
    enough = protocol.popularity[: 2 * LONGEST_LIST]
    return {
        user: [*own, *(item for item in enough if item not in own)][:LONGEST_LIST]
        for user, own in personal(protocol, asked).items()
    }


PLAIN = {
    "popularity": popular,
    "personal frequency": personal,
    "personal frequency, then popularity": personal_then_popular,
}


def judge(lists: Lists, asked: Asked, k: int) -> BasketQuality:
    """How much of each customer's next basket is among the first `k` of the list; customers by their ids."""
    users = sorted(asked.next_baskets)
    hits = np.zeros((len(users), LONGEST_LIST), bool)
    for row, user in enumerate(users):
        came = set(asked.next_baskets[user])
        found = [item in came for item in lists[user][:LONGEST_LIST]]
        hits[row, : len(found)] = found
    return next_basket(hits, [len(asked.next_baskets[user]) for user in users], k=k)


@cache
def _read(path: Path) -> tuple[dict[str, Baskets], dict[str, str]]:
    """Every basket of each user, the target last; and each one's side of the split, where it is told."""
    table = pd.read_parquet(path)
    users = table["user_id"].tolist()
    if "split" in table:
        baskets = [tuple(map(_as_set, each)) for each in table["baskets"]]
        return dict(zip(users, baskets, strict=True)), dict(zip(users, table["split"], strict=True))
    told = zip(users, table["history"], table["target"], strict=True)
    return {user: (*map(_ordered, history), _ordered(target)) for user, history, target in told}, {}


def _asked(whole: Mapping[str, Baskets], sides: Mapping[str, str], side: str) -> Asked:
    users = [user for user in whole if sides[user] == side]
    return Asked({user: whole[user][:-1] for user in users}, {user: whole[user][-1] for user in users})


def _ordered(basket: npt.NDArray[np.integer]) -> Basket:
    return tuple(dict.fromkeys(basket.tolist()))


def _as_set(basket: npt.NDArray[np.integer]) -> Basket:
    # DNNTSP makes a set of each basket, and the ties of the reference points fell in a set's own order.
    return tuple(set(basket.tolist()))


def _by_count(baskets: Iterable[Basket]) -> list[int]:
    """Items by the number of baskets they are in, ties by first occurrence."""
    count: Counter[int] = Counter(chain.from_iterable(baskets))
    return sorted(count, key=count.__getitem__, reverse=True)  # a stable sort, and the first came first
