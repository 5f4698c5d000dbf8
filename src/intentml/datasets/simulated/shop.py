"""The simulated shop as a whole: blocks of customers, tables, truth, folder.

What comes in: `SimulatedShop`. What goes out: a stream of blocks, or all four tables with the truth
beside them, in memory or written to a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.datasets.simulated.behaviour import events_table
from intentml.datasets.simulated.catalogue import catalogue
from intentml.datasets.simulated.customers import Hidden, draw_hidden
from intentml.datasets.simulated.order_lines import draw_facts, orders_table
from intentml.datasets.simulated.profiles import customer_ids, draw_profiles
from intentml.datasets.simulated.purchases import GUEST, draw_baskets, draw_order_days
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.truth import Truth, forget_truth, write_truth
from intentml.tables.write import write_shop

TRUTH_FOLDER = "truth"


@dataclass(frozen=True)
class SimulatedTables:
    """A simulated shop.

    Attributes:
        orders: Order lines by contract.
        products: The catalogue by contract.
        customers: Customers by contract.
        events: Behaviour by contract.
        truth: What no table shows, of these customers.
    """

    orders: pa.Table
    products: pa.Table
    customers: pa.Table
    events: pa.Table
    truth: Truth


def iter_blocks(settings: SimulatedShop) -> Iterator[SimulatedTables]:
    """The shop block after block of customers, each with the whole catalogue, in bounded memory.

    A full block is the same in a shop of any number of customers. Within a block, orders and events
    are sorted by time and customers by id.
    """
    for block in range(settings.blocks):
        yield _block(settings, block)


def simulate_shop(settings: SimulatedShop) -> SimulatedTables:
    """All blocks in one value; the same settings give the same bytes."""
    blocks = list(iter_blocks(settings))
    truths = [block.truth for block in blocks]
    offsets = np.cumsum([0, *(len(truth.order_days) for truth in truths)])
    indptr = [truth.indptr[:-1] + offset for truth, offset in zip(truths, offsets, strict=False)]
    return SimulatedTables(
        orders=pa.concat_tables([block.orders for block in blocks]),
        products=blocks[0].products,
        customers=pa.concat_tables([block.customers for block in blocks]),
        events=pa.concat_tables([block.events for block in blocks]),
        truth=Truth(
            settings=settings,
            customer_ids=np.concatenate([truth.customer_ids for truth in truths]),
            hidden=Hidden.concat([truth.hidden for truth in truths]),
            order_days=np.concatenate([truth.order_days for truth in truths]),
            indptr=np.concatenate([*indptr, offsets[-1:]]),
        ),
    )


def write_simulated(folder: Path, settings: SimulatedShop) -> None:
    """Writes the four tables and, in `truth/`, hidden state and settings.

    Raises:
        DataError: The folder holds something else.
    """
    folder = Path(folder)
    tables = simulate_shop(settings)
    if (folder / "orders.parquet").exists():
        forget_truth(folder / TRUTH_FOLDER)  # an old truth must not stand beside new tables
    write_shop(
        folder,
        orders=tables.orders,
        products=tables.products,
        customers=tables.customers,
        events=tables.events,
    )
    write_truth(folder / TRUTH_FOLDER, tables.truth)


def _block(settings: SimulatedShop, block: int) -> SimulatedTables:
    """Draw one block; each stage has a stream of its own, so that one never shifts another."""

    def stream(stage: int) -> np.random.Generator:
        return settings.rng(1, block, stage)

    shop = catalogue(settings)
    hidden = draw_hidden(settings, shop, block)
    orders = draw_order_days(stream(1), settings, hidden)
    basket = draw_baskets(stream(2), settings, shop, hidden, orders)
    facts = draw_facts(stream(3), settings, hidden, orders, block)
    profiles = draw_profiles(stream(4), settings, hidden, orders, facts)
    ids = customer_ids(hidden)
    owned: npt.NDArray[np.bool_] = orders.owner != GUEST
    return SimulatedTables(
        orders=orders_table(stream(5), settings, shop, hidden, orders, facts, basket, ids, profiles.tax_rate),
        products=shop.table,
        customers=profiles.table,
        events=events_table(stream(6), settings, shop, hidden, orders, facts, basket, profiles, block),
        truth=Truth(
            settings=settings,
            customer_ids=ids.to_numpy(zero_copy_only=False).astype(object),
            hidden=hidden,
            order_days=orders.day[owned],
            indptr=np.searchsorted(orders.owner[owned], np.arange(len(hidden) + 1)),
        ),
    )
