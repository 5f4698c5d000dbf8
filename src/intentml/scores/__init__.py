"""The shop, scored: what is handed out about every customer, and the folder that keeps it.

In: predictions, histories and the shop's limits. Out: customers with their stages, interests, and the
ranking of all customers for any set of products. It fits no model and draws no audience.
"""
