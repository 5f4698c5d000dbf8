"""The catalogue of traits: every trait by name, each declared once in the file of its topic.

What comes in: names. What goes out: declarations, in catalogue order. To add a trait, declare it in
its topic's file; columns, rule fields and the docs page follow.
"""

from __future__ import annotations

from collections.abc import Iterable

from intentml.errors import IntentmlError, nearest
from intentml.tables.shop import ShopTables
from intentml.timeline import Known
from intentml.traits.engagement import ENGAGEMENT
from intentml.traits.first_order import FIRST_ORDER
from intentml.traits.last_order import LAST_ORDER
from intentml.traits.profile import PROFILE
from intentml.traits.promotions import PROMOTIONS
from intentml.traits.recency import RECENCY
from intentml.traits.returning import RETURNING
from intentml.traits.rfm import RFM
from intentml.traits.rhythm import RHYTHM
from intentml.traits.site import SITE
from intentml.traits.trait import Trait
from intentml.traits.value import VALUE

DECLARED = (
    *RECENCY,
    *VALUE,
    *RFM,
    *RHYTHM,
    *FIRST_ORDER,
    *LAST_ORDER,
    *RETURNING,
    *PROMOTIONS,
    *SITE,
    *ENGAGEMENT,
    *PROFILE,
)
TRAITS: dict[str, Trait] = {trait.name: trait for trait in DECLARED}


def traits_named(names: Iterable[str] | None = None) -> tuple[Trait, ...]:
    """The traits of some names, in catalogue order, each once; all where None.

    Raises:
        IntentmlError: A name that the catalogue lacks; tells all such names and the nearest ones.
    """
    if names is None:
        return tuple(TRAITS.values())
    wanted = list(names)
    unknown = sorted({name for name in wanted if name not in TRAITS})
    if unknown:
        near = list(dict.fromkeys(known for name in unknown for known in nearest(name, TRAITS)))
        raise IntentmlError(
            f"{', '.join(map(repr, unknown))}: no such trait among the {len(TRAITS)} of the catalogue",
            column=unknown[0],
            hint=f"did you mean {', '.join(near)}?" if near else f"the traits are {', '.join(TRAITS)}",
        )
    return tuple(trait for trait in TRAITS.values() if trait.name in wanted)


def with_used(traits: Iterable[Trait]) -> tuple[Trait, ...]:
    """The traits and those they are computed from, a trait always after the ones it uses."""
    ordered: dict[str, Trait] = {}

    def visit(trait: Trait) -> None:
        for name in trait.uses:
            visit(TRAITS[name])
        ordered.setdefault(trait.name, trait)

    for trait in traits:
        visit(trait)
    return tuple(ordered.values())


def missing_traits(shop: ShopTables | Known) -> dict[str, str]:
    """The traits that nobody of a shop has, and the first column (`table.column`) that each lacks."""
    columns = {f"{table}.{column}" for table, names in shop.present.items() for column in names}
    lacking = {
        trait.name: [need for used in with_used([trait]) for need in used.needs if need not in columns]
        for trait in TRAITS.values()
    }
    return {name: needs[0] for name, needs in lacking.items() if needs}
