"""What we predict: targets bought, no order, orders and spend within the horizon.

What comes in: a snapshot's `Outcomes`. What goes out: `Labels` and `NextOrder`, plain arrays per customer.
"""

from intentml.tasks.labels import Labels, amounts_of, labels_of
from intentml.tasks.timing import NextOrder, next_order_of

__all__ = ["Labels", "NextOrder", "amounts_of", "labels_of", "next_order_of"]
