"""Keywords by words and by meaning: which products they find, and who then ranks the customers better.

python experiments/0016-keyword-by-meaning/run.py DATA --shops online_retail complete_journey
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd

import intentml as im
from intentml.errors import UnknownTargetError
from intentml.metrics import average_precision
from intentml.pairs.semantic import SentenceVectors
from intentml.pairs.text import product_texts
from intentml.prediction import sigmoid
from intentml.scores.keyword import Match, build_index, search
from intentml.tasks import labels_of
from intentml.timeline.catalogue import Catalogue, Strings

F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WINDOWS = {"complete_journey": ("2017-10-04", 28), "online_retail": ("2011-09-10", 90)}
# Online Retail has no categories: what is asked for, and the names that are meant.
ASKED = {
    "xmas": "christmas",
    "timepiece": "clock",
    "infant": r"bab(y|ies)",
    "automobile": r"\bcars?\b",
    "feline": r"\bcats?\b|kitten",
    "canine": r"\bdogs?\b|doggy|puppy|poodle",
    "stationery": r"notebook|pencil|\bpens?\b|writing set|envelope|eraser|ruler",
    "crockery": r"plate|bowl|mug|\bcups?\b|saucer|teapot",
    "cutlery": "fork|spoon|knife|knives|cutlery",
    "footwear": "slipper|shoe|sock|boots|flip flop",
    "jewellery": r"necklace|bracelet|earring|\brings?\b|brooch|bangle|pendant",
    "hot drinks": r"\btea\b|coffee|cocoa|chocolate",
    "youngsters": r"child|kids|girls?\b|boys?\b",
    "illumination": r"lamp|\blights?\b|lantern|t-light|chandelier",
    "drinking glass": "tumbler|goblet|wine glass|glass",
    "handbag": r"\bbags?\b",
    "confectionery": "candy|sweet|lolly|chocolate",
    "postage mail": "letter|post|postcard|envelope|stamp",
    "playthings": r"\btoys?\b|doll|puzzle|skittles|game|teddy",
    "sewing": "sewing|button|knitting|pin cushion|fabric|needle",
    "bathroom": "bath|soap|toothbrush|shower|towel|toilet",
    "bird house": "bird|nesting|feeder",
    "picture frame": "frame|photo",
    "culinary baking": "baking|cake|cookie|recipe|muffin|cupcake|oven",
    "wall decoration": "wall art|sign|hook|wreath|bunting|garland|poster|plaque",
    "spring holiday eggs": "easter|egg|bunny|chick",
    "romance": "heart|love|valentine|wedding|romantic",
}
# Words of the catalogue itself.
OWN = (
    "lunch bag",
    "cake",
    "clock",
    "tea",
    "candle",
    "heart",
    "bird",
    "garden",
    "card holder",
    "wooden toy",
)
FEWEST_BUYERS, FEWEST_PRODUCTS = 30, 3
PRODUCTS_AT_ONCE = 4_000


@dataclass(frozen=True)
class Keyword:
    """A keyword, the products that are meant, and how words found it."""

    text: str
    meant: Mask
    mode: str
    weights: Mapping[str, F64]


def main() -> None:
    """One table a shop: means over keywords, by how the words found them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shops", nargs="+", default=list(WINDOWS), choices=WINDOWS)
    arguments = parser.parse_args()
    for shop in arguments.shops:
        told = measured(arguments.data / shop, *WINDOWS[shop])
        counts = told.groupby("found by")["keyword"].nunique()
        means = told.groupby(["found by", "way"], sort=False).mean(numeric_only=True).round(3)
        print(f"\n{shop}\n\n{counts.to_string()}\n\n{means.to_string()}", flush=True)


def measured(folder: Path, as_of: str, days: int) -> pd.DataFrame:
    """One row a keyword and way: the products found, the customers ranked by 1 - prod(1 - p) over them."""
    log = im.read_tables(folder)
    settings = [f"priors.horizons_days=[{days}]", 'priors.kinds=["product"]', 'priors.text="none"']
    model = im.train(log, as_of=as_of, recipe="priors", settings=settings)
    snapshot = log.as_of(as_of)
    bought = labels_of(snapshot, log.outcomes(snapshot, days)).bought["product"].tocsc()
    buyers = np.flatnonzero(snapshot.n_orders > 0)
    scores = model.predict(snapshot, days, kinds=["product"]).targets["product"].take(buyers)
    asked = [
        one
        for one in keywords(snapshot.catalogue)
        if one.meant.sum() >= FEWEST_PRODUCTS and came(bought, one, buyers).sum() >= FEWEST_BUYERS
    ]
    every = np.array([weight for one in asked for weight in one.weights.values()], dtype=np.float32).T
    hazard = np.zeros((len(buyers), every.shape[1]))
    for start in range(0, len(scores), PRODUCTS_AT_ONCE):
        some = np.arange(start, min(start + PRODUCTS_AT_ONCE, len(scores)))
        probability = sigmoid(scores.columns(some).astype(np.float64))
        hazard += -np.log1p(-np.minimum(probability, 1 - 1e-9)) @ every[some]
    rows = []
    for number, one in enumerate(asked):
        happened = came(bought, one, buyers)
        for place, (way, weight) in enumerate(one.weights.items()):
            told, found = hazard[:, number * len(one.weights) + place], weight > 0
            rows.append(
                {
                    "keyword": one.text,
                    "found by": one.mode,
                    "way": way,
                    "AP": average_precision(happened, told),
                    "buyers": happened.mean(),
                    "products": found.sum(),
                    "precision": one.meant[found].mean() if found.any() else np.nan,
                    "recall": one.meant[found].sum() / one.meant.sum(),
                    "expected/actual": (1 - np.exp(-told)).sum() / happened.sum(),
                }
            )
    return pd.DataFrame(rows)


def came(bought: object, one: Keyword, buyers: npt.NDArray[np.int64]) -> Mask:
    """Who bought any of the products that are meant."""
    return np.asarray(bought[:, one.meant].sum(axis=1)).ravel()[buyers] > 0  # type: ignore[index]


def keywords(catalogue: Catalogue) -> list[Keyword]:
    """Categories' names over an index that does not know them; of a shop without categories those above."""
    texts = product_texts(catalogue)
    categories = np.array([str(name) for name in catalogue.categories])
    if set(categories) == {"None"}:
        names = [str(name).lower() for name in catalogue.names]
        meant = {word: [bool(re.search(told, name)) for name in names] for word, told in ASKED.items()}
        meant |= {
            f"={words}": [all(word in name for word in words.split()) for name in names] for words in OWN
        }
    else:
        meant = {name: list(categories == name) for name in sorted({*categories} - {"None"})}
    distinct, of_product = np.unique(texts.astype(str), return_inverse=True)
    vectors = SentenceVectors()
    known = vectors.of(distinct.astype(object))
    with TemporaryDirectory() as folder:
        index = text_index(Path(folder) / "texts.sqlite", texts)
        found = []
        for text, products in meant.items():
            asked = text.removeprefix("=").lower()
            cosine = (known @ vectors.of(np.array([asked], dtype=object))[0])[of_product]
            matches = by_words(index, asked)
            mode = matches[0].mode if matches else "nothing"
            shown = "own words" if text.startswith("=") else mode
            found.append(Keyword(text, np.array(products), shown, ways(matches, mode, cosine)))
    return found


def text_index(path: Path, texts: Strings) -> Path:
    """An index of the texts alone."""
    nothing = [None] * len(texts)
    build_index(path, [str(row) for row in range(len(texts))], list(texts), nothing, nothing, nothing)
    return path


def by_words(index: Path, keyword: str) -> list[Match]:
    """What the words find, if anything."""
    try:
        return search(index, keyword)
    except UnknownTargetError:
        return []


def ways(matches: list[Match], mode: str, cosine: F64) -> dict[str, F64]:
    """Weight of every product in -log(1 - p), by how products are found. Shape: (P,) each."""
    words = np.zeros(len(cosine))
    words[[int(match.product_id) for match in matches]] = 1.0
    strict = words if mode in ("all", "beginning") else 0 * words
    found = {"words": words}
    for least in (0.4, 0.5, 0.6):
        meaning = (cosine >= least).astype(float)
        otherwise = meaning if meaning.any() else words
        found[f"meaning from {least}"] = meaning
        found[f"words, else meaning from {least}"] = strict if strict.any() else otherwise
    for least in (0.5, 0.6):
        found[f"words and meaning from {least}"] = np.maximum(words, cosine >= least)
    found["words, and weights by meaning"] = np.maximum(strict, np.clip((cosine - 0.3) / 0.4, 0, 1))
    return found


if __name__ == "__main__":
    main()
