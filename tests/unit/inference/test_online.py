"""Order lines in a request: read by the contract of a shop's tables, refused by it too."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from intentml.errors import ContractError, DataError
from intentml.inference.online import read_histories
from intentml.timeline.histories import ShopState
from tiny import AS_OF, tiny_log


def state(timezone: str = "UTC") -> ShopState:
    """The tiny shop on 1 March 2024."""
    log = tiny_log(timezone)
    shop = log.as_of(AS_OF)
    return ShopState(shop.as_of, shop.start, shop.catalogue, log.currency(AS_OF), shop.shop)


def lines(*rows: dict[str, Any]) -> pa.Table:
    """Order lines of one new customer."""
    plain = {"customer_id": "new", "order_id": "n1", "ordered_at": "2024-02-20", "quantity": 1.0}
    names = dict.fromkeys(name for row in (plain, *rows) for name in row)
    return pa.Table.from_pylist([{name: (plain | row).get(name) for name in names} for row in rows])


def test_a_time_without_a_zone_is_the_shop_s_local_time():
    told = {zone: read_histories(lines({}), state(zone)).snapshot for zone in ("UTC", "Europe/Madrid")}
    assert {zone: shot.orders.age_days.tolist() for zone, shot in told.items()} == {
        "UTC": [10.0],
        "Europe/Madrid": [10.0],
    }
    assert told["UTC"].as_of.us != told["Europe/Madrid"].as_of.us


def test_products_that_the_catalogue_lacks_are_named_once_each():
    bought = lines(*({"product_id": name} for name in ("milk", "truffle", "caviar", "truffle", None)))
    assert read_histories(bought, state()).unknown_products == ("caviar", "truffle")


def test_no_line_is_no_history():
    with pytest.raises(DataError, match="holds no order line"):
        read_histories(lines({}).slice(0, 0), state())


@pytest.mark.parametrize("cells", [{"quantity": -1.0}, {"status": "cancelled"}, {"status": "returned"}])
def test_a_customer_without_a_purchase_is_refused_by_the_rows(cells):
    history = lines({"customer_id": "buyer"}, cells)
    with pytest.raises(DataError, match="1 of the customers has no purchase line") as caught:
        read_histories(history, state())
    assert caught.value.rows == (1,)


def test_lines_that_break_the_contract_are_told_as_those_of_a_shop_are():
    with pytest.raises(ContractError, match="the request breaks 1 rule") as caught:
        read_histories(lines({}, {"ordered_at": "yesterday"}), state())
    assert (caught.value.table, caught.value.column, caught.value.rows) == ("orders", "ordered_at", (1,))
