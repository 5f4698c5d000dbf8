"""The published next-basket protocol: the model, plain counters and cornac's peers, side by side.

    python experiments/0011-next-basket/run.py DATA/nbr [--only dc_dnntsp] [--peers-env DIR]

What comes in: the folder of processed baskets. What goes out: for each protocol a Markdown table, a 95 %
interval over customers beside each number, and each model's paired difference from every other method (a star
where the interval excludes zero). The model learns from train alone; choices are made with
`--judge validation`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from protocol import PLAIN, PROTOCOLS, Asked, Lists, judge, load
from ranked import of_model, of_peer, of_priors

from intentml.metrics.intervals import Resamples, interval

LENGTHS = (10, 20)
MEASURES = {"recall": "Recall", "ndcg": "nDCG", "ndcg_uncut": "nDCG not cut", "hit": "PHR"}
REPLICATES = 1000
PEERS = ("tifu_knn", "up_cf", "gp_topfreq")


def main() -> None:
    """Measure what is asked for on each protocol."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("data", type=Path, help="folder of processed baskets")
    parser.add_argument("--only", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--judge", choices=("validation", "test"), default="test")
    parser.add_argument("--recipe", nargs="*", default=["priors", "base"])
    parser.add_argument("--set", nargs="+", default=[], dest="settings", metavar="SECTION.KEY=VALUE")
    parser.add_argument("--hide-last", action="store_true", help="see Protocol.last_hidden")
    parser.add_argument(
        "--each-prior", action="store_true", help="the closed-form priors one by one, besides"
    )
    parser.add_argument("--peer", nargs="*", default=["tifu_knn"], choices=PEERS)
    parser.add_argument("--peers-env", type=Path, default=Path("peers-env"))
    options = parser.parse_args()
    for name in options.only:
        protocol = load(options.data, name)
        if options.hide_last:
            protocol = protocol.last_hidden()
        asked: Asked = getattr(protocol, options.judge)
        lists: dict[str, Lists] = {rule: rank(protocol, asked) for rule, rank in PLAIN.items()}
        for peer in options.peer:
            lists[peer], settings = of_peer(peer, protocol, asked, options.peers_env)
            print(f"{peer}: {json.dumps(settings)}", flush=True)
        for recipe in options.recipe:
            start = time.perf_counter()
            lists[recipe], card = of_model(recipe, options.settings, protocol, asked)
            verdicts = (told for told in card["validation"] if told["head"] == "product")
            chosen = [told["prior"] for told in verdicts if told["chosen"]]
            gates = json.dumps(card.get("network", {}).get("gates"))
            print(f"{recipe}: {time.perf_counter() - start:.0f} s, over {chosen}, gates {gates}", flush=True)
        if options.each_prior:
            lists |= of_priors(protocol, asked)
        tell(f"{name}, {options.judge}, {len(asked.histories):,} customers", lists, asked, options.recipe)


def tell(title: str, lists: Mapping[str, Lists], asked: Asked, models: list[str]) -> None:
    """The tables."""
    columns = [f"{label} at {k}" for k in LENGTHS for label in MEASURES.values()]
    values = {method: measured(ranked, asked) for method, ranked in lists.items()}
    weights = Resamples(len(asked.histories), REPLICATES).weights() / len(asked.histories)
    print(f"\n{title}\n\n| method | {' | '.join(columns)} |\n{'|---' * (len(columns) + 1)}|")
    for method, each in values.items():
        told = (interval(float(one.mean()), weights @ one) for one in each)
        cells = (f"{one.value:.4f} ({one.low:.4f} to {one.high:.4f})" for one in told)
        print(f"| {method} | {' | '.join(cells)} |")
    for model in models:
        for method in values:
            if method != model:
                gains = values[model] - values[method]
                told = [interval(float(one.mean()), weights @ one) for one in gains]
                cells = (f"{one.value:+.4f}{'*' if one.excludes_zero else ''}" for one in told)
                print(f"| {model} - {method} | {' | '.join(cells)} |")
    print(flush=True)


def measured(lists: Lists, asked: Asked) -> npt.NDArray[np.float64]:
    """Every measure at every length, by customer. Shape: (columns, U)."""
    found = (judge(lists, asked, k) for k in LENGTHS)
    return np.stack([getattr(quality, measure) for quality in found for measure in MEASURES])


if __name__ == "__main__":
    main()
