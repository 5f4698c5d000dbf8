"""What people ask of a customer: the catalogue of traits, each declared once as an Ibis expression.

What comes in: what is known at an instant. What goes out: a table with one row a customer, and the docs page.
"""

from intentml.traits.catalogue import TRAITS, missing_traits, traits_named
from intentml.traits.compute import compute_traits, trait_table
from intentml.traits.fields import FIELDS, customer_fields, field_table, fields_of
from intentml.traits.page import traits_page
from intentml.traits.predicted import PREDICTED
from intentml.traits.relations import TraitRelations, relations
from intentml.traits.rows import arrow_tables
from intentml.traits.trait import Field, Trait

__all__ = [
    "FIELDS",
    "PREDICTED",
    "TRAITS",
    "Field",
    "Trait",
    "TraitRelations",
    "arrow_tables",
    "compute_traits",
    "customer_fields",
    "field_table",
    "fields_of",
    "missing_traits",
    "relations",
    "trait_table",
    "traits_named",
    "traits_page",
]
