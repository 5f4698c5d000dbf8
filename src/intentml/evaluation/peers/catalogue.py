"""Which peers there are: what each is, where it runs, what it is asked.

What comes in: names. What goes out: `Peer` values. Their scripts stand in `scripts`, what their
environments hold in `environments`; the package itself needs none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from intentml.errors import PeerError, nearest

Question = Literal["targets", "customers"]

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True)
class Peer:
    """One predictor of another package.

    Attributes:
        name: What boards call it.
        about: What it is, in a few words.
        environment: Name of a requirements file; None for the interpreter that runs the command.
        script: The file that runs there as `python SCRIPT IN OUT NAME`.
        question: Whether it scores customer x target pairs, or customers (no order, orders, spend).
        kinds: Kinds of targets it is asked about, where the cost of all is not bearable; None for all.
    """

    name: str
    about: str
    environment: str | None
    script: Path
    question: Question
    kinds: tuple[str, ...] | None = None


def _peer(
    name: str, question: Question, script: str, about: str, *, on: str = "numpy2", kinds: str = ""
) -> Peer:
    asked = tuple(kinds.split()) or None
    return Peer(name, about, on, SCRIPTS / f"{script}.py", question, asked)


PEERS = {
    peer.name: peer
    for peer in (
        _peer(
            "lightgbm_pairs",
            "targets",
            "lightgbm_pairs",
            "LightGBM over our pair features",
            kinds="category product",
        ),
        _peer("lightgbm_rfm", "customers", "lightgbm_rfm", "LightGBM over recency, frequency and money"),
        _peer("als", "targets", "implicit_als", "implicit's ALS matrix factorisation"),
        _peer("tifu_knn", "targets", "cornac_baskets", "cornac's TIFU-KNN"),
        _peer("up_cf", "targets", "cornac_baskets", "cornac's UP-CF@r"),
        _peer("gp_topfreq", "targets", "cornac_baskets", "cornac's GP-TopFreq"),
        _peer("lifetimes_bg_nbd", "customers", "lifetimes_btyd", "lifetimes' BG/NBD and Gamma-Gamma"),
        _peer("lifetimes_mbg_nbd", "customers", "lifetimes_btyd", "lifetimes' MBG/NBD and Gamma-Gamma"),
        _peer("lifetimes_pareto_nbd", "customers", "lifetimes_btyd", "lifetimes' Pareto/NBD and Gamma-Gamma"),
        _peer(
            "sasrec", "targets", "rectools_sasrec", "RecTools' SASRec", on="numpy1", kinds="category product"
        ),
    )
}
"""Every peer that a backtest can measure, by name."""


def chosen_peers(names: Sequence[str]) -> tuple[Peer, ...]:
    """Peers by name, in the order of the catalogue.

    Raises:
        PeerError: No peer has one of the names.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        close = nearest(unknown[0], PEERS, limit=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise PeerError(f"no peer is called {unknown[0]!r}", hint=f"{guess}there are {', '.join(PEERS)}")
    return tuple(peer for name, peer in PEERS.items() if name in names)
