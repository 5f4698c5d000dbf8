"""Customer x target: sparse features of what each customer bought before.

What comes in: a snapshot (any partition of customers, or one). What goes out: `PairTable`, one row a
customer and target with history, and neighbour scores for targets alike. Pure array functions; each
customer's numbers depend on that customer's history alone.
"""
