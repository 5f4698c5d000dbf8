"""Customers as the shop's own table shows them: names, places, ages, consents.

What comes in: hidden state. What goes out: the customers table by contract. Age, gender and client
type lean on the hidden state; nothing here is derived from orders. Addresses are at example.com and
telephone numbers begin with +999, a country code that no country has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.datasets.simulated.calendar import EPOCH, instants
from intentml.datasets.simulated.customers import Hidden
from intentml.datasets.simulated.order_lines import MINUTE_US, OrderFacts, numbered
from intentml.datasets.simulated.purchases import OrderDays
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.vocabulary import CITIES, FIRST_NAMES, GROUPS, LAST_NAMES, SOURCES
from intentml.tables.contracts import CUSTOMERS, TIMESTAMP

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

CONSENTS = ("granted", "denied", "unknown")
CLIENTS = ("individual", "corporate", "government")
KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Profiles:
    """The customers table and what the other tables need of it.

    Attributes:
        table: By contract.
        tax_rate: Rate of the customer's country. Shape: (U,).
        signup_at: When the account was made, microseconds. Shape: (U,).
        subscribed: Whether e-mails may be sent. Shape: (U,).
    """

    table: pa.Table
    tax_rate: F64
    signup_at: I64
    subscribed: npt.NDArray[np.bool_]


def customer_ids(hidden: Hidden) -> pa.Array:
    """Ids; as texts they sort as the numbers do, up to a billion customers."""
    return numbered("C-", hidden.number, 9)


def draw_profiles(
    rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden, orders: OrderDays, facts: OrderFacts
) -> Profiles:
    """Draw every column of the customers table; who orders on the first day signs up an hour before."""
    size = len(hidden)
    signup_at = instants(settings.start, hidden.signup_day, rng.uniform(0.1, 0.95, size=size) * 86_400)
    same_day = orders.day == np.append(hidden.signup_day, -1)[orders.owner]
    signup_at[orders.owner[same_day]] = facts.at[same_day] - 60 * MINUTE_US
    weight = np.array([city.weight for city in CITIES])
    city = rng.choice(len(CITIES), size=size, p=weight / weight.sum())
    km = rng.gamma(1.3, 9.0, size=size)
    latitude, longitude = _points(rng, city, km)
    subscribed = rng.random(size) < 0.6
    given, family = rng.integers(len(FIRST_NAMES), size=size), rng.integers(len(LAST_NAMES), size=size)
    english = rng.random(size) < 0.06
    language = [place.language for place in CITIES]

    def word(values: tuple[str, ...] | list[str], rows: I64, absent: float = 0.0) -> pa.Array:
        return pa.array(values).take(pa.array(rows, mask=rng.random(size) < absent))

    columns = {
        "customer_id": customer_ids(hidden),
        "email": _emails(hidden, given, family, absent=rng.random(size) < 0.03),
        "phone": _nulled(numbered("+999", hidden.number + 200_000_000, 9), rng.random(size) < 0.4),
        "birth_date": _birth_dates(rng, settings, hidden),
        "gender": word(["female", "male", "other"], _genders(rng, hidden), absent=0.08),
        "country": word([place.country for place in CITIES], city),
        "region": word([place.region for place in CITIES], city, absent=0.02),
        "department": word([place.department for place in CITIES], city, absent=0.02),
        "city": word([place.name for place in CITIES], city, absent=0.02),
        "latitude": pa.array(latitude, mask=rng.random(size) < 0.05),
        "longitude": pa.array(longitude, mask=np.isnan(longitude)),
        "area_type": word(["city", "residential", "rural"], np.digitize(km, (6.0, 25.0)), absent=0.05),
        "language": word([*language, "en"], np.where(english, len(CITIES), city)),
        "subscribed": pa.array(subscribed, mask=~subscribed & (rng.random(size) < 0.1)),
        "client_type": word(CLIENTS, hidden.client),
        "groups": _groups(rng, hidden),
        "acquisition_source": word(
            SOURCES, rng.choice(6, size=size, p=(0.35, 0.25, 0.1, 0.1, 0.15, 0.05)), 0.04
        ),
        "created_at": pa.array(signup_at).cast(TIMESTAMP),
        "consent_ad_user_data": word(CONSENTS, rng.choice(3, size=size, p=(0.55, 0.2, 0.25))),
        "consent_ad_personalization": word(CONSENTS, rng.choice(3, size=size, p=(0.45, 0.3, 0.25))),
    }
    columns["longitude"] = _nulled(
        columns["longitude"], columns["latitude"].is_null().to_numpy(zero_copy_only=False)
    )
    table = pa.table([columns[name] for name in CUSTOMERS.names], schema=CUSTOMERS.schema)
    return Profiles(table, np.array([place.tax for place in CITIES])[city], signup_at, subscribed)


def _nulled(values: pa.Array, absent: npt.NDArray[np.bool_]) -> pa.Array:
    """The values with some of them made null."""
    return pc.if_else(pa.array(absent), pa.scalar(None, values.type), values)


def _points(rng: np.random.Generator, city: I64, km: F64) -> tuple[F64, F64]:
    """Points `km` from the middle of their cities, in any direction, to about 10 m."""
    angle = rng.uniform(0, 2 * np.pi, size=len(city))
    latitude = np.array([place.latitude for place in CITIES])[city]
    longitude = np.array([place.longitude for place in CITIES])[city]
    east = km * np.cos(angle) / (KM_PER_DEGREE * np.cos(np.radians(latitude)))
    return np.round(latitude + km * np.sin(angle) / KM_PER_DEGREE, 4), np.round(longitude + east, 4)


def _emails(hidden: Hidden, given: I64, family: I64, absent: npt.NDArray[np.bool_]) -> pa.Array:
    """`first.last.number@example.com`."""
    first = pa.array([name.lower() for name in FIRST_NAMES]).take(pa.array(given))
    last = pa.array([name.lower() for name in LAST_NAMES]).take(pa.array(family))
    number = pc.binary_join_element_wise(pa.array(hidden.number).cast(pa.string()), "@example.com", "")
    return _nulled(pc.binary_join_element_wise(first, last, number, "."), absent)


def _birth_dates(rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden) -> pa.Array:
    """Adults; the mean age leans on the persona."""
    mean = 30 + 3.5 * hidden.persona
    years = np.clip(rng.normal(mean, 9), 18, 90)
    days = (settings.end - EPOCH).days - (years * 365.25).astype(np.int64)
    return pa.array(days.astype(np.int32), mask=rng.random(len(hidden)) < 0.15).cast(pa.date32())


def _genders(rng: np.random.Generator, hidden: Hidden) -> I64:
    """0 female, 1 male, 2 other; the share leans on the persona."""
    female = np.array((0.35, 0.6, 0.5, 0.7, 0.4, 0.55, 0.65, 0.45))[hidden.persona]
    draw = rng.random(len(hidden))
    return np.where(draw > 0.985, 2, (draw > female * 0.985).astype(np.int64))


def _groups(rng: np.random.Generator, hidden: Hidden) -> pa.Array:
    """Groups joined by `;`, null for most; wholesale are companies only."""
    joined = rng.random((len(hidden), len(GROUPS))) < (0.2, 0.1, 0.12, 0.01, 0.3)
    joined[:, GROUPS.index("wholesale")] &= hidden.client == 1
    names = [
        ";".join(group for bit, group in enumerate(GROUPS) if code >> bit & 1)
        for code in range(2 ** len(GROUPS))
    ]
    code = joined @ (1 << np.arange(len(GROUPS)))
    return pa.array(names).take(pa.array(code, mask=code == 0))
