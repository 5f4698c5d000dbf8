"""What we predict: targets bought, no order, orders and spend within the horizon.

What comes in: a snapshot's `Outcomes`. What goes out: `Labels`, plain arrays per customer.
"""

from intentml.tasks.labels import Labels, labels_of

__all__ = ["Labels", "labels_of"]
