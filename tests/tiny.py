"""The tiny shop: sixteen order lines small enough to check every number with a finger.

What comes in: the CSV files of `tests/data/tiny_shop`. What goes out: its tables and its log, in
any time zone, and the same shop with some frames replaced. Tests ask at `AS_OF`, 1 March 2024.

            Jan 1    Jan 31     Feb 10 11   15   20   21   25   27      | Mar 1   2    6    12   28   29
    ana     o01      o02 o03                                            | o11                          o15
            milk x2  milk bread                                         | milk                         soap
            brie                                                        |
    ben                         o04 o05          o07  o08               |                         o14
                                soap x3          brie cancelled         |                         brie
                                    soap -1 (a return)   o07 comes back | on Mar 2
    cho                                                    o09  o10     |                    o13
                                                           bag  bread   |                    lamp
                                 o09 comes back on Feb 28, o10 is recorded on Mar 2 (late)
    ?                                     o06 milk, no customer         |
    dee     signs up one second before AS_OF, never orders (a prospect) |
    eve     signs up at AS_OF                                           |             o12 bread x2

    Products: cake joins one second before AS_OF and is never sold, candle is cancelled alone, bag has
    no category, lamp joins at AS_OF. o11 happens at AS_OF itself; o14 is the last second of the 28
    days after it, and o15 the first instant past them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from intentml.tables.read import read_shop, shop_from_frames
from intentml.tables.shop import ShopTables
from intentml.timeline import Known, OrderLog, Snapshot, known_by

TINY_SHOP = Path(__file__).parent / "data" / "tiny_shop"
AS_OF = "2024-03-01"
HORIZON_DAYS = 28
NAMES = ("orders", "products", "customers", "events")


def tiny_frames() -> dict[str, pd.DataFrame]:
    """The four tables as text, for tests that change a cell before reading."""
    return {name: pd.read_csv(TINY_SHOP / f"{name}.csv", dtype=str) for name in NAMES}


@cache
def tiny_tables(timezone: str = "UTC") -> ShopTables:
    """The tables as the door reads them."""
    return read_shop(TINY_SHOP, timezone=timezone)


@cache
def tiny_log(timezone: str = "UTC") -> OrderLog:
    """The log of all sixteen lines."""
    return OrderLog.from_tables(tiny_tables(timezone))


def tiny_snapshot(as_of: str = AS_OF) -> Snapshot:
    """What is known at `as_of`."""
    return tiny_log().as_of(as_of)


@cache
def tiny_known(as_of: str = AS_OF) -> Known:
    """Everything known at `as_of`, with people and events."""
    return known_by(tiny_log(), as_of)


def log_of(frames: dict[str, pd.DataFrame], timezone: str = "UTC") -> OrderLog:
    """The log of some frames."""
    return OrderLog.from_tables(shop_from_frames(**frames, timezone=timezone))
