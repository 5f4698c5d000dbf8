"""Categories for a shop that has none: what its products are called by, a noun of their names.

What comes in: a folder of tables whose products have names. What goes out: the same tables in a folder of
their own, with a category for each product that has a noun which many names end with: `JUMBO BAG RED
RETROSPOT` is a BAG, since ten names end so. Colours, sizes and looks are no nouns, plurals are singular.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd

SHARED_BY = 10
_COLOURS = (
    "PINK",
    "BLUE",
    "RED",
    "GREEN",
    "WHITE",
    "BLACK",
    "IVORY",
    "CREAM",
    "SILVER",
    "GOLD",
    "PURPLE",
    "TURQUOISE",
)
_SIZES = ("SET", "PACK", "ASSORTED", "ASSTD", "DESIGN", "SMALL", "LARGE", "MEDIUM", "MINI")
_LOOKS = ("RETROSPOT", "POLKADOT", "CHRISTMAS", "VINTAGE", "ROSE", "STAR", "HEART", "GIRL", "GARDEN")
_NO_NOUNS = frozenset((*_COLOURS, *_SIZES, *_LOOKS))


def words_of(name: str) -> list[str]:
    """The words that may be nouns, in the singular.

    >>> words_of("JUMBO BAG RED RETROSPOT"), words_of("SET OF 3 CAKE TINS")
    (['JUMBO', 'BAG'], ['CAKE', 'TIN'])
    """
    words = [word for word in re.split("[^A-Z]+", name.upper()) if len(word) > 2]
    single = (word[:-1] if word.endswith("S") and not word.endswith(("SS", "AS")) else word for word in words)
    return [word for word in single if word not in _NO_NOUNS]


def derived(names: pd.Series) -> pd.Series:
    """The category of each product: the last of its words that many names end with; null without one."""
    words = names.fillna("").map(words_of)
    ends = words[words.str.len() > 0].str[-1].value_counts()
    nouns = set(ends.index[ends >= SHARED_BY])
    return words.map(lambda found: next((word for word in reversed(found) if word in nouns), None))


def with_categories(shop: Path, out: Path) -> Path:
    """The shop's tables, its products with derived categories."""
    out.mkdir(parents=True, exist_ok=True)
    for table in shop.glob("*.parquet"):
        shutil.copy(table, out / table.name)
    products = pd.read_parquet(shop / "products.parquet")
    category = derived(products["name"])
    products.assign(category=category, category_path=category).to_parquet(out / "products.parquet")
    return out
