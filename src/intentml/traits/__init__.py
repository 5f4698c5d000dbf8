"""What people ask of a customer: the catalogue of traits, each declared once as an Ibis expression.

What comes in: a snapshot. What goes out: a table with one row a customer, and the docs page.
"""

from intentml.traits.catalogue import TRAITS, traits_named
from intentml.traits.compute import compute_traits, trait_table
from intentml.traits.page import traits_page
from intentml.traits.relations import TraitRelations, relations
from intentml.traits.trait import Trait

__all__ = [
    "TRAITS",
    "Trait",
    "TraitRelations",
    "compute_traits",
    "relations",
    "trait_table",
    "traits_named",
    "traits_page",
]
